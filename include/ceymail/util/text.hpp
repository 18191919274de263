// SPDX-License-Identifier: MIT
// Cuts pieces out of text and compares characters. A piece is a part of the argument, no copy. Threads: any.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ceymail::util {

// Returns: `text` without `blanks` at its begin and end.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n\v\f") {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// Returns: `text` without the pair of ' or " around it, if there is one.
[[nodiscard]] constexpr std::string_view unquoted(std::string_view text) {
    const bool quoted =
        text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

// Letters and digits of ASCII. Not <cctype>, which depends on the locale.
[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Returns: whether a unit file may have `word` without quotes. Source: systemd.syntax(7).
[[nodiscard]] constexpr bool is_plain_in_unit(std::string_view word) noexcept {
    return std::ranges::all_of(word,
                               [](char c) { return is_alphanumeric(c) || std::string_view("/._@+-").contains(c); });
}

[[nodiscard]] constexpr char lower_case(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] inline std::string lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return lower_case(c); });
    return lower;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, [](char c) { return lower_case(c); }, [](char c) { return lower_case(c); });
}

// Returns: the lines of `text`, without their "\n".
[[nodiscard]] inline std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        lines.push_back(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), lines.back().size() + 1));
    }
    return lines;
}

}  // namespace ceymail::util
