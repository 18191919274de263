// SPDX-License-Identifier: MIT
// --check: what works on this host, and what to do about the rest.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/config/configuration.hpp"

namespace ceymail::doctor {

// --check: a line for each part; `source`: where the configuration came from. With `url` the web server is asked too.
[[nodiscard]] int check(const config::Configuration& configuration, const std::string& source,
                        const std::optional<std::string>& url);

// For --check, before the configuration is loaded: false, and a line that says so, where reading `file` hangs.
[[nodiscard]] bool can_be_read_in_time(const std::filesystem::path& file);

}  // namespace ceymail::doctor
