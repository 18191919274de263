// SPDX-License-Identifier: MIT
#include "ceymail/util/time_format.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace ceymail::util {

namespace {

using BreakDown = std::tm* (*)(const std::time_t*, std::tm*);

std::tm broken_down(std::uint64_t when, BreakDown break_down) {
    constexpr std::uint64_t k_end_of_9999 = 253402300799;
    const auto seconds = static_cast<std::time_t>(std::min(when, k_end_of_9999));
    std::tm time{};
    break_down(&seconds, &time);
    return time;
}

std::string formatted(const std::tm& time, const char* format) {
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &time)};
}

}  // namespace

std::string utc_time(std::uint64_t when) { return formatted(broken_down(when, ::gmtime_r), "%Y-%m-%dT%H:%M:%SZ"); }

std::string long_utc_time(std::uint64_t when) {
    // Not by %B: the page is English in any locale.
    constexpr std::array k_months{"January", "February", "March",     "April",   "May",      "June",
                                  "July",    "August",   "September", "October", "November", "December"};
    const auto time = broken_down(when, ::gmtime_r);
    return std::to_string(time.tm_mday) + " " + k_months[static_cast<std::size_t>(time.tm_mon)] +
           formatted(time, " %Y, %H:%M UTC");
}

std::string local_time(std::uint64_t when) {
    return formatted(broken_down(when, ::localtime_r), "%Y-%m-%d %H:%M:%S %z");
}

std::string relative_time(std::uint64_t when, std::uint64_t now, std::uint64_t just_now) {
    struct Unit {
        std::uint64_t seconds;
        const char* name;
    };
    constexpr std::array k_units{Unit{86400, "day"}, Unit{3600, "hour"}, Unit{60, "minute"}, Unit{1, "second"}};
    const std::uint64_t age = now > when ? now - when : 0;
    if (age == 0 || age < just_now) return "just now";
    const auto* const unit = std::ranges::find_if(k_units, [&](const Unit& one) { return age >= one.seconds; });
    const auto count = age / unit->seconds;
    return std::to_string(count) + " " + unit->name + (count == 1 ? "" : "s") + " ago";
}

}  // namespace ceymail::util
