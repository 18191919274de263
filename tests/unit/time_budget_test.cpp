// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/time_budget.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using ceymail::endpoint::answer_time;
using ceymail::endpoint::time_budget;
using ceymail::util::BootTime;

BOOST_AUTO_TEST_SUITE(time_budget_)

BOOST_AUTO_TEST_CASE(leaves_half_a_second_of_the_scrapers_timeout) {
    struct {
        const char* label;
        const char* in;
        std::chrono::nanoseconds want;
    } const cases[] = {
        {"missing", "", 5s},
        {"Prometheus's default", "10", 5s},
        {"as Prometheus writes it", "2.500000", 2s},
        {"just under ours", "5.25", 4750ms},
        {"no less than a tenth of a second", "0.5", 100ms},
        {"tiny", "0.001", 100ms},
        {"huge", "99999999999999999999999999999999999999", 5s},
    };
    for (const auto& c : cases) BOOST_TEST((answer_time(c.in) == c.want), c.label);
}

BOOST_AUTO_TEST_CASE(ignores_a_value_that_is_no_positive_decimal) {
    for (const auto in : {"0", "0.0", "-1", "+1", "1e3", "inf", "nan", "0x1", "1,5", "1.5s", " 1.5", "1.5 ", ".",
                          "1.2.3", "1.5, 2.5"}) {
        BOOST_TEST((answer_time(in) == 5s), in);
    }
}

BOOST_AUTO_TEST_CASE(gives_the_token_check_at_most_half_and_keeps_some_for_the_way_out) {
    struct {
        const char* timeout;
        std::chrono::nanoseconds token, snapshot;
    } const cases[] = {{"", 1200ms, 4900ms}, {"1.5", 500ms, 900ms}, {"0.1", 50ms, 75ms}};
    const BootTime start{1h};
    for (const auto& c : cases) {
        BOOST_TEST((time_budget(start, c.timeout).token == start + c.token), c.timeout);
        BOOST_TEST((time_budget(start, c.timeout).latest_token == start + 1200ms), c.timeout);
        BOOST_TEST((time_budget(start, c.timeout).snapshot == start + c.snapshot), c.timeout);
    }
}

BOOST_AUTO_TEST_SUITE_END()
