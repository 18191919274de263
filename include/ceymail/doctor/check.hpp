// SPDX-License-Identifier: MIT
// --check: reports which parts work on this host, and the remedy for each that does not.
// Processes: ceymail-metrics --check, with a child process for each part.
// May touch: what root or the service's user may read; it changes nothing.
// Security: the answers of web server, service and /proc are untrusted; they are printed without control characters.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/config/configuration.hpp"

namespace ceymail::doctor {

// Prints a line for each part. `source`: where the configuration came from. With `url` it also asks the web server,
// with `token_file` it compares the token in that file with the active one.
// Returns: EX_OK, or EX_CONFIG if any part is bad.
[[nodiscard]] int check(const config::Configuration& configuration, const std::string& source,
                        const std::optional<std::string>& url, const std::optional<std::filesystem::path>& token_file);

// Call before the configuration is loaded. Returns: false if reading `file` hangs, which it prints.
[[nodiscard]] bool can_be_read_in_time(const std::filesystem::path& file);

}  // namespace ceymail::doctor
