// SPDX-License-Identifier: MIT
#include "ceymail/collect/fields.hpp"

#include <algorithm>
#include <charconv>

namespace ceymail::collect {

std::string_view take_field(std::string_view& line) noexcept {
    constexpr std::string_view k_blanks = " \t";
    line.remove_prefix(std::min(line.find_first_not_of(k_blanks), line.size()));
    const std::string_view field = line.substr(0, line.find_first_of(k_blanks));
    line.remove_prefix(field.size());
    return field;
}

std::optional<std::string_view> find_line(std::string_view text, std::string_view prefix) noexcept {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (line.starts_with(prefix)) return line;
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view digits) noexcept {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

}  // namespace ceymail::collect
