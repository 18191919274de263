// SPDX-License-Identifier: MIT
// The dashboard's session cookie: whose it is, by which secret, and until when.
#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/session_cookie.hpp"
#include "ceymail/admission/session_secret.hpp"
#include "support/dashboard_session.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace ceymail::testing;

constexpr std::uint64_t k_now = 1'800'000'000;

// Made by Node.js: Buffer.from(json).toString('base64url') and createHmac('sha256', secret).update(that).digest('hex').
// {"userId":7,"username":"amal","role":"admin","exp":1800003600000}
const std::string k_of_node =
    "eyJ1c2VySWQiOjcsInVzZXJuYW1lIjoiYW1hbCIsInJvbGUiOiJhZG1pbiIsImV4cCI6MTgwMDAwMzYwMDAwMH0"
    ".c5d6e3c5a4a1f25bdb4e9262fc1e5cdf81ea623f79ac65f12e299cc3b2152021";

SessionCheck check(const std::string& value, const std::string& secret = k_session_secret, std::uint64_t now = k_now) {
    return check_session(value, util::Secret(secret), now);
}

SessionCheck check_claims(const std::string& json, std::uint64_t now = k_now) {
    return check(signed_session(json), k_session_secret, now);
}

std::string claims(const std::string& exp) {
    return R"({"userId":7,"username":"amal","role":"admin","exp":)" + exp + "}";
}

std::string nested(int depth) {
    const auto levels = static_cast<std::size_t>(depth);
    return R"({"x":)" + std::string(levels, '[') + std::string(levels, ']') +
           R"(,"userId":7,"username":"amal","role":"admin","exp":1800003600})";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_cookie)

BOOST_AUTO_TEST_CASE(of_the_dashboard_is_valid_and_names_its_user) {
    const auto session = check(k_of_node);
    BOOST_TEST_REQUIRE((session.status == SessionStatus::valid));
    BOOST_TEST((session.claims == SessionClaims{7, "amal", "admin", 1'800'003'600'000}));
    BOOST_TEST(k_of_node == signed_session(claims("1800003600000")));  // what the other cases use
}

