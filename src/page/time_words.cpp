// SPDX-License-Identifier: MIT
#include "ceymail/page/time_words.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace ceymail::page {
namespace {

constexpr std::array k_months{"January", "February", "March",     "April",   "May",      "June",
                              "July",    "August",   "September", "October", "November", "December"};

struct Moment {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::seconds> time;
};

// Of what lies beyond the year 9999 it is not worth to tell the truth.
Moment moment(std::uint64_t when) {
    constexpr std::uint64_t k_last = 253402300799;
    const std::chrono::sys_seconds at{std::chrono::seconds(when < k_last ? when : k_last)};
    const auto day = std::chrono::floor<std::chrono::days>(at);
    return {day, std::chrono::hh_mm_ss(at - day)};
}

template <class... Numbers>
std::string formatted(const char* format, Numbers... numbers) {
    std::array<char, 64> text{};
    const int size = std::snprintf(text.data(), text.size(), format, numbers...);
    return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::string date_and_time(std::uint64_t when) {
    const auto [date, time] = moment(when);
    return formatted("%u %s %d, %02d:%02d UTC", unsigned(date.day()), k_months[unsigned(date.month()) - 1],
                     int(date.year()), int(time.hours().count()), int(time.minutes().count()));
}

std::string machine_time(std::uint64_t when) {
    const auto [date, time] = moment(when);
    return formatted("%04d-%02u-%02uT%02d:%02d:%02dZ", int(date.year()), unsigned(date.month()), unsigned(date.day()),
                     int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count()));
}

std::string age_in_words(std::uint64_t when, std::uint64_t now) {
    struct Unit {
        std::uint64_t seconds;
        const char* name;
    };
    constexpr std::array k_units{Unit{86400, "day"}, Unit{3600, "hour"}, Unit{60, "minute"}, Unit{1, "second"}};
    const std::uint64_t age = now > when ? now - when : 0;
    if (age < 10) return "just now";
    for (const auto& unit : k_units) {
        const auto count = age / unit.seconds;
        if (count > 0) return std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s") + " ago";
    }
    return "just now";
}

}  // namespace ceymail::page
