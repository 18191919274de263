// SPDX-License-Identifier: MIT
// The tables of this project and the account that its workers use: what `ceymail-token init` sets up.
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

// What an account is for, and so what it is granted.
enum class Purpose {
    metrics,   // the workers and the gatherer: read the active token, note its use, count accounts
    settings,  // the settings page: make and revoke tokens, write and read audit rows; no digest, no mail table
};

// An account of ours. Without a password it logs in by unix_socket(auth): the system's user of that name.
struct Account {
    std::string user;
    std::string host;  // "localhost", or "%" for TCP
    const util::Secret* password = nullptr;
    Purpose purpose = Purpose::metrics;
};

// For people, a line each.
struct SetupReport {
    std::vector<std::string> done;
    std::vector<std::string> pending;   // what a later init has to complete
    std::vector<std::string> warnings;  // what init does not mend by itself
};

// Makes the dashboard's database where it is missing, applies deploy/sql, makes the account or gives it its way of
// logging in anew, and grants it what it needs, so that it may be run any number of times. Grants that it does not
// need are reported, not taken away: nobody but the administrator knows what they are for. The account that
// `administrator` is logged in as is left as it is.
// DDL cannot be rolled back: after an error what was done before it stays, and a later run completes it.
[[nodiscard]] util::Result<SetupReport> set_up(Connection& administrator, const Schemas& schemas,
                                               const Account& account, util::BootTime deadline);

}  // namespace ceymail::database
