// SPDX-License-Identifier: MIT
// Finds out why MariaDB refuses the login of an account that `ceymail-token init` set up.
#pragma once

#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/schema.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

// Returns: the cause and the remedy: another account that MariaDB prefers, a lock, an expired password, or required
// TLS. For another kind of error, the message of `refusal`. `administrator`: the connection for the look-up. `refusal`:
// the error of the login as `account`.
[[nodiscard]] std::string login_obstacle(Connection& administrator, const Account& account, const util::Error& refusal,
                                         util::BootTime deadline);

// Returns: the same for a login that succeeded as `chosen` (user@host) instead of `account`.
[[nodiscard]] std::string login_as_another(Connection& administrator, const Account& account, const std::string& chosen,
                                           util::BootTime deadline);

}  // namespace ceymail::database
