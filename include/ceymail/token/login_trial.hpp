// SPDX-License-Identifier: MIT
// Whether an account that `init` made can log in, from where and as whom the service will.
#pragma once

#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::token {

// Logs in at `address` in a child process. Run by root, that process becomes `system_user` first; empty: it stays who
// it is.
// Returns: the account that MariaDB chose, CURRENT_USER().
// Errors: as Connection's, and those of becoming that user.
[[nodiscard]] util::Result<std::string> try_login(const database::Address& address, const std::string& system_user,
                                                  util::BootTime deadline);

}  // namespace ceymail::token
