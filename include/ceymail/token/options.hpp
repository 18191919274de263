// SPDX-License-Identifier: MIT
// The command line of ceymail-token. ceymail-token(8).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::token {

enum class Command { help, version, init, generate, adopt, revoke, status };

struct Options {
    Command command = Command::help;
    std::optional<std::filesystem::path> config;
    std::filesystem::path output;  // for generate
    bool force = false;
    bool detached = false;        // for generate: without a database
    bool settings = false;        // for init: also prepare ceymail-settings
    bool if_missing = false;      // for init: only if the tables are gone
    bool reset_password = false;  // for init: also where an account has another password
    bool json = false;
    std::string database_user;                   // the administrator's account; empty: the system user's name
    std::filesystem::path database_option_file;  // for that account; empty: none
};

// Errors: invalid: an unknown option or command, a missing value, no command, two commands, an option that does not
// belong to the command.
[[nodiscard]] util::Result<Options> parse_options(int argc, const char* const* argv);

extern const char* const k_help;

}  // namespace ceymail::token
