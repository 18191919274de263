// SPDX-License-Identifier: MIT
// SessionClaims: what the dashboard's session cookie states, and the parser of its JSON text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ceymail::admission {

struct SessionClaims {
    std::uint64_t user_id = 0;
    std::string username;  // any characters
    std::string role;
    std::uint64_t expires = 0;  // as the cookie has it: seconds or milliseconds since 1970

    friend bool operator==(const SessionClaims&, const SessionClaims&) = default;
};

// Returns: the members userId, username, role and exp of the JSON object `json`; other members are skipped.
// No value: `json` is not one object in valid JSON, one of the four is missing, is given twice or has another type,
// userId is not a whole number, exp has a sign or an exponent, or values are nested deeper than 8. A fraction of exp is
// cut off. Bytes of 128 and more are not checked for UTF-8.
// Security: call it for text whose MAC is right; it is safe for any text.
// Source: RFC 8259.
[[nodiscard]] std::optional<SessionClaims> parse_session_claims(std::string_view json);

}  // namespace ceymail::admission
