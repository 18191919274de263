// SPDX-License-Identifier: MIT
// The exit codes of the programs, and what their main functions share. Source: sysexits(3).
#pragma once

#include <functional>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::system {

[[nodiscard]] int exit_code_of(util::ErrorKind kind) noexcept;

// Logs the error. Returns: its exit code.
[[nodiscard]] int log_and_exit_code(const util::Error& error) noexcept;

// For the main functions: sets the identity of the log and runs `body`, whose value is the exit code.
// Returns: that code; EX_USAGE after an error, which is logged; EX_SOFTWARE after an exception, which is logged.
[[nodiscard]] int run_program(std::string_view name, const std::function<util::Result<int>()>& body);

// Writes `text` to standard output. Returns: EX_OK, or EX_IOERR.
[[nodiscard]] int print(std::string_view text);

}  // namespace ceymail::system
