// SPDX-License-Identifier: MIT
// Sets up the project's tables and accounts, for `ceymail-token init`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::database {

// The names of CeyMail's databases.
struct Schemas {
    std::string mail;
    std::string dashboard;
};

// Whether the table of the tokens is there, for `ceymail-token init --if-missing`.
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

// Decides the grants of an account.
enum class Purpose {
    metrics,   // worker and gatherer: read the active token, record its use, count accounts
    settings,  // the settings page: make and revoke tokens, write and read audit rows; no digest, no mail table
    settings_with_sessions,  // the same, and read id, name and role of the dashboard's users
};

// What set_up() does with an account that is there and has another password. Other hosts of a cluster may use it.
enum class OtherPassword { leave, replace };

// Error::code of set_up() where OtherPassword::leave applies. The kind is invalid; the account was not changed.
inline constexpr int k_other_password = -1;

// Without a password it logs in by unix_socket, as the system user of that name.
struct Account {
    std::string user;
    std::string host;  // "localhost", or "%" for TCP
    const util::Secret* password = nullptr;
    Purpose purpose = Purpose::metrics;
    OtherPassword other_password = OtherPassword::leave;
};

// Lines for the administrator.
struct SetupReport {
    std::vector<std::string> done;
    std::vector<std::string> missing;   // tables of CeyMail without which a command fails
    std::vector<std::string> pending;   // a later init completes these
    std::vector<std::string> warnings;  // the administrator must correct these
};

// Creates the dashboard's database where it is missing, applies deploy/sql, creates the account or sets its
// authentication, and grants it what it needs. It may run any number of times. It reports other grants of the account,
// and does not revoke them, because only the administrator knows their purpose. It does not change the account of
// `administrator`.
// Errors: those of Connection, k_other_password. DDL cannot be rolled back: earlier steps stay, and a later run
// completes them.
[[nodiscard]] util::Result<SetupReport> set_up(Connection& administrator, const Schemas& schemas,
                                               const Account& account, util::BootTime deadline);

// Returns: whether the account is there and logs in by something else than unix_socket. False where that cannot be
// read.
[[nodiscard]] bool has_password(Connection& administrator, const Account& account, util::BootTime deadline);

}  // namespace ceymail::database
