// SPDX-License-Identifier: MIT
// Arrival times, counted and bounded.
#include "ceymail/collect/arrival_times.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

namespace {

using namespace ceymail::collect;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(arrival_times)

BOOST_AUTO_TEST_CASE(counts_those_before_a_time_in_whole_seconds) {
    ArrivalAllowance allowance(1000);
    ArrivalTimes times;
    for (const auto arrival : {9s + 999'999us, 3s + 0us, 5s + 1us, 5s + 0us}) BOOST_TEST(times.add(arrival, allowance));
    times.sort();
    for (const auto& [time, want] : {std::pair{3, 0}, {4, 1}, {5, 1}, {6, 3}, {9, 3}, {10, 4}, {0, 0}, {-7, 0}})
        BOOST_TEST(times.before(std::chrono::seconds(time)) == static_cast<std::uint64_t>(want), time);
    BOOST_TEST(times.size() == 4U);
}

BOOST_AUTO_TEST_CASE(takes_what_four_bytes_cannot_hold_for_the_first_or_the_last_second) {
    constexpr std::chrono::seconds k_last(std::numeric_limits<std::uint32_t>::max());
    ArrivalAllowance allowance(1000);
    ArrivalTimes times;
    for (const std::chrono::microseconds arrival :
         {std::chrono::microseconds(-1us), {-9h}, {k_last + 1s}, {k_last + 9h}})
        BOOST_TEST(times.add(arrival, allowance));
    times.sort();
    BOOST_TEST(times.before(0s) == 0U);
    BOOST_TEST(times.before(1s) == 2U);
    BOOST_TEST(times.before(k_last) == 2U);
    BOOST_TEST(times.before(k_last + 100h) == 2U);
}

BOOST_AUTO_TEST_CASE(takes_no_more_than_its_allowance) {
    ArrivalAllowance allowance(2 * ArrivalTimes::k_step);
    ArrivalTimes one;
    ArrivalTimes other;
    for (std::size_t i = 0; i < ArrivalTimes::k_step; ++i) BOOST_TEST(one.add(1s, allowance));
    BOOST_TEST(other.add(1s, allowance));
    BOOST_TEST(!one.add(1s, allowance));
    BOOST_TEST(other.add(1s, allowance));
    BOOST_TEST(!allowance.take(1));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
