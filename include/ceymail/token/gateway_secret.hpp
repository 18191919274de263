// SPDX-License-Identifier: MIT
// The files of the gateway secret, made by ceymail-token init --settings. gate/gateway_secret.hpp says what they are.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::token {

// Makes the secret where file `page` is missing, for system user `owner` to read; a secret that is there stays. Writes
// the web servers' files, 0600, where they do not hold that secret.
// Returns: what was done, as a line for the administrator. Errors: as of SecretFile; not_found: no such user.
[[nodiscard]] util::Result<std::string> prepare_gateway_secret(const std::filesystem::path& page,
                                                               const std::string& owner);

}  // namespace ceymail::token
