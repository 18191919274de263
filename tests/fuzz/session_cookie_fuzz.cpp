// SPDX-License-Identifier: MIT
// check_session(), parse_session_claims() and parse_session_secret(). The input: a letter, and by it
//   c  changes of a genuine cookie, 2 bytes each, where and by what; the last one may cut it
//   r  the cookie itself
//   j  the JSON text of a cookie with the right MAC
//   s  the file of the secret
// fuzz: -max_len=600
#include <string>

#include "ceymail/admission/session_cookie.hpp"
#include "ceymail/admission/session_secret.hpp"
#include "fuzz/fuzz.hpp"
#include "support/dashboard_session.hpp"

using namespace ceymail::admission;
using ceymail::fuzz::require;
using ceymail::testing::k_session_secret;
using ceymail::testing::signed_session;

namespace {

constexpr std::uint64_t k_now = 1'800'000'000;

const ceymail::util::Secret& secret() {
    static const ceymail::util::Secret made{k_session_secret};
    return made;
}

const std::string& genuine() {
    static const std::string made =
        signed_session(R"({"userId":7,"username":"amal","role":"admin","exp":1800003600000})");
    return made;
}

std::string changed(std::string value, std::string_view changes) {
    for (; changes.size() >= 2; changes.remove_prefix(2))
        value[static_cast<unsigned char>(changes[0]) % value.size()] = changes[1];
    if (!changes.empty()) value.resize(static_cast<unsigned char>(changes[0]) % (2 * value.size()), '0');
    return value;
}

void check_value(const std::string& value) {
    const auto session = check_session(value, secret(), k_now);
    require((session.status == SessionStatus::valid) == (value == genuine()), "only the genuine cookie is valid");
    require((session.claims == SessionClaims{}) == (value != genuine()), "only a valid cookie has claims");
}

std::string escaped(std::string_view text) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string json;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            json.append({'\\', c});
        } else if (octet < 0x20) {
            json.append("\\u00").append({k_digits[octet >> 4U], k_digits[octet & 0xFU]});
        } else {
            json += c;
        }
    }
    return json;
}

std::string json_of(const SessionClaims& claims) {
    return "{\"userId\":" + std::to_string(claims.user_id) + ",\"username\":\"" + escaped(claims.username) +
           "\",\"role\":\"" + escaped(claims.role) + "\",\"exp\":" + std::to_string(claims.expires) + "}";
}

void check_json(std::string_view json) {
    const auto claims = parse_session_claims(json);
    const auto session = check_session(signed_session(json), secret(), k_now);
    require(session.status != SessionStatus::forged && session.status != SessionStatus::malformed, "the MAC is right");
    const bool read = session.status == SessionStatus::valid || session.status == SessionStatus::expired;
    require(!read || claims.has_value(), "no claims, no session");
    if (!claims) return;
    require(parse_session_claims(json_of(*claims)) == claims, "claims that are written are read again");
    require(!parse_session_claims(std::string(json) + "}").has_value(), "nothing may follow");
    require(json.find('{') != json.npos && json.find_last_of('}') != json.npos, "it is an object");
    if (session.status == SessionStatus::valid) require(session.claims == *claims, "the same claims");
}

void check_secret(std::string_view text) {
    const auto read = parse_session_secret(text, "file");
    if (!read) {
        require(read.error().message.starts_with("file"), "an error names the file");
        return;
    }
    const auto value = read->reveal();
    require(value.size() >= 32 && value.size() <= 256, "of a length that is allowed");
    require(text.find(value) != text.npos, "it stands in the file");
    require(value.find_first_of(" \t\r\n\"'`#$\\") == value.npos, "without what a reader would change");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto rest = ceymail::fuzz::text_of(data + 1, size - 1);
    switch (data[0]) {
        case 'c':
            check_value(changed(genuine(), rest));
            break;
        case 'r':
            check_value(std::string(rest));
            break;
        case 'j':
            check_json(rest);
            break;
        case 's':
            check_secret(rest);
            break;
        default:
            break;
    }
    return 0;
}
