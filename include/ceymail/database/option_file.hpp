// SPDX-License-Identifier: MIT
// Reads the password in a MariaDB option file. Both the service and `ceymail-token init` read it here. No other line of
// the file has an effect on a connection.
#pragma once

#include <filesystem>
#include <string_view>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::database {

// Returns: the password in `file`, the value of `key`: the last `password` or `passwd` of the groups [client],
// [client-server] and [client-mariadb]. The rules are those of Connector/C: quotes around a value are removed, \n \t \r
// \b \s \" \' \\ are escapes, any other backslash is literal, and # begins a comment only at the start of a line.
// !include is not followed. Errors: those of check_private_file(); invalid: no password, or an empty one.
[[nodiscard]] util::Result<util::Secret> read_password(const std::filesystem::path& file,
                                                       std::string_view key = "database_option_file");

// Checks that this process can read `file`, the value of `key`, and that other users cannot.
// Errors: as open(2); denied: others have access, or the group may write; invalid: not a regular file.
[[nodiscard]] util::Result<void> check_private_file(const std::filesystem::path& file, std::string_view key);

}  // namespace ceymail::database
