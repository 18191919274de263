// SPDX-License-Identifier: MIT
// Points in time as text. All are seconds since 1970. Threads: any.
#pragma once

#include <cstdint>
#include <string>

namespace ceymail::util {

// "2026-11-22T14:05:09Z", RFC 3339. Times after the year 9999 become its last second.
[[nodiscard]] std::string utc_time(std::uint64_t when);

// "22 November 2026, 14:05 UTC". Times after the year 9999 become its last minute.
[[nodiscard]] std::string long_utc_time(std::uint64_t when);

// "2026-03-01 14:05:09 +0530" in the local time zone.
[[nodiscard]] std::string local_time(std::uint64_t when);

// "3 minutes ago". "just now" below `just_now` seconds, and for a time after `now`: the two clocks may differ.
[[nodiscard]] std::string relative_time(std::uint64_t when, std::uint64_t now, std::uint64_t just_now = 1);

}  // namespace ceymail::util
