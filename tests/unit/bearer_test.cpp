// SPDX-License-Identifier: MIT
// parse_bearer(): valid and malformed Authorization headers.
#include <array>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/bearer.hpp"

namespace {

using namespace ceymail::admission;
using namespace std::string_view_literals;

std::string bearer_of(std::size_t length) { return "Bearer " + std::string(length, 'a'); }

BOOST_AUTO_TEST_SUITE(bearer)

BOOST_AUTO_TEST_CASE(finds_the_token) {
    struct Header {
        std::string_view text, token;
    };
    constexpr std::array headers{
        Header{"Bearer 0123456789abcdef", "0123456789abcdef"},
        Header{"bearer 0123456789abcdef", "0123456789abcdef"},
        Header{"BEARER 0123456789abcdef", "0123456789abcdef"},
        Header{"Bearer    0123456789abcdef", "0123456789abcdef"},
        Header{"Bearer ceymail_-._~+/AZaz09", "ceymail_-._~+/AZaz09"},
        Header{"Bearer 0123456789abcd==", "0123456789abcd=="},
        Header{"Bearer a===============", "a==============="},
    };
    for (const auto& header : headers) {
        BOOST_TEST_CONTEXT(header.text) {
            const auto found = parse_bearer(header.text);
            BOOST_TEST((found.form == BearerForm::token));
            BOOST_TEST(found.token == header.token);
        }
    }
}

BOOST_AUTO_TEST_CASE(takes_16_to_256_characters) {
    BOOST_TEST((parse_bearer(bearer_of(15)).form == BearerForm::malformed));
    BOOST_TEST((parse_bearer(bearer_of(16)).form == BearerForm::token));
    BOOST_TEST((parse_bearer(bearer_of(256)).form == BearerForm::token));
    BOOST_TEST((parse_bearer(bearer_of(257)).form == BearerForm::malformed));
    BOOST_TEST((parse_bearer(bearer_of(1'000'000)).form == BearerForm::malformed));
}

BOOST_AUTO_TEST_CASE(tells_an_absent_header_from_a_malformed_one) {
    BOOST_TEST((parse_bearer("").form == BearerForm::absent));
    const std::array malformed{
        " "sv,
        "Bearer"sv,
        "Bearer "sv,
        "Bearer     "sv,
        " Bearer 0123456789abcdef"sv,
        "Bearer 0123456789abcdef "sv,
        "Bearer\t0123456789abcdef"sv,
        "Bearer \t0123456789abcdef"sv,
        "Bearer: 0123456789abcdef"sv,
        "Bearer,0123456789abcdef"sv,
        "Bearer0123456789abcdef"sv,
        "Beare 0123456789abcdef"sv,
        "Bearerr 0123456789abcdef"sv,
        "Bear\0er 0123456789abcdef"sv,
        "Basic dXNlcjpwYXNzd29yZA=="sv,
        "Digest 0123456789abcdef"sv,
        "0123456789abcdef"sv,
        "Bearer 0123456789abcdef 0123456789abcdef"sv,
        "Bearer 0123456789abcdef, Bearer 0123456789abcdef"sv,
        "Bearer \"0123456789abcdef\""sv,
        "Bearer token=0123456789abcdef"sv,
        "Bearer 0123456789abcdef\n"sv,
        "Bearer 0123456789abcdef\r\nX: y"sv,
        "Bearer 0123456789abcdef\0"sv,
        "Bearer 01234567\0 9abcdef"sv,
        "Bearer ================"sv,
        "Bearer =0123456789abcdef"sv,
        "Bearer 01234567=89abcdef"sv,
        "Bearer 0123456789abcde%"sv,
        "Bearer 0123456789abcde'"sv,
        "Bearer 0123456789abcd\xc3\xa9"sv,
        "Bearer 0123456789abcde\x7f"sv,
    };
    for (const auto text : malformed) {
        const auto found = parse_bearer(text);
        BOOST_TEST((found.form == BearerForm::malformed), text);
        BOOST_TEST(found.token.empty(), text);
    }
}

BOOST_AUTO_TEST_CASE(takes_exactly_the_characters_of_b64token) {
    const auto allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"sv;
    for (int code = 0; code < 256; ++code) {
        const char c = static_cast<char>(code);
        const auto want = allowed.contains(c) ? BearerForm::token : BearerForm::malformed;
        BOOST_TEST((parse_bearer("Bearer 01234567" + std::string(1, c) + "89abcdef").form == want), code);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
