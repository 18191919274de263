// SPDX-License-Identifier: MIT
// CsrfTokens and FlashStore: whose form it is, for how long, and that what came of it is shown once.
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

CsrfTokens csrf(unsigned char key = 7) {
    CsrfTokens::Key bytes{};
    bytes.fill(key);
    return {bytes, now};
}

std::string sealed(const CsrfTokens& by, Action action = Action::generate, const char* user = "amal") {
    return by.seal({action, user, 41}).value();
}

BOOST_FIXTURE_TEST_SUITE(csrf_tokens, Clock)

BOOST_AUTO_TEST_CASE(holds_for_who_and_what_it_was_made_for) {
    const auto by = csrf();
    const auto opened = by.open(sealed(by), Action::generate, "amal");
    BOOST_TEST((opened.seal == Seal::good));
    BOOST_TEST(opened.seen == 41U);
    BOOST_TEST(opened.nonce.size() == 32U);
    BOOST_TEST(sealed(by) != sealed(by));
}

BOOST_AUTO_TEST_CASE(is_forged_for_anybody_and_anything_else) {
    const auto by = csrf();
    const auto seal = sealed(by);
    const auto forged = [&](const std::string& text, Action action = Action::generate, const char* user = "amal") {
        return by.open(text, action, user).seal == Seal::forged;
    };
    BOOST_TEST(forged(seal, Action::revoke));
    BOOST_TEST(forged(seal, Action::generate, "bimali"));
    BOOST_TEST(forged(seal, Action::generate, ""));
    BOOST_TEST(forged(sealed(csrf(8))));
    BOOST_TEST(forged(""));
    BOOST_TEST(forged(std::string(64, '0')));
    BOOST_TEST(forged("-" + std::string(64, '0')));
    BOOST_TEST(forged(seal + "0"));
    BOOST_TEST(forged(std::string(100'000, 'a')));
    for (std::size_t i = 0; i < seal.size(); ++i) {
        auto changed = seal;
        changed[i] = changed[i] == '1' ? '2' : '1';
        BOOST_TEST(forged(changed), i);
    }
}

BOOST_AUTO_TEST_CASE(expires) {
    const auto by = csrf();
    const auto seal = sealed(by);
    s_now += k_form_life;
    BOOST_TEST((by.open(seal, Action::generate, "amal").seal == Seal::good));
    s_now += 1s;
    BOOST_TEST((by.open(seal, Action::generate, "amal").seal == Seal::expired));
}

BOOST_AUTO_TEST_CASE(has_a_key_of_the_kernels) {
    const auto one = CsrfTokens::make(now).value();
    const auto other = CsrfTokens::make(now).value();
    BOOST_TEST((other.open(sealed(one), Action::generate, "amal").seal == Seal::forged));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(form_outcomes, Clock)

BOOST_AUTO_TEST_CASE(are_shown_once_to_their_user) {
    FlashStore outcomes(now);
    BOOST_TEST((outcomes.fate("n", "amal") == FlashStore::Fate::unknown));
    outcomes.keep("n", "amal", {.token = util::Secret("t")});
    BOOST_TEST(!outcomes.take("n", "bimali").has_value());
    BOOST_TEST(!outcomes.take("m", "amal").has_value());
    BOOST_TEST(!outcomes.take("", "amal").has_value());
    BOOST_TEST((outcomes.fate("n", "amal") == FlashStore::Fate::waiting));
    const auto taken = outcomes.take("n", "amal");
    BOOST_TEST_REQUIRE(taken.has_value());
    BOOST_TEST(taken->token.reveal() == "t");
    BOOST_TEST(!outcomes.take("n", "amal").has_value());
    BOOST_TEST((outcomes.fate("n", "amal") == FlashStore::Fate::over));
}

BOOST_AUTO_TEST_CASE(are_gone_when_nobody_comes) {
    FlashStore outcomes(now);
    outcomes.keep("n", "amal", {.token = util::Secret("t")});
    s_now += k_outcome_life + 1s;
    BOOST_TEST(!outcomes.take("n", "amal").has_value());
    BOOST_TEST((outcomes.fate("n", "amal") == FlashStore::Fate::over));
    s_now += k_form_life;
    BOOST_TEST((outcomes.fate("n", "amal") == FlashStore::Fate::unknown));
}

BOOST_AUTO_TEST_CASE(are_bounded) {
    FlashStore outcomes(now);
    for (std::size_t i = 0; i <= FlashStore::k_most; ++i) {
        outcomes.keep(std::to_string(i), "amal", {});
        s_now += 1ms;
    }
    BOOST_TEST((outcomes.fate("0", "amal") == FlashStore::Fate::unknown));
    BOOST_TEST((outcomes.fate("1", "amal") == FlashStore::Fate::waiting));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
