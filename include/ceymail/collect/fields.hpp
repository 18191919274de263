// SPDX-License-Identifier: MIT
// The blank-separated fields of the files of /proc, cut without copies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::collect {

// Takes the next field off the front of `line`; blanks and tabs separate. Empty when there is none.
[[nodiscard]] std::string_view take_field(std::string_view& line) noexcept;

// The first line that begins with `prefix`, without its line feed.
[[nodiscard]] std::optional<std::string_view> find_line(std::string_view text, std::string_view prefix) noexcept;

// Digits and nothing else, at most 2^64-1.
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view digits) noexcept;

}  // namespace ceymail::collect
