// SPDX-License-Identifier: MIT
// One line a message to standard error, in the form that journald reads the level from (sd-daemon(3)).
#pragma once

#include <initializer_list>
#include <string_view>

namespace ceymail::util {

enum class LogLevel { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// The word before each line, "ceymail-metrics" unless set; the role behind it, such as "worker".
// Not thread safe: set once at the start of a process or after a fork.
void set_log_identity(std::string_view program, std::string_view role = {}) noexcept;

// One write(2) a line, so that lines of several processes do not mix. Control characters of the message
// become '?', since part of it may come from outside. Never hand in a secret. Any thread. Allocates nothing.
void log(LogLevel level, std::string_view message) noexcept;

// The same with the pieces of the message one behind the other, for where putting them together must not fail.
void log(LogLevel level, std::initializer_list<std::string_view> pieces) noexcept;

}  // namespace ceymail::util
