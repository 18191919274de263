// SPDX-License-Identifier: MIT
// The password of the workers' database account, kept in an option file of MariaDB's own form.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::token {

// The one in `file`; where there is no such file, a new one, which is written there: 0600, owned by system user
// `owner` where there is one.
[[nodiscard]] util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file,
                                                               const std::string& owner);

}  // namespace ceymail::token
