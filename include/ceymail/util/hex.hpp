// SPDX-License-Identifier: MIT
// Bytes as hexadecimal digits. Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ceymail::util {

// Returns: two lower-case digits a byte, as sha256sum(1) prints a digest.
[[nodiscard]] inline std::string to_hex(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const auto byte : bytes) text.append({k_digits[byte >> 4U], k_digits[byte & 15U]});
    return text;
}

}  // namespace ceymail::util
