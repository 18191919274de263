// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/time_budget.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

namespace ceymail::endpoint {

namespace {

// Accepts digits with at most one point. std::from_chars alone would also accept "inf", "nan" and a sign.
std::optional<double> parse_seconds(std::string_view text) noexcept {
    if (text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
    double seconds = 0;
    const auto end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
    if (error != std::errc{} || stop != end || seconds <= 0) return std::nullopt;
    return seconds;
}

}  // namespace

std::chrono::nanoseconds answer_time(std::string_view scrape_timeout) noexcept {
    using Seconds = std::chrono::duration<double>;
    const auto asked = parse_seconds(scrape_timeout);
    if (!asked) return k_longest_answer;
    // Clamped in floating point: a timeout of 1e300 s does not fit into nanoseconds.
    const auto wanted =
        std::clamp(Seconds(*asked) - Seconds(k_network_margin), Seconds(k_shortest_answer), Seconds(k_longest_answer));
    return std::chrono::duration_cast<std::chrono::nanoseconds>(wanted);
}

TimeBudget time_budget(util::BootTime start, std::string_view scrape_timeout) noexcept {
    const auto whole = answer_time(scrape_timeout);
    return {start + std::min<std::chrono::nanoseconds>(k_longest_token_check, whole / 2), start + k_longest_token_check,
            start + whole - std::min<std::chrono::nanoseconds>(k_format_time, whole / 4)};
}

}  // namespace ceymail::endpoint
