// SPDX-License-Identifier: MIT
// OutageLog: how many lines an outage logs. The test sets the clock.
#include "ceymail/endpoint/outage_log.hpp"

#include <boost/test/unit_test.hpp>

#include "support/captured_log.hpp"

namespace {

using namespace ceymail;
using namespace std::chrono_literals;
using endpoint::OutageLog;

util::BootTime hands;
util::BootTime turned() noexcept { return hands; }

const util::Error refused{util::ErrorKind::unavailable, 2002, "refused"};
const util::Error slow{util::ErrorKind::timed_out, 0, "no answer in time"};

struct Fixture {
    Fixture() { hands = util::BootTime{1000s}; }
    OutageLog outage_log{"ask", turned};
};

BOOST_FIXTURE_TEST_SUITE(outage_log, Fixture)

BOOST_AUTO_TEST_CASE(logs_nothing_without_a_failure) {
    const testing::CapturedLog log;
    outage_log.recovered();
    BOOST_TEST(log.count("\n") == 0U);
}

BOOST_AUTO_TEST_CASE(logs_the_beginning_and_the_end_after_half_a_minute) {
    const testing::CapturedLog log;
    for (int i = 0; i < 5; ++i) outage_log.failed(refused);
    BOOST_TEST(log.count("cannot ask: refused") == 1U);
    outage_log.recovered();
    hands += 30s - 1ns;
    outage_log.recovered();
    BOOST_TEST(log.count("can ask again") == 0U);
    hands += 1ns;
    for (int i = 0; i < 5; ++i) outage_log.recovered();
    BOOST_TEST(log.count("can ask again") == 1U);
    outage_log.failed(refused);
    BOOST_TEST(log.count("cannot ask: refused") == 2U);
}

BOOST_AUTO_TEST_CASE(repeated_failures_are_one_outage) {
    const testing::CapturedLog log;
    for (int i = 0; i < 100; ++i) {
        outage_log.failed(i % 2 == 0 ? refused : slow);
        hands += 20s;
        outage_log.recovered();
    }
    BOOST_TEST(log.count("cannot ask: refused") == 1U);
    BOOST_TEST(log.count("cannot ask: no answer in time") == 1U);
    BOOST_TEST(log.count("\n") == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
