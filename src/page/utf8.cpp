// SPDX-License-Identifier: MIT
#include "ceymail/page/utf8.hpp"

#include <cstdint>

namespace ceymail::page {
namespace {

std::uint8_t octet(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

struct Form {
    std::size_t size;     // 0: no character begins so
    std::uint32_t least;  // below it a shorter form would do
    std::uint8_t mask;
};

Form form_of(std::uint8_t first) {
    if (first < 0x80) return {1, 0, 0x7F};
    if ((first & 0xE0) == 0xC0) return {2, 0x80, 0x1F};
    if ((first & 0xF0) == 0xE0) return {3, 0x800, 0x0F};
    if ((first & 0xF8) == 0xF0) return {4, 0x10000, 0x07};
    return {0, 0, 0};
}

std::uint32_t code_point(std::string_view character) {
    const Form form = form_of(octet(character, 0));
    std::uint32_t point = octet(character, 0) & form.mask;
    for (std::size_t at = 1; at < form.size; ++at) point = point << 6 | (octet(character, at) & 0x3FU);
    return point;
}

}  // namespace

std::size_t character_size(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const Form form = form_of(octet(text, 0));
    if (form.size == 0 || text.size() < form.size) return 0;
    for (std::size_t at = 1; at < form.size; ++at)
        if ((octet(text, at) & 0xC0) != 0x80) return 0;
    const std::uint32_t point = code_point(text);
    const bool valid = point >= form.least && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    return valid ? form.size : 0;
}

bool is_control(std::string_view character) noexcept {
    const std::uint32_t point = code_point(character);
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x202A && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069);
}

bool is_printable(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        if (size == 0 || is_control(text.substr(0, size))) return false;
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace ceymail::page
