// SPDX-License-Identifier: MIT
#include "ceymail/collect/queue_id.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ceymail::collect {
namespace {

constexpr std::string_view k_digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
constexpr std::uint8_t k_base = 52;
static_assert(k_digits.size() == k_base);
constexpr char k_separator = k_digits.back();  // the one digit that no inode contains

constexpr std::size_t k_min_seconds = 6;
constexpr std::size_t k_max_seconds = 7;  // 52^7 s are 32,000 years; the microseconds of 52^8 overflow an int64_t
constexpr std::size_t k_microseconds = 4;

// A table, since a full queue has a million names.
constexpr auto k_value_of = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(k_base);
    for (std::uint8_t i = 0; i < k_base; ++i) values[static_cast<unsigned char>(k_digits[i])] = i;
    return values;
}();

constexpr auto k_is_in_name = [] {
    std::array<bool, 256> is{};
    for (unsigned char letter = 0; letter < 26; ++letter) is['a' + letter] = is['A' + letter] = true;
    for (unsigned char digit = 0; digit < 10; ++digit) is['0' + digit] = true;
    is['_'] = true;
    return is;
}();

std::optional<std::int64_t> decode(std::string_view digits) noexcept {
    std::int64_t number = 0;
    for (const char digit : digits) {
        const std::uint8_t value = k_value_of[static_cast<unsigned char>(digit)];
        if (value == k_base) return std::nullopt;
        number = number * k_base + value;
    }
    return number;
}

bool is_inode(std::string_view digits) noexcept {
    const auto is_digit = [](unsigned char letter) { return k_value_of[letter] != k_base; };
    return !digits.empty() && std::ranges::all_of(digits, is_digit);
}

}  // namespace

bool is_message_name(std::string_view name) noexcept {
    return name.size() > 1 && std::ranges::all_of(name, [](unsigned char letter) { return k_is_in_name[letter]; });
}

std::optional<std::chrono::microseconds> arrival_of(std::string_view queue_id) noexcept {
    const std::size_t separator = queue_id.rfind(k_separator);  // the last one: the time may contain this digit
    if (separator == std::string_view::npos || separator < k_min_seconds + k_microseconds ||
        separator > k_max_seconds + k_microseconds || !is_inode(queue_id.substr(separator + 1))) {
        return std::nullopt;
    }
    const auto seconds = decode(queue_id.substr(0, separator - k_microseconds));
    const auto microseconds = decode(queue_id.substr(separator - k_microseconds, k_microseconds));
    if (!seconds || !microseconds || *microseconds >= 1'000'000) return std::nullopt;
    return std::chrono::seconds(*seconds) + std::chrono::microseconds(*microseconds);
}

std::optional<std::chrono::microseconds> earlier(std::optional<std::chrono::microseconds> a,
                                                 std::optional<std::chrono::microseconds> b) noexcept {
    if (a && b) return std::min(*a, *b);
    return a ? a : b;
}

}  // namespace ceymail::collect
