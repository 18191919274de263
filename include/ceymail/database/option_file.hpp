// SPDX-License-Identifier: MIT
// The password in a MariaDB option file. The only reader: `ceymail-token init` gives an account the password that the
// service will read, and no other line of such a file can change where or how a connection is made.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::database {

// Returns: the last `password` or `passwd` of the groups [client], [client-server] and [client-mariadb], by the rules
// of Connector/C: quotes around a value are dropped, \n \t \r \b \s \" \' \\ are escapes, any other backslash stands
// for itself, and # begins a comment only at the start of a line. !include is not followed. Errors: invalid where there
// is none, or an empty one.
[[nodiscard]] util::Result<util::Secret> parse_password(std::string_view option_file, const std::string& file_name);

// Errors: as open(2); denied where others than the owner may read it, or the group write it; invalid for what is no
// regular file, and as parse_password().
[[nodiscard]] util::Result<util::Secret> read_password(const std::filesystem::path& file);

// That `file`, of the key `key`, can be read and holds its secret from others.
[[nodiscard]] util::Result<void> check_private_file(const std::filesystem::path& file, std::string_view key);

}  // namespace ceymail::database
