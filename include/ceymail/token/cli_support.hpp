// SPDX-License-Identifier: MIT
// What all commands share: whom they are run by, the administrator's way to the database, words and exit codes.
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

// The time that a command has for the database.
[[nodiscard]] util::BootTime command_deadline();

// The system user's name, "root (sudo by amal)" where sudo says for whom.
[[nodiscard]] std::string invoking_user();

[[nodiscard]] database::Address administrator(const Options& options, const config::Configuration& configuration);

// The workers' account, for TokenRegistry. Empty where it is the administrator's own.
[[nodiscard]] std::string workers_account(const Options& options, const config::Configuration& configuration);

// Makes the responder forget the token that it remembers for an outage. False: no responder has run here.
[[nodiscard]] util::Result<bool> forget_remembered_token(const config::Configuration& configuration);

// "ceymail-token: WORDS" on standard error.
void print_message(std::string_view words);

// One line of the answer on standard output. False where it could not be written.
[[nodiscard]] bool answer(const std::string& line);

// Says the error and returns its exit code.
[[nodiscard]] int report_error(const util::Error& error);
// Likewise of one that came from the database, with what the administrator can do about a login refused.
[[nodiscard]] int report_error(const util::Error& error, const Options& options);

// A JSON string, in quotes (RFC 8259), and a number or null.
[[nodiscard]] std::string json(std::string_view text);
[[nodiscard]] std::string json(const std::optional<std::uint64_t>& number);

}  // namespace ceymail::token
