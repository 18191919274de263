// SPDX-License-Identifier: MIT
// Why MariaDB refuses a login that it was set up for.
#pragma once

#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/schema.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

// Returns: what stands in the way of `account`, whose login was refused with `refusal`, and the remedy. Looked up as
// `administrator`: another account that MariaDB prefers, a lock, an expired password, a demand for TLS. For
// another kind of error its own words.
[[nodiscard]] std::string login_obstacle(Connection& administrator, const Account& account, const util::Error& refusal,
                                         util::BootTime deadline);

// Likewise where the login succeeded, but as `chosen` (user@host), which is not `account`.
[[nodiscard]] std::string login_as_another(Connection& administrator, const Account& account, const std::string& chosen,
                                           util::BootTime deadline);

}  // namespace ceymail::database
