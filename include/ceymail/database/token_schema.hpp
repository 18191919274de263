// SPDX-License-Identifier: MIT
// Looks whether the table of the tokens is there, for `ceymail-token init --if-missing`.
#pragma once

#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

enum class TokenSchema {
    present,    // metrics_tokens is there
    no_tables,  // the dashboard's database does not exist or is empty: the dashboard makes it
    unsettled,  // a table was made there within the last minute: a dump is restored, or the dashboard is installed
    missing,    // the dashboard's tables are there, and metrics_tokens is not
};

// Changes nothing.
[[nodiscard]] util::Result<TokenSchema> look_for_token_schema(Connection& administrator,
                                                              const std::string& dashboard_schema,
                                                              util::BootTime deadline);

}  // namespace ceymail::database