BOOST_AUTO_TEST_CASE(is_forged_under_another_secret) {
    for (const std::string secret : {"1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "0", "x"})
        BOOST_TEST((check(k_of_node, secret).status == SessionStatus::forged), secret);
    // The key is the text of the secret, not the bytes that its digits stand for.
    const std::string bytes =
        "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45"
        "\x67\x89\xab\xcd\xef";
    BOOST_TEST((check(signed_session(claims("1800003600"), bytes)).status == SessionStatus::forged));
}

BOOST_AUTO_TEST_CASE(is_not_valid_in_any_of_10000_changed_forms) {
    std::mt19937 random(7);
    for (int i = 0; i < 10'000; ++i) {
        const auto changed = changed_session(k_of_node, random);
        const auto session = check(changed);
        BOOST_TEST_REQUIRE((session.status == SessionStatus::forged || session.status == SessionStatus::malformed),
                           changed);
        BOOST_TEST_REQUIRE((session.claims == SessionClaims{}));
    }
}

BOOST_AUTO_TEST_CASE(is_malformed_unless_it_is_claims_a_dot_and_64_digits) {
    const auto mac = k_of_node.substr(k_of_node.find('.'));
    const std::string cases[] = {"",
                                 ".",
                                 "x",
                                 k_of_node.substr(0, k_of_node.find('.')),
                                 "." + k_of_node,
                                 k_of_node + ".",
                                 k_of_node + mac,
                                 k_of_node + "0",
                                 k_of_node.substr(0, k_of_node.size() - 1),
                                 "\"" + k_of_node + "\"",
                                 std::string(2049 - mac.size(), 'A') + mac};
    for (const auto& value : cases) BOOST_TEST((check(value).status == SessionStatus::malformed), value);
    BOOST_TEST((check(mac).status == SessionStatus::forged));
    BOOST_TEST((check(std::string(2048 - mac.size(), 'A') + mac).status == SessionStatus::forged));
}

BOOST_AUTO_TEST_CASE(ends_at_its_time_in_seconds_or_milliseconds) {
    using enum SessionStatus;
    const struct {
        const char* exp;
        std::uint64_t now;
        SessionStatus want;
    } cases[] = {
        {"1800000000", 1'799'999'999, valid},
        {"1800000000", 1'800'000'000, expired},
        {"1800000000999", 1'799'999'999, valid},
        {"1800000000999", 1'800'000'000, expired},
        {"1800000000.75", 1'799'999'999, valid},
        {"1800000000.75", 1'800'000'000, expired},
        {"0", 1'800'000'000, expired},
        {"1", 1'800'000'000, expired},
        // 31 days ahead and more: another unit than the two, by which it would never end.
        {"1802678400", 1'800'000'000, valid},
        {"1802678401", 1'800'000'000, unreadable},
        {"1802678401000", 1'800'000'000, unreadable},
        {"1800000000000000", 1'800'000'000, unreadable},
        {"18446744073709551615", 1'800'000'000, unreadable},
        {"18446744073709551616", 1'800'000'000, unreadable},
        {"100000000000", 1'800'000'000, unreadable},  // the year 5138
        {"100000000001", 1'800'000'000, expired},     // 1973
        {"-1", 1'800'000'000, unreadable},
        {"1.8e9", 1'800'000'000, unreadable},
        {"\"1800003600\"", 1'800'000'000, unreadable},
        {"null", 1'800'000'000, unreadable},
        {"true", 1'800'000'000, unreadable},
    };
    for (const auto& c : cases)
        BOOST_TEST((check_claims(claims(c.exp), c.now).status == c.want), c.exp << " at " << c.now);
}

BOOST_AUTO_TEST_CASE(of_the_secret_is_unreadable_unless_it_is_base64url_of_the_claims) {
    for (const std::string json : {"", "{}", "[]", "null", "7", "\"x\"", "{\"userId\":7}"})
        BOOST_TEST((check_claims(json).status == SessionStatus::unreadable), json);
    // Texts of another alphabet, padded, or of a length that base64 never has; each with the right MAC.
    const auto encoded = k_of_node.substr(0, k_of_node.find('.'));
    for (const auto& text : {encoded + "=", encoded + "A", "+" + encoded, encoded + " ", std::string("A")})
        BOOST_TEST((check(text + "." + session_mac(text)).status == SessionStatus::unreadable), text);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(session_claims)

BOOST_AUTO_TEST_CASE(are_read_from_any_valid_json_object) {
    const struct {
        const char* label;
        std::string json;
    } cases[] = {
        {"as the dashboard has them", R"({"userId":7,"username":"amal","role":"admin","exp":1800003600})"},
        {"in another order", R"({"exp":1800003600,"role":"admin","username":"amal","userId":7})"},
        {"with blanks", " {\n\t\"userId\" : 7 ,\r\"username\":\"amal\", \"role\":\"admin\",\"exp\":1800003600 } \n"},
        {"escaped", R"({"user\u0049d":7,"username":"\u0061mal","role":"adm\u0069n","exp":1800003600})"},
        {"with more members",
         R"({"iat":-1.5e+3,"a":[1,{"b":[]},{},"x\"]}"],"c":true,"d":false,"e":null,"userId":7,"username":"amal",)"
         R"("role":"admin","exp":1800003600})"},
        {"an unknown member twice", R"({"a":1,"a":2,"userId":7,"username":"amal","role":"admin","exp":1800003600})"},
        {"8 deep", nested(8)},
    };
    for (const auto& c : cases) {
        const auto read = parse_session_claims(c.json);
        BOOST_TEST_REQUIRE(read.has_value(), c.label);
        BOOST_TEST((*read == SessionClaims{7, "amal", "admin", 1'800'003'600}), c.label);
    }
    const auto other = parse_session_claims(R"({"userId":0,"username":"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00)"
                                            "\xC3\xA9"
                                            R"(","role":"","exp":1.25})");
    BOOST_TEST_REQUIRE(other.has_value());
    BOOST_TEST(other->username == "\"\\/\b\f\n\r\t\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xC3\xA9");
    BOOST_TEST(other->expires == 1U);
}

BOOST_AUTO_TEST_CASE(have_the_first_and_the_last_code_point_of_each_length) {
    const struct {
        const char* escaped;
        const char* utf8;
    } cases[] = {
        {R"(\u0001)", "\x01"},
        {R"(\u007f)", "\x7F"},
        {R"(\u0080)", "\xC2\x80"},
        {R"(\u07ff)", "\xDF\xBF"},
        {R"(\u0800)", "\xE0\xA0\x80"},
        {R"(\ud7ff)", "\xED\x9F\xBF"},
        {R"(\ue000)", "\xEE\x80\x80"},
        {R"(\uffff)", "\xEF\xBF\xBF"},
        {R"(\ud800\udc00)", "\xF0\x90\x80\x80"},
        {R"(\udbff\udfff)", "\xF4\x8F\xBF\xBF"},
    };
    for (const auto& c : cases) {
        const auto read =
            parse_session_claims(R"({"userId":7,"username":")" + std::string(c.escaped) + R"(","role":"","exp":1})");
        BOOST_TEST_REQUIRE(read.has_value(), c.escaped);
        BOOST_TEST(read->username == c.utf8, c.escaped);
    }
    for (const char* escaped :
         {R"(\udc00)", R"(\udfff)", R"(\ud800)", R"(\udbff)", R"(\ud800\udbff)", R"(\ud800\ue000)", R"(\ud800\u0041)"})
        BOOST_TEST(
            !parse_session_claims(R"({"userId":7,"username":")" + std::string(escaped) + R"(","role":"","exp":1})")
                 .has_value(),
            escaped);
}

BOOST_AUTO_TEST_CASE(are_refused_where_they_are_not_exactly_that) {
    const struct {
        const char* label;
        std::string json;
    } cases[] = {
        {"nothing", ""},
        {"no object", R"(["userId",7])"},
        {"no userId", R"({"username":"amal","role":"admin","exp":1})"},
        {"no username", R"({"userId":7,"role":"admin","exp":1})"},
        {"no role", R"({"userId":7,"username":"amal","exp":1})"},
        {"no exp", R"({"userId":7,"username":"amal","role":"admin"})"},
        {"two userId", R"({"userId":7,"userId":1,"username":"amal","role":"admin","exp":1})"},
        {"two userId, one escaped", R"({"userId":7,"\u0075serId":1,"username":"amal","role":"admin","exp":1})"},
        {"two roles", R"({"userId":7,"username":"amal","role":"viewer","role":"admin","exp":1})"},
        {"inside of another", R"({"x":{"userId":7,"username":"amal","role":"admin","exp":1}})"},
        {"of another case", R"({"userid":7,"username":"amal","role":"admin","exp":1})"},
        {"userId a text", R"({"userId":"7","username":"amal","role":"admin","exp":1})"},
        {"userId negative", R"({"userId":-7,"username":"amal","role":"admin","exp":1})"},
        {"userId a fraction", R"({"userId":7.0,"username":"amal","role":"admin","exp":1})"},
        {"userId too great", R"({"userId":18446744073709551623,"username":"amal","role":"admin","exp":1})"},
        {"userId an array", R"({"userId":[7],"username":"amal","role":"admin","exp":1})"},
        {"username a number", R"({"userId":7,"username":7,"role":"admin","exp":1})"},
        {"role null", R"({"userId":7,"username":"amal","role":null,"exp":1})"},
        {"text after it", R"({"userId":7,"username":"amal","role":"admin","exp":1}x)"},
        {"two objects", R"({"userId":7,"username":"amal","role":"admin","exp":1}{})"},
        {"not closed", R"({"userId":7,"username":"amal","role":"admin","exp":1)"},
        {"a text not closed", R"({"userId":7,"role":"admin","exp":1,"username":"amal)"},
        {"cut off within an escape", R"({"userId":7,"role":"admin","exp":1,"username":"amal\)"},
        {"a comma at the end", R"({"userId":7,"username":"amal","role":"admin","exp":1,})"},
        {"no comma", R"({"userId":7 "username":"amal","role":"admin","exp":1})"},
        {"no colon", R"({"userId" 7,"username":"amal","role":"admin","exp":1})"},
        {"a name without quotes", R"({userId:7,"username":"amal","role":"admin","exp":1})"},
        {"single quotes", R"({'userId':7,"username":"amal","role":"admin","exp":1})"},
        {"a comment", R"({"userId":7,/**/"username":"amal","role":"admin","exp":1})"},
        {"a line break in a text", "{\"userId\":7,\"username\":\"am\nal\",\"role\":\"admin\",\"exp\":1}"},
        {"an unknown escape", R"({"userId":7,"username":"am\al","role":"admin","exp":1})"},
        {"half an escape", R"({"userId":7,"username":"am\u00","role":"admin","exp":1})"},
        {"an escape with a sign", R"({"userId":7,"username":"am\u+0a1","role":"admin","exp":1})"},
        {"a high surrogate alone", R"({"userId":7,"username":"\ud83d","role":"admin","exp":1})"},
        {"a low surrogate alone", R"({"userId":7,"username":"\ude00","role":"admin","exp":1})"},
        {"two high surrogates", R"({"userId":7,"username":"\ud83d\ud83d","role":"admin","exp":1})"},
        {"a zero in front", R"({"userId":07,"username":"amal","role":"admin","exp":1})"},
        {"a plus", R"({"userId":+7,"username":"amal","role":"admin","exp":1})"},
        {"hexadecimal", R"({"userId":0x7,"username":"amal","role":"admin","exp":1})"},
        {"a point at the end", R"({"userId":7,"username":"amal","role":"admin","exp":1.})"},
        {"a point in front", R"({"userId":7,"username":"amal","role":"admin","exp":.1})"},
        {"an exponent", R"({"userId":7,"username":"amal","role":"admin","exp":1e1})"},
        {"NaN", R"({"userId":7,"username":"amal","role":"admin","exp":NaN})"},
        {"a wrong word", R"({"x":tru,"userId":7,"username":"amal","role":"admin","exp":1})"},
        {"a number cut off", R"({"x":-,"userId":7,"username":"amal","role":"admin","exp":1})"},
        {"9 deep", nested(9)},
        {"1000 deep", nested(1000)},
        {"a byte-order mark",
         "\xEF\xBB\xBF"
         R"({"userId":7,"username":"amal","role":"admin","exp":1})"},
    };
    for (const auto& c : cases) BOOST_TEST(!parse_session_claims(c.json).has_value(), c.label);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(session_secret)

BOOST_AUTO_TEST_CASE(is_read_from_its_line_alone) {
    const std::string secret = k_session_secret;
    const std::string files[] = {
        "SESSION_SECRET=" + secret + "\n",
        "SESSION_SECRET=" + secret,
        "# SESSION_SECRET=other\nDB_PASSWORD=a=b\nSESSION_SECRET=" + secret + "\r\nNEXT_SESSION_SECRET=x\n",
        "SESSION_SECRET=\"" + secret + "\"\n",
        "SESSION_SECRET='" + secret + "'\n",
        "\n\n  SESSION_SECRET= " + secret + " \t\n\n",
        "SESSION_SECRET_OLD=" + std::string(64, 'f') + "\nSESSION_SECRET=" + secret + "\n",
    };
    for (const auto& text : files) {
        const auto read = parse_session_secret(text, "file");
        BOOST_TEST_REQUIRE(read.has_value(), text);
        BOOST_TEST(read->reveal() == secret, text);
    }
    for (const std::size_t size : {32U, 256U})
        BOOST_TEST(parse_session_secret("SESSION_SECRET=" + std::string(size, '!'), "file").has_value());
    BOOST_TEST(parse_session_secret("SESSION_SECRET=" + std::string(32, '~'), "file").has_value());
}

BOOST_AUTO_TEST_CASE(is_refused_with_the_remedy_and_never_shown) {
    const std::string secret = k_session_secret;
    const struct {
        const char* label;
        std::string text;
        const char* words;
    } cases[] = {
        {"an empty file", "", "file has no line SESSION_SECRET="},
        {"another variable", "DB_PASSWORD=" + secret, "file has no line SESSION_SECRET="},
        {"JSON", "{\"session\":{\"secret\":\"" + secret + "\"}}", "file has no line SESSION_SECRET="},
        {"a comment", "#SESSION_SECRET=" + secret, "file has no line SESSION_SECRET="},
        {"empty", "SESSION_SECRET=\n", "not 32 to 256 printable characters"},
        {"31 characters", "SESSION_SECRET=" + secret.substr(0, 31), "not 32 to 256"},
        {"257 characters", "SESSION_SECRET=" + std::string(257, 'a'), "not 32 to 256"},
        {"a blank", "SESSION_SECRET=" + secret + " x", "not 32 to 256"},
        {"DEL", "SESSION_SECRET=" + secret + "\x7F", "not 32 to 256"},
        {"a variable", "SESSION_SECRET=$" + secret, "not 32 to 256"},
        {"one quote", "SESSION_SECRET=\"" + secret, "not 32 to 256"},
        {"two", "SESSION_SECRET=" + secret + "\nSESSION_SECRET=" + secret, "has two lines"},
    };
    for (const auto& c : cases) {
        const auto read = parse_session_secret(c.text, "file");
        BOOST_TEST_CONTEXT(c.label) {
            BOOST_TEST_REQUIRE(!read.has_value());
            const auto& message = read.error().message;
            BOOST_TEST(message.find(c.words) != std::string::npos, message);
            BOOST_TEST(message.find("systemctl daemon-reload") != std::string::npos, message);
            BOOST_TEST(message.find(secret.substr(0, 16)) == std::string::npos, message);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
