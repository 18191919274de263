// SPDX-License-Identifier: MIT
// CsrfTokens: to which user and action a token belongs, and for how long.
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/page/csrf_tokens.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::page;
using namespace std::chrono_literals;

util::BootTime s_now{1000s};
util::BootTime now() noexcept { return s_now; }

struct Clock {
    Clock() { s_now = util::BootTime{1000s}; }
};

CsrfTokens csrf(char key = 7) { return {util::Secret(std::string(32, key)), now}; }

std::string sealed(const CsrfTokens& by, Action action = Action::generate, const char* user = "amal") {
    return by.issue({action, user, 41}).value();
}

BOOST_FIXTURE_TEST_SUITE(csrf_tokens, Clock)

BOOST_AUTO_TEST_CASE(is_valid_for_its_user_and_action) {
    const auto by = csrf();
    const auto opened = by.verify(sealed(by), Action::generate, "amal");
    BOOST_TEST((opened.status == CsrfStatus::valid));
    BOOST_TEST(opened.seen == 41U);
    BOOST_TEST(opened.nonce.size() == 32U);
    BOOST_TEST(sealed(by) != sealed(by));
}

BOOST_AUTO_TEST_CASE(is_forged_for_any_other_user_or_action) {
    const auto by = csrf();
    const auto seal = sealed(by);
    const auto forged = [&](const std::string& text, Action action = Action::generate, const char* user = "amal") {
        return by.verify(text, action, user).status == CsrfStatus::forged;
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
    BOOST_TEST((by.verify(seal, Action::generate, "amal").status == CsrfStatus::valid));
    s_now += 1s;
    BOOST_TEST((by.verify(seal, Action::generate, "amal").status == CsrfStatus::expired));
}

BOOST_AUTO_TEST_CASE(has_a_random_key_in_each_process) {
    const auto one = CsrfTokens::make(now).value();
    const auto other = CsrfTokens::make(now).value();
    BOOST_TEST((other.verify(sealed(one), Action::generate, "amal").status == CsrfStatus::forged));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
