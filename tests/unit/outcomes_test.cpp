// SPDX-License-Identifier: MIT
// How long what came of a form is kept, and that a clock alone ends it.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include "ceymail/page/flash_store.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::page;
using namespace std::chrono_literals;

util::BootTime s_now{1000s};
util::BootTime now() noexcept { return s_now; }

BOOST_AUTO_TEST_SUITE(outcomes)

BOOST_AUTO_TEST_CASE(are_looked_at_each_second_while_one_waits_and_not_at_all_else) {
    FlashStore outcomes(&now);
    BOOST_TEST((outcomes.expire() == util::BootTime::max()));
    outcomes.keep("nonce", "amal", {util::Secret("a token"), false});
    BOOST_TEST((outcomes.expire() == s_now + 1s));
    BOOST_TEST(outcomes.take("nonce", "amal").has_value());
    BOOST_TEST((outcomes.expire() == util::BootTime::max()));
    BOOST_TEST((outcomes.fate("nonce", "amal") == FlashStore::Fate::over));
}

BOOST_AUTO_TEST_CASE(are_over_after_a_minute_whether_or_not_somebody_asks) {
    FlashStore outcomes(&now);
    outcomes.keep("nonce", "amal", {util::Secret("a token"), false});
    s_now += k_outcome_life - 1ns;
    BOOST_TEST((outcomes.expire() != util::BootTime::max()));
    s_now += 1ns;
    BOOST_TEST((outcomes.expire() == util::BootTime::max()));
    BOOST_TEST(!outcomes.take("nonce", "amal").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
