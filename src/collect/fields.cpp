// SPDX-License-Identifier: MIT
#include "ceymail/collect/fields.hpp"

#include <algorithm>
#include <charconv>

namespace ceymail::collect {

std::string_view take_field(std::string_view& line) noexcept {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    const auto begin = std::ranges::find_if_not(line, is_blank);
    const auto end = std::find_if(begin, line.end(), is_blank);
    line = {end, line.end()};
    return {begin, end};
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
