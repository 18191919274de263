// SPDX-License-Identifier: MIT
// The password of a database account, in a MariaDB option file.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::token {

// Reads the password from `file`. If the file is missing, writes a new password to it, mode 0600, owned by system user
// `owner` if that user exists.
[[nodiscard]] util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file,
                                                               const std::string& owner);

}  // namespace ceymail::token
