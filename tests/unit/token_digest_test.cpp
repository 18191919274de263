// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_digest.hpp"
#include "ceymail/util/hex.hpp"

#include <boost/test/unit_test.hpp>

using namespace ceymail;

BOOST_AUTO_TEST_SUITE(token_digest)

// Source: FIPS 180-4, example "abc".
BOOST_AUTO_TEST_CASE(writes_what_sha256sum_prints) {
    BOOST_TEST(util::to_hex(util::sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

BOOST_AUTO_TEST_CASE(reads_digits_of_both_cases) {
    for (const char* const text : {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                                   "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"}) {
        const auto digest = admission::parse_digest(text);
        BOOST_TEST_REQUIRE(digest.has_value(), text);
        BOOST_TEST((*digest == util::sha256("abc")), text);
    }
}

BOOST_AUTO_TEST_CASE(refuses_anything_but_64_hexadecimal_digits) {
    const std::string right = util::to_hex(util::sha256("abc"));
    const struct {
        const char* label;
        std::string text;
    } cases[] = {
        {"nothing", ""},
        {"one digit less", right.substr(1)},
        {"one digit more", right + "0"},
        {"a letter after f", "g" + right.substr(1)},
        {"the byte before 0", "/" + right.substr(1)},
        {"the byte after 9", ":" + right.substr(1)},
        {"a sign", "+" + right.substr(1)},
        {"a prefix", "0x" + right.substr(2)},
        {"white space", " " + right.substr(1)},
        {"a zero byte", std::string(1, '\0') + right.substr(1)},
        {"a byte of 8 bits", "\xff" + right.substr(1)},
        {"what sha256sum prints behind it", right + "  -"},
        {"a token", "ceymail_metrics_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    };
    for (const auto& c : cases) BOOST_TEST(!admission::parse_digest(c.text).has_value(), c.label);
}

BOOST_AUTO_TEST_SUITE_END()
