// SPDX-License-Identifier: MIT
// The four commands. Each says on standard error what it did or why not, and returns an exit code of sysexits(3).
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/token/options.hpp"

namespace ceymail::token {

// SECURITY: run as root. The token is in memory that is wiped, and goes nowhere but to standard output or --output.
[[nodiscard]] int init(const Options& options, const config::Configuration& configuration);
[[nodiscard]] int generate(const Options& options, const config::Configuration& configuration);
[[nodiscard]] int revoke(const Options& options, const config::Configuration& configuration);
[[nodiscard]] int status(const Options& options, const config::Configuration& configuration);

}  // namespace ceymail::token
