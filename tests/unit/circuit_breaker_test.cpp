// SPDX-License-Identifier: MIT
// CircuitBreaker, with a clock that the test sets.
#include "ceymail/admission/circuit_breaker.hpp"

#include <limits>

#include <boost/test/unit_test.hpp>

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace std::chrono_literals;

util::BootTime hands;
util::BootTime turned() noexcept { return hands; }

struct Fixture {
    Fixture() { hands = util::BootTime{1000s}; }
    BreakerStorage storage{};
    CircuitBreaker breaker{storage, turned};
};

BOOST_FIXTURE_TEST_SUITE(circuit_breaker, Fixture)

BOOST_AUTO_TEST_CASE(lets_everybody_ask_a_server_that_answers) {
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(breaker.may_ask());
        breaker.answered();
    }
}

BOOST_AUTO_TEST_CASE(lets_one_in_two_seconds_ask_after_a_time_out) {
    breaker.timed_out();
    BOOST_TEST(!breaker.may_ask());
    hands += 2s - 1ns;
    BOOST_TEST(!breaker.may_ask());
    hands += 1ns;
    BOOST_TEST(breaker.may_ask());
    BOOST_TEST(!breaker.may_ask());
    hands += 1s;
    breaker.timed_out();  // the trial: the pause begins again
    hands += 1s;
    BOOST_TEST(!breaker.may_ask());
    hands += 1s;
    BOOST_TEST(breaker.may_ask());
}

BOOST_AUTO_TEST_CASE(an_answer_closes_it) {
    breaker.timed_out();
    hands += 2s;
    BOOST_TEST(breaker.may_ask());
    breaker.answered();
    for (int i = 0; i < 3; ++i) BOOST_TEST(breaker.may_ask());
}

BOOST_AUTO_TEST_CASE(a_caller_that_may_ask_and_dies_holds_nothing) {
    breaker.timed_out();
    hands += 2s;
    BOOST_TEST(breaker.may_ask());  // the damage has no further effect
    hands += 2s;
    BOOST_TEST(breaker.may_ask());
}

BOOST_AUTO_TEST_CASE(a_time_that_it_cannot_have_set_blocks_no_caller) {
    for (const auto time : {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(),
                            (hands + 2s + 1ns).time_since_epoch().count(), std::int64_t{-1}}) {
        storage.next_trial_at = time;
        BOOST_TEST(!plausible(storage, hands), time);
        BOOST_TEST(breaker.may_ask(), time);
        BOOST_TEST(!breaker.may_ask(), time);
    }
    for (const auto time : {std::int64_t{0}, std::int64_t{1}, (hands + 2s).time_since_epoch().count()}) {
        storage.next_trial_at = time;
        BOOST_TEST(plausible(storage, hands), time);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
