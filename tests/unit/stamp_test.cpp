// SPDX-License-Identifier: MIT
// The time of a line of the mail log.
#include "ceymail/maillog/stamp.hpp"

#include <cstdlib>
#include <ctime>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace ceymail::maillog;
using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr sys_seconds k_now = sys_days(2026y / 11 / 27) + 18h + 13min + 22s;

// The zone of the process for one test.
struct Zone {
    explicit Zone(const char* name) {
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~Zone() {
        ::unsetenv("TZ");
        ::tzset();
    }
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;
};

bool is_at(std::string_view line, sys_seconds time, sys_seconds now = k_now) {
    const auto found = time_of(line, now);
    return found && *found == time;
}

BOOST_AUTO_TEST_SUITE(maillog_stamp)

BOOST_AUTO_TEST_CASE(reads_iso_8601_with_its_offset) {
    BOOST_TEST(is_at("2026-11-27T18:13:22.784123+00:00 mx1 x: y", k_now));
    BOOST_TEST(is_at("2026-11-27T20:13:22.784123+02:00 mx1 x: y", k_now));
    BOOST_TEST(is_at("2026-11-27T12:43:22-05:30 mx1 x: y", k_now));
    BOOST_TEST(is_at("2026-11-27T18:13:22Z mx1 x: y", k_now));
}

BOOST_AUTO_TEST_CASE(reads_a_stamp_without_a_year_as_local_time) {
    const Zone zone("EST5");
    BOOST_TEST(is_at("Nov 27 13:13:22 mx1 x: y", k_now));
    BOOST_TEST(is_at("Nov  7 13:13:22 mx1 x: y", k_now - 20 * 24h));
}

BOOST_AUTO_TEST_CASE(takes_the_year_in_which_the_line_is_not_in_the_future) {
    const Zone zone("UTC0");
    constexpr sys_seconds k_new_year = sys_days(2027y / 1 / 1) + 10s;
    BOOST_TEST(is_at("Dec 31 23:59:50 mx1 x: y", k_new_year - 20s, k_new_year));
    BOOST_TEST(is_at("Jan  1 00:00:05 mx1 x: y", k_new_year - 5s, k_new_year));
    BOOST_TEST(is_at("Jan  1 00:00:05 mx1 x: y", k_new_year - 5s, k_new_year - 30s));  // a host ahead of this one
}

BOOST_AUTO_TEST_CASE(reads_the_first_and_the_last_of_each_part) {
    const Zone zone("UTC0");
    BOOST_TEST(is_at("2026-11-27T00:00:00Z", sys_days(2026y / 11 / 27)));
    BOOST_TEST(is_at("2026-11-27T23:59:59Z", sys_days(2026y / 11 / 28) - 1s));
    BOOST_TEST(is_at("2026-12-31T23:59:60Z", sys_days(2027y / 1 / 1)));  // a leap second
    BOOST_TEST(is_at("Nov  1 00:00:00 mx1 x: y", sys_days(2026y / 11 / 1)));
    BOOST_TEST(is_at("Oct 31 23:59:59 mx1 x: y", sys_days(2026y / 11 / 1) - 1s));
}

BOOST_AUTO_TEST_CASE(a_stamp_without_a_year_is_at_most_a_day_ahead) {
    const Zone zone("UTC0");
    constexpr sys_seconds k_ahead = sys_days(2026y / 11 / 28) + 12h;
    BOOST_TEST(is_at("Nov 28 12:00:00 mx1 x: y", k_ahead, k_ahead - 24h));
    BOOST_TEST(is_at("Nov 28 12:00:00 mx1 x: y", sys_days(2025y / 11 / 28) + 12h, k_ahead - 24h - 1s));
}

BOOST_AUTO_TEST_CASE(finds_none_where_there_is_none) {
    for (const auto* const line : {"",
                                   " ",
                                   "x",
                                   "2026-11-27",
                                   "2026-11-27T18:13:22 mx1 x: y",
                                   "2026-13-27T18:13:22Z",
                                   "2026-02-30T18:13:22Z",
                                   "2026-11-27T24:13:22Z",
                                   "2026-11-27T18:61:22Z",
                                   "2026-11-27T18:13:22+",
                                   "99999-11-27T18:13:22Z",
                                   "Nov",
                                   "Nov 27",
                                   "Nov 77 18:13:22",
                                   "Nov 00 18:13:22",
                                   "Nov 32 18:13:22",
                                   "Nov 007 18:13:22",
                                   "Nov 27 018:13:22",
                                   "Nov 27 18:013:22",
                                   "Nov 27 18:13:022",
                                   "2026-011-27T18:13:22Z",
                                   "2026-11-027T18:13:22Z",
                                   "02026-11-27T18:13:22Z",
                                   "2026-11-27T18:13:61Z",
                                   "2026-11-27T18:60:22Z",
                                   "2026-11-27T18:13:22+002:00",
                                   "2026-11-27T18:13:22+02:000",
                                   "Nov 27 25:13:22",
                                   "Nov 27 18:1x:22",
                                   "2026-11-27T18-13-22Z",
                                   "2026-11-27T18:13:2",
                                   "Nix 27 18:13:22",
                                   "<22>1 2026-11-27T18:13:22Z"})
        BOOST_TEST(!time_of(line, k_now), line);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
