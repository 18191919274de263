// SPDX-License-Identifier: MIT
// The time of a line of syslog. The counters do not depend on it: the writer of a line can choose its stamp.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ceymail::maillog {

// Returns: the time of the stamp that `line` begins with: ISO 8601 with an offset or Z, or "Nov  7 18:14:50", which is
// local time of the latest year that is not more than a day after `now`. No value where there is none.
// Threads: any. The second form reads the time zone of the process, which tzset(3) loads from a file.
[[nodiscard]] std::optional<std::chrono::sys_seconds> time_of(std::string_view line, std::chrono::sys_seconds now);

}  // namespace ceymail::maillog
