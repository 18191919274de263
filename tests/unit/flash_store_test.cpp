// SPDX-License-Identifier: MIT
// FlashStore: which user takes an outcome, and when it expires.
#include <chrono>
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/page/csrf_tokens.hpp"
#include "ceymail/page/flash_store.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::page;
using namespace std::chrono_literals;

util::BootTime s_now{1000s};
util::BootTime now() noexcept { return s_now; }

struct Clock {
    Clock() { s_now = util::BootTime{1000s}; }
};

BOOST_FIXTURE_TEST_SUITE(flash_store, Clock)

BOOST_AUTO_TEST_CASE(expires_each_second_while_an_outcome_waits) {
    FlashStore outcomes(&now);
    BOOST_TEST((outcomes.expire() == util::BootTime::max()));
    outcomes.keep("nonce", "amal", {util::Secret("a token"), false});
    BOOST_TEST((outcomes.expire() == s_now + 1s));
    BOOST_TEST(outcomes.take("nonce", "amal").has_value());
    BOOST_TEST((outcomes.expire() == util::BootTime::max()));
    BOOST_TEST((outcomes.state("nonce", "amal") == FlashStore::State::gone));
}

BOOST_AUTO_TEST_CASE(wipes_an_outcome_after_a_minute_without_a_request) {
    FlashStore outcomes(&now);
    outcomes.keep("nonce", "amal", {util::Secret("a token"), false});
    s_now += k_outcome_life - 1ns;
    BOOST_TEST((outcomes.expire() != util::BootTime::max()));
    s_now += 1ns;
    BOOST_TEST((outcomes.expire() == util::BootTime::max()));
    BOOST_TEST(!outcomes.take("nonce", "amal").has_value());
}

BOOST_AUTO_TEST_CASE(gives_an_outcome_once_to_its_user) {
    FlashStore outcomes(&now);
    BOOST_TEST((outcomes.state("n", "amal") == FlashStore::State::unknown));
    outcomes.keep("n", "amal", {.token = util::Secret("t")});
    BOOST_TEST(!outcomes.take("n", "bimali").has_value());
    BOOST_TEST(!outcomes.take("m", "amal").has_value());
    BOOST_TEST(!outcomes.take("", "amal").has_value());
    BOOST_TEST((outcomes.state("n", "amal") == FlashStore::State::waiting));
    const auto taken = outcomes.take("n", "amal");
    BOOST_TEST_REQUIRE(taken.has_value());
    BOOST_TEST(taken->token.reveal() == "t");
    BOOST_TEST(!outcomes.take("n", "amal").has_value());
    BOOST_TEST((outcomes.state("n", "amal") == FlashStore::State::gone));
}

BOOST_AUTO_TEST_CASE(forgets_an_outcome_that_is_not_taken) {
    FlashStore outcomes(&now);
    outcomes.keep("n", "amal", {.token = util::Secret("t")});
    s_now += k_outcome_life + 1s;
    BOOST_TEST(!outcomes.take("n", "amal").has_value());
    BOOST_TEST((outcomes.state("n", "amal") == FlashStore::State::gone));
    s_now += k_form_life;
    BOOST_TEST((outcomes.state("n", "amal") == FlashStore::State::unknown));
}

BOOST_AUTO_TEST_CASE(has_a_bounded_size) {
    FlashStore outcomes(&now);
    for (std::size_t i = 0; i <= FlashStore::k_most; ++i) {
        outcomes.keep(std::to_string(i), "amal", {});
        s_now += 1ms;
    }
    BOOST_TEST((outcomes.state("0", "amal") == FlashStore::State::unknown));
    BOOST_TEST((outcomes.state("1", "amal") == FlashStore::State::waiting));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
