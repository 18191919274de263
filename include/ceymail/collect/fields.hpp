// SPDX-License-Identifier: MIT
// The fields of files in /proc, separated by spaces, without copies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::collect {

// Removes the next field from the front of `line`; spaces and tabs separate. Returns: the field, empty if there is
// none.
[[nodiscard]] std::string_view take_field(std::string_view& line) noexcept;

// Returns: the first line that begins with `prefix`, without its line feed.
[[nodiscard]] std::optional<std::string_view> find_line(std::string_view text, std::string_view prefix) noexcept;

// Returns: the number; none unless `digits` has only digits, and at most 2^64-1.
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view digits) noexcept;

}  // namespace ceymail::collect
