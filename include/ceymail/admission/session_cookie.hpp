// SPDX-License-Identifier: MIT
// Checks the value of the dashboard's session cookie. ceymail-settings(8), Sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ceymail/admission/session_claims.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

inline constexpr std::string_view k_session_cookie = "mc-session";
inline constexpr std::string_view k_administrator = "admin";  // the role
inline constexpr std::size_t k_longest_session = 2048;        // characters of the value

// An exp above this is in milliseconds: in seconds it would be the year 5138, in milliseconds it is 1973.
inline constexpr std::uint64_t k_least_milliseconds = 100'000'000'000;

// The dashboard's sessions last 8 hours. One of more than this has another unit than the two known ones, and would
// never expire.
inline constexpr std::uint64_t k_longest_session_seconds = 31 * 86400;

enum class SessionStatus {
    valid,
    malformed,   // not of the form CLAIMS.MAC
    forged,      // the MAC is another: the secret is another, or the cookie was changed
    unreadable,  // the MAC is right, but the claims cannot be understood
    expired,
};

struct SessionCheck {
    SessionStatus status = SessionStatus::malformed;
    SessionClaims claims{};  // only of a valid session
};

// `value`: base64url (RFC 4648 5, without padding) of a JSON object, a dot, and the HMAC-SHA-256 (RFC 2104) of the text
// before the dot under the text of `secret`, as 64 lower-case hexadecimal digits.
// Units: `now` in seconds since 1970.
// Errors: throws std::runtime_error where OpenSSL cannot compute an HMAC.
// Requires: `secret` is not empty.
// Security: `value` is untrusted. The MAC is compared in constant time, and before the claims are decoded.
[[nodiscard]] SessionCheck check_session(std::string_view value, const util::Secret& secret, std::uint64_t now);

}  // namespace ceymail::admission
