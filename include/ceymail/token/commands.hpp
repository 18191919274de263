// SPDX-License-Identifier: MIT
// The commands of ceymail-token. Each prints its result or error on standard error and returns an exit code,
// sysexits(3).
// Processes: one, started by the administrator, as root or with a MariaDB administrator's account.
// May touch: the schema, accounts and tokens in the database; the files that the configuration and --output name.
// Security: the token exists only in memory that is wiped and on standard output or in the file of --output. Other
// users of the host may prepare the directory of --output.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/token/options.hpp"

namespace ceymail::token {

[[nodiscard]] int init(const Options& options, const config::Configuration& configuration);
[[nodiscard]] int generate(const Options& options, const config::Configuration& configuration);
// generate --detached: uses neither configuration nor database.
[[nodiscard]] int generate_detached(const Options& options);
[[nodiscard]] int adopt(const Options& options, const config::Configuration& configuration);
[[nodiscard]] int revoke(const Options& options, const config::Configuration& configuration);
[[nodiscard]] int status(const Options& options, const config::Configuration& configuration);

}  // namespace ceymail::token
