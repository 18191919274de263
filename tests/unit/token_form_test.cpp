// SPDX-License-Identifier: MIT
// Which refused tokens look like a key of CeyMail's REST API.
#include "ceymail/admission/token_form.hpp"

#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/bearer.hpp"

using namespace ceymail::admission;

BOOST_AUTO_TEST_SUITE(token_form)

BOOST_AUTO_TEST_CASE(a_new_token_has_the_prefix_43_characters_and_is_a_bearer_token) {
    const auto made = make_token();
    BOOST_TEST_REQUIRE(made.has_value());
    const std::string token(made->reveal());
    BOOST_TEST(token.starts_with("ceymail_metrics_"));
    BOOST_TEST(token.size() == std::string("ceymail_metrics_").size() + 43);
    BOOST_TEST(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               token.npos);
    BOOST_TEST((parse_bearer("Bearer " + token).form == BearerForm::token));
    BOOST_TEST(!looks_like_rest_key(token));
}

// 256 bits: 42 characters of six bits each, and one of four.
BOOST_AUTO_TEST_CASE(each_character_of_a_new_token_takes_each_value) {
    std::vector<std::set<char>> taken(43);
    for (int i = 0; i < 3000; ++i) {
        const auto made = make_secret();
        BOOST_TEST_REQUIRE(made.has_value());
        const std::string secret(made->reveal());
        BOOST_TEST_REQUIRE(secret.size() == 43U);
        for (std::size_t n = 0; n < secret.size(); ++n) taken[n].insert(secret[n]);
    }
    for (std::size_t n = 0; n < 42; ++n) BOOST_TEST(taken[n].size() == 64U, n);
    BOOST_TEST(std::string(taken[42].begin(), taken[42].end()) == "048AEIMQUYcgkosw");
}

BOOST_AUTO_TEST_CASE(tells_keys_of_the_rest_api_from_tokens_of_this_and_of_earlier_releases) {
    const std::string letters(43, 'a');
    const struct {
        const char* label;
        std::string token;
        bool rest_key;
    } cases[] = {
        {"this release", "ceymail_metrics_" + letters, false},
        {"this release, cut", "ceymail_metrics_abc", false},
        {"an earlier release", "ceymail_" + letters, false},
        {"an earlier release, with all kinds of characters", "ceymail_-_09azAZ" + std::string(35, 'x'), false},
        {"a shorter key", "ceymail_" + letters.substr(1), true},
        {"a longer key", "ceymail_" + letters + "a", true},
        {"a key in hexadecimal digits", "ceymail_" + std::string(64, '0'), true},
        {"a key of that length with another character", "ceymail_" + letters.substr(1) + ".", true},
        {"a key with a word of its own", "ceymail_live_0123456789", true},
        {"another tool's token", "0123456789abcdef", false},
        {"other letters", "CEYMAIL_live_0123456789", false},
        {"the prefix alone", "ceymail_", true},
        {"nothing", "", false},
    };
    for (const auto& c : cases) BOOST_TEST(looks_like_rest_key(c.token) == c.rest_key, c.label);
}

BOOST_AUTO_TEST_CASE(knows_a_token_that_was_cut_off_or_joined_with_other_text) {
    const std::string whole = "ceymail_metrics_" + std::string(43, 'a');
    for (const auto& token : {whole.substr(0, 58), whole.substr(0, 16), whole + "a", whole.substr(0, 58) + "."})
        BOOST_TEST(looks_like_damaged_token(token), token);
    for (const auto& token : {whole, std::string("ceymail_") + std::string(42, 'a'), std::string("0123456789abcdef"),
                              whole.substr(0, 15), std::string()})
        BOOST_TEST(!looks_like_damaged_token(token), token);
}

BOOST_AUTO_TEST_SUITE_END()
