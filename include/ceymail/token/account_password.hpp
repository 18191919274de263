// SPDX-License-Identifier: MIT
// The password of a database account, in a MariaDB option file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::token {

// Reads the password from `file`. If the file is missing, writes a new password to it, mode 0600, owned by system user
// `owner` if that user exists. `key`: that names the file, for messages.
[[nodiscard]] util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file,
                                                               const std::string& owner, std::string_view key);

}  // namespace ceymail::token
