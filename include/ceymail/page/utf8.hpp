// SPDX-License-Identifier: MIT
// Characters in UTF-8. Source: RFC 3629.
#pragma once

#include <cstddef>
#include <string_view>

namespace ceymail::page {

// Returns: the size in bytes of the first character of `text`. 0: `text` is empty or begins with an invalid sequence
// (a stray or missing byte, an overlong form, a surrogate, beyond U+10FFFF).
[[nodiscard]] std::size_t character_size(std::string_view text) noexcept;

// Returns: whether `character` is C0, DEL, C1, or changes the direction of text (U+202A to U+202E, U+2066 to U+2069),
// which could make one name look like another. Requires: one valid character.
[[nodiscard]] bool is_control(std::string_view character) noexcept;

// Returns: whether `text` is valid UTF-8 without control characters. Empty text is printable.
[[nodiscard]] bool is_printable(std::string_view text) noexcept;

}  // namespace ceymail::page
