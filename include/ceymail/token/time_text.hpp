// SPDX-License-Identifier: MIT
// Points in time for people and for programs.
#pragma once

#include <cstdint>
#include <string>

namespace ceymail::token {

// "2026-03-01 14:05:09 +0530, 3 minutes ago": local time and age. Seconds since 1970.
[[nodiscard]] std::string local_time_and_age(std::uint64_t when, std::uint64_t now);

// "2026-03-01T08:35:09Z", RFC 3339.
[[nodiscard]] std::string utc_time(std::uint64_t when);

}  // namespace ceymail::token
