// SPDX-License-Identifier: MIT
// Points in time in words, for people.
#pragma once

#include <cstdint>
#include <string>

namespace ceymail::page {

// "22 November 2026, 14:05 UTC". Seconds since 1970.
[[nodiscard]] std::string date_and_time(std::uint64_t when);

// "2026-11-22T14:05:09Z", RFC 3339: for <time datetime>.
[[nodiscard]] std::string machine_time(std::uint64_t when);

// "3 minutes ago"; "just now" below ten seconds and for what is still to come, since two clocks are compared.
[[nodiscard]] std::string age_in_words(std::uint64_t when, std::uint64_t now);

}  // namespace ceymail::page
