// SPDX-License-Identifier: MIT
// The steps that `init` and `init --if-missing` share.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/database/connection.hpp"
#include "ceymail/database/schema.hpp"
#include "ceymail/token/options.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::token {

struct SetupResult {
    database::SetupReport report;
    bool all_logins_tried = true;
};

// Prepares schema, accounts and files, tries the logins, and records the success for a later `init --if-missing`.
// Errors: the first one; the steps before it stay done, and a later run completes them.
[[nodiscard]] util::Result<SetupResult> prepare(const Options& options, const config::Configuration& configuration,
                                                database::Connection& connection);

// Prints what was done. Returns: an exit code, sysexits(3).
[[nodiscard]] int report(const Options& options, const SetupResult& result);

// `ceymail-token init --if-missing`: what ceymail-metrics-init.service runs. Makes nothing unless init has succeeded
// here and metrics_tokens is gone while the dashboard's tables are there. Prints a message once, until another follows.
[[nodiscard]] int init_if_missing(const Options& options, const config::Configuration& configuration);

}  // namespace ceymail::token
