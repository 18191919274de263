// SPDX-License-Identifier: MIT
#include "ceymail/maillog/stamp.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "ceymail/maillog/cursor.hpp"

namespace ceymail::maillog {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 12> k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct TimeOfDay {
    std::uint64_t hour = 0, minute = 0, second = 0;

    [[nodiscard]] seconds since_midnight() const noexcept { return hours(hour) + minutes(minute) + seconds(second); }
};

std::optional<TimeOfDay> take_time_of_day(Cursor& cursor) noexcept {
    TimeOfDay time;
    if (!cursor.take_number(time.hour, 2) || !cursor.take(':') || !cursor.take_number(time.minute, 2) ||
        !cursor.take(':') || !cursor.take_number(time.second, 2))
        return std::nullopt;
    if (time.hour > 23 || time.minute > 59 || time.second > 60) return std::nullopt;  // 60: a leap second
    return time;
}

// "+02:00", "Z"
std::optional<seconds> take_offset(Cursor& cursor) noexcept {
    if (cursor.take('Z')) return seconds(0);
    const bool is_east = cursor.take('+');
    std::uint64_t hour = 0, minute = 0;
    if (!is_east && !cursor.take('-')) return std::nullopt;
    if (!cursor.take_number(hour, 2) || !cursor.take(':') || !cursor.take_number(minute, 2)) return std::nullopt;
    const seconds offset = hours(hour) + minutes(minute);
    return is_east ? offset : -offset;
}

std::optional<sys_seconds> iso_time(Cursor cursor) noexcept {
    std::uint64_t year = 0, month = 0, day = 0;
    if (!cursor.take_number(year, 4) || !cursor.take('-') || !cursor.take_number(month, 2) || !cursor.take('-') ||
        !cursor.take_number(day, 2) || !cursor.take('T'))
        return std::nullopt;
    const auto time = take_time_of_day(cursor);
    if (cursor.take('.')) cursor.take_while(is_digit);
    const auto offset = take_offset(cursor);
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!time || !offset || !date.ok()) return std::nullopt;
    return sys_days(date) + time->since_midnight() - *offset;
}

sys_seconds local_time(int year, int month, int day, const TimeOfDay& time) noexcept {
    std::tm parts{};
    parts.tm_year = year - 1900;
    parts.tm_mon = month;
    parts.tm_mday = day;
    parts.tm_hour = static_cast<int>(time.hour);
    parts.tm_min = static_cast<int>(time.minute);
    parts.tm_sec = static_cast<int>(time.second);
    parts.tm_isdst = -1;
    return sys_seconds(seconds(std::mktime(&parts)));
}

// "Nov  7 18:14:50"
std::optional<sys_seconds> time_without_year(Cursor cursor, sys_seconds now) noexcept {
    const auto name = std::ranges::find_if(k_months, [&](std::string_view month) { return cursor.take(month); });
    std::uint64_t day = 0;
    if (name == k_months.end() || !cursor.take(' ')) return std::nullopt;
    cursor.take(' ');
    if (!cursor.take_number(day, 2) || day < 1 || day > 31 || !cursor.take(' ')) return std::nullopt;
    const auto time = take_time_of_day(cursor);
    if (!time) return std::nullopt;
    const std::time_t seconds_now = now.time_since_epoch().count();
    std::tm today{};
    if (::localtime_r(&seconds_now, &today) == nullptr) return std::nullopt;
    // A line of December that is read in January; a line of January whose host is a little ahead of its year.
    for (const int year : {today.tm_year + 1901, today.tm_year + 1900}) {
        const auto found = local_time(year, static_cast<int>(name - k_months.begin()), static_cast<int>(day), *time);
        if (found <= now + hours(24)) return found;
    }
    return local_time(today.tm_year + 1899, static_cast<int>(name - k_months.begin()), static_cast<int>(day), *time);
}

}  // namespace

std::optional<sys_seconds> time_of(std::string_view line, sys_seconds now) {
    if (line.empty()) return std::nullopt;
    return is_upper(line[0]) ? time_without_year(Cursor(line), now) : iso_time(Cursor(line));
}

}  // namespace ceymail::maillog
