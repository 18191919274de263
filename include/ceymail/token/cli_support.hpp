// SPDX-License-Identifier: MIT
// Shared by all commands: the invoking user, the administrator's database account, output and exit codes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ceymail/config/configuration.hpp"
#include "ceymail/database/connection.hpp"
#include "ceymail/token/options.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::token {

// The deadline for one operation on the database.
[[nodiscard]] util::BootTime command_deadline();

// Returns: the system user's name; with sudo "root (sudo by amal)".
[[nodiscard]] std::string invoking_user();

[[nodiscard]] database::Address administrator(const Options& options, const config::Configuration& configuration);

// Returns: the workers' account, for TokenRegistry; empty: it is the administrator's.
[[nodiscard]] std::string workers_account(const Options& options, const config::Configuration& configuration);

// Clears the token that the responder remembers for an outage. Does nothing where no responder has run on this host.
[[nodiscard]] util::Result<void> forget_remembered_token(const config::Configuration& configuration);

// On a node of a Galera cluster, prints how soon the other hosts refuse a token that was revoked here.
void explain_cluster(database::Connection& connection, const config::Configuration& configuration);

// Prints "ceymail-token: WORDS" on standard error.
void print_message(std::string_view words);

// Prints a line on standard output. Returns: an exit code. Prints an error.
[[nodiscard]] int answer(const std::string& line);

// Prints the error and returns its exit code.
[[nodiscard]] int report_error(const util::Error& error);
// The same for an error of the database; adds the remedy for a refused login.
[[nodiscard]] int report_error(const util::Error& error, const Options& options);

// Returns: a quoted JSON string; a number or null. Source: RFC 8259.
[[nodiscard]] std::string json(std::string_view text);
[[nodiscard]] std::string json(const std::optional<std::uint64_t>& number);

}  // namespace ceymail::token
