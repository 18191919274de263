// SPDX-License-Identifier: MIT
// What the main functions of the programs share.
#pragma once

#include <functional>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Sets the identity of the log and runs `body`, whose value is the exit code.
// Returns: that code; EX_USAGE after an error, which is logged; EX_SOFTWARE after an exception, which is logged.
[[nodiscard]] int run_program(std::string_view name, const std::function<util::Result<int>()>& body);

// Writes `text` to standard output. Returns: EX_OK, or EX_IOERR.
[[nodiscard]] int print(std::string_view text);

}  // namespace ceymail::system
