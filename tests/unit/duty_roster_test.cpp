// SPDX-License-Identifier: MIT
// Who counts as stuck.
#include "ceymail/process/duty_roster.hpp"

#include <boost/test/unit_test.hpp>

#include "support/forked_child.hpp"

using namespace ceymail::process;
using namespace std::chrono_literals;
using ceymail::testing::ForkedChild;
using ceymail::util::AwakeTime;
namespace fastcgi = ceymail::fastcgi;

namespace {
constexpr AwakeTime k_now{1h};
}

BOOST_AUTO_TEST_SUITE(duty_roster)

BOOST_AUTO_TEST_CASE(a_place_begins_with_nothing_in_hand_and_keeps_what_it_is_told) {
    auto roster = DutyRoster::make(64);
    BOOST_TEST_REQUIRE(roster.has_value());
    auto& place = roster->place(63);
    BOOST_TEST((place.load() == AwakeTime{}));
    place = k_now;
    const auto moved = std::move(*roster);  // the place stays where it is
    BOOST_TEST((place.load() == k_now));
}

BOOST_AUTO_TEST_CASE(a_place_that_is_kept_alone_is_still_the_shared_one) {
    auto roster = DutyRoster::make(4);
    auto& place = roster->place(2);
    const auto write = [&](fastcgi::BusySince& which) {
        return ForkedChild([&] {
                   roster->keep_only(&place);
                   which = k_now;
                   return 0;
               })
            .wait();
    };
    BOOST_TEST(write(place) == 0);
    BOOST_TEST((place.load() == k_now));
    for (const std::size_t other : {0U, 1U, 3U}) BOOST_TEST(write(roster->place(other)) == -SIGSEGV, other);
    const auto none = ForkedChild([&] {
                          roster->keep_only(nullptr);
                          place = AwakeTime{};
                          return 0;
                      }).wait();
    BOOST_TEST(none == -SIGSEGV);
}

BOOST_AUTO_TEST_CASE(whoever_waits_for_requests_is_never_stuck) { BOOST_TEST(!is_overdue({}, k_now)); }

BOOST_AUTO_TEST_CASE(the_longest_request_is_no_sign_of_being_stuck) {
    BOOST_TEST(!is_overdue(k_now - k_longest_request, k_now));
    BOOST_TEST(!is_overdue(k_now - k_stuck_after, k_now));
}

BOOST_AUTO_TEST_CASE(what_takes_twice_as_long_is) { BOOST_TEST(is_overdue(k_now - k_stuck_after - 1ms, k_now)); }

BOOST_AUTO_TEST_SUITE_END()
