// SPDX-License-Identifier: MIT
// The exit code that belongs to an error. sysexits(3).
#pragma once

#include "ceymail/util/result.hpp"

namespace ceymail::system {

[[nodiscard]] int exit_code_of(util::ErrorKind kind) noexcept;

// Logs the error and returns its exit code: for the last words of a process.
[[nodiscard]] int log_and_exit_code(const util::Error& error) noexcept;

}  // namespace ceymail::system
