// SPDX-License-Identifier: MIT
// ServiceEntry: one line `service = NAME UNIT... [PROCESS...]` of ceymail-metrics.conf(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ceymail/util/result.hpp"

namespace ceymail::config {

struct ServiceEntry {
    std::string name;                    // the label of ceymail_service_up
    std::vector<std::string> units;      // is_service_unit_name() or is_service_unit_pattern()
    std::vector<std::string> processes;  // names of executables; '*' stands for any characters

    friend bool operator==(const ServiceEntry&, const ServiceEntry&) = default;
};

// Parses the value of the key. A word that ends in .service is a unit, another word is a process.
// Errors: invalid: the message names the wrong word and the reason.
[[nodiscard]] util::Result<ServiceEntry> parse_service_entry(const std::string& value);

// Checks the name of such a line, or of a line `certificate = NAME PATH`.
// Errors: invalid: the message has the name.
[[nodiscard]] util::Result<void> check_entry_name(const std::string& name);

// Whether systemd accepts it as the name of a service that can be loaded, systemd.unit(5).
[[nodiscard]] bool is_service_unit_name(const std::string& name);

// Whether it becomes such a name when each '*' is replaced by a letter. Its first character is no '*', so that it does
// not stand for all units.
[[nodiscard]] bool is_service_unit_pattern(const std::string& name);

// Whether it can be the name of an executable, with '*' for any characters, but not at the start.
[[nodiscard]] bool is_process_pattern(std::string_view name);

// Whether `name` is `pattern`, or matches it where it has a '*'.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);

}  // namespace ceymail::config
