// SPDX-License-Identifier: MIT
// The characters of a text in UTF-8, RFC 3629.
#pragma once

#include <cstddef>
#include <string_view>

namespace ceymail::page {

// The bytes of the first character of `text`; 0 where it begins with none (a stray or missing byte, an overlong form,
// a surrogate, beyond U+10FFFF) or is empty.
[[nodiscard]] std::size_t character_size(std::string_view text) noexcept;

// Whether `character`, one of the above, is a control character: C0, DEL, C1, or one that turns the direction of text
// (U+202A to U+202E, U+2066 to U+2069), with which a name could pose as another.
[[nodiscard]] bool is_control(std::string_view character) noexcept;

// Characters and no control characters. Empty is printable.
[[nodiscard]] bool is_printable(std::string_view text) noexcept;

}  // namespace ceymail::page
