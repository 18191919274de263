// SPDX-License-Identifier: MIT
// Tries the login of an account that `init` created, as the service will do it.
#pragma once

#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::token {

// Logs in at `address` in a child process, which becomes `system_user` first; empty: it keeps its user.
// Returns: the account that MariaDB chose, CURRENT_USER().
// Errors: those of Connection and of system::become().
[[nodiscard]] util::Result<std::string> try_login(const database::Address& address, const std::string& system_user,
                                                  util::BootTime deadline);

}  // namespace ceymail::token
