// SPDX-License-Identifier: MIT
// Writes the files of the gateway secret for init --settings. See admission/gateway_secret.hpp.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::token {

// Creates the secret in file `page`, owned by system user `owner`; keeps an existing one. Writes the web servers'
// files, mode 0600, unless they contain that secret. Returns: a line for the administrator about what was done. Errors:
// those of SecretFile; not_found: no such user.
[[nodiscard]] util::Result<std::string> prepare_gateway_secret(const std::filesystem::path& page,
                                                               const std::string& owner);

}  // namespace ceymail::token
