// SPDX-License-Identifier: MIT
// Points in time in words.
#include "ceymail/token/time_text.hpp"

#include <array>
#include <ctime>

namespace ceymail::token {
namespace {

std::string formatted(const std::tm& time, const char* format) {
    std::array<char, 64> text{};
    return {text.data(), std::strftime(text.data(), text.size(), format, &time)};
}

std::string age(std::uint64_t seconds) {
    struct Unit {
        std::uint64_t seconds;
        const char* name;
    };
    constexpr Unit k_units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    for (const auto& unit : k_units) {
        const auto count = seconds / unit.seconds;
        if (count > 0) return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s") + " ago";
    }
    return "just now";
}

}  // namespace

std::string local_time_and_age(std::uint64_t when, std::uint64_t now) {
    const auto seconds = static_cast<std::time_t>(when);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    // The database's clock may be ahead of ours.
    return formatted(local, "%Y-%m-%d %H:%M:%S %z") + ", " + age(now > when ? now - when : 0);
}

std::string utc_time(std::uint64_t when) {
    const auto seconds = static_cast<std::time_t>(when);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    return formatted(utc, "%Y-%m-%dT%H:%M:%SZ");
}

}  // namespace ceymail::token
