// SPDX-License-Identifier: MIT
// AuthorizationHint: when it is given, and that it is given once.
#include "ceymail/endpoint/authorization_hint.hpp"

#include <boost/test/unit_test.hpp>

using ceymail::endpoint::AuthorizationHint;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(authorization_hint)

BOOST_AUTO_TEST_CASE(is_for_apache_as_long_as_no_token_was_accepted_lately) {
    const struct {
        const char* label;
        const char* server_software;
        std::chrono::nanoseconds last_accepted;
        bool due;
    } cases[] = {
        {"nothing was ever accepted", "Apache/2.4.62 (Debian)", 0s, true},
        {"ServerTokens Prod", "Apache", 0s, true},
        {"the header came through a moment ago", "Apache", 999s, false},
        {"the header came through within five minutes", "Apache", 701s, false},
        {"it has not come through for five minutes", "Apache", 700s, true},
        {"nginx passes it on by itself", "nginx/1.22.1", 0s, false},
        {"the server does not say who it is", "", 0s, false},
    };
    for (const auto& one : cases) {
        AuthorizationHint hint;
        BOOST_TEST(hint.due(one.server_software, 1000s, one.last_accepted) == one.due, one.label);
    }
}

BOOST_AUTO_TEST_CASE(is_given_once) {
    AuthorizationHint hint;
    BOOST_TEST(hint.due("Apache", 1000s, 0s));
    BOOST_TEST(!hint.due("Apache", 1001s, 0s));
    BOOST_TEST(!hint.due("Apache", 100000s, 1002s));
}

BOOST_AUTO_TEST_SUITE_END()
