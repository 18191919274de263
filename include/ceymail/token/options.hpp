// SPDX-License-Identifier: MIT
// What was asked of ceymail-token on its command line.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::token {

enum class Command { help, version, init, generate, revoke, status };

struct Options {
    Command command = Command::help;
    std::optional<std::filesystem::path> config;
    std::filesystem::path output;  // of generate
    bool force = false;
    bool settings = false;  // of init: also for ceymail-settings
    bool json = false;
    std::string database_user;                   // the administrator's account; empty: the system user's name
    std::filesystem::path database_option_file;  // for that account; empty: none
};

// ErrorKind::invalid where it cannot be understood.
[[nodiscard]] util::Result<Options> parse_options(int argc, const char* const* argv);

[[nodiscard]] std::string help_text();

}  // namespace ceymail::token
