// SPDX-License-Identifier: MIT
// The keys of ceymail-metrics.conf: the name of each, what is allowed, and where its value goes. For the parser of the
// file; others call parse_configuration().
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ceymail/config/configuration.hpp"

namespace ceymail::config {

inline constexpr const char* k_journal = "journal";  // of `mail_log`

struct Key {
    const char* name;
    std::string allowed;                                                  // words of an error: "give ..."
    std::function<std::string(Configuration&, const std::string&)> take;  // returns why the value is not allowed, or ""
    std::function<void(Configuration&)> drop_default{};                   // for a key that may be given more than once
};

// Threads: any.
[[nodiscard]] const std::vector<Key>& keys();

}  // namespace ceymail::config
