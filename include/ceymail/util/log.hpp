// SPDX-License-Identifier: MIT
// Writes messages to standard error, one line each, with the level prefix of journald (sd-daemon(3)).
#pragma once

#include <initializer_list>
#include <string_view>

namespace ceymail::util {

enum class LogLevel { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// Sets the prefix of each line, "ceymail-metrics" by default, and the role after it, such as "worker".
// Threads: not safe; call it at the start of a process or after a fork.
void set_log_identity(std::string_view program, std::string_view role = {}) noexcept;

// Writes one line by one write(2), so that lines of several processes do not mix. Allocates nothing. Threads: any.
// Waits for no reader: while standard error is a full pipe or socket, as when journald hangs, lines are dropped and
// counted, and the next line that is written follows one that says how many.
// Requires: no secret in the message.
// Security: control characters become '?', since part of the message may be a peer's.
void log(LogLevel level, std::string_view message) noexcept;

// Concatenates the pieces, for callers that must not allocate.
void log(LogLevel level, std::initializer_list<std::string_view> pieces) noexcept;

}  // namespace ceymail::util
