// SPDX-License-Identifier: MIT
// The password of the workers' database account, kept in an option file of MariaDB's own form.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::token {

// The password of the [client] group; the last one counts. invalid where there is none.
[[nodiscard]] util::Result<util::Secret> parse_password(std::string_view option_file, const std::string& file_name);

// The one in `file`; where there is no such file, a new one, which is written there: 0600, owned by system user
// `owner` where there is one.
[[nodiscard]] util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file,
                                                               const std::string& owner);

}  // namespace ceymail::token
