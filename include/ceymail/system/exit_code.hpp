// SPDX-License-Identifier: MIT
// The exit code of an error. Source: sysexits(3).
#pragma once

#include "ceymail/util/result.hpp"

namespace ceymail::system {

[[nodiscard]] int exit_code_of(util::ErrorKind kind) noexcept;

// Logs the error. Returns: its exit code.
[[nodiscard]] int log_and_exit_code(const util::Error& error) noexcept;

}  // namespace ceymail::system
