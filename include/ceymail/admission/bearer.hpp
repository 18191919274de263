// SPDX-License-Identifier: MIT
// Parses the Authorization header.
#pragma once

#include <string_view>

namespace ceymail::admission {

enum class BearerForm {
    absent,     // no header, or an empty one
    malformed,  // another scheme, no token, characters outside b64token, under 16 or over 256 characters
    token,
};

struct Bearer {
    BearerForm form = BearerForm::absent;
    std::string_view token;  // points into the parsed header; a secret
};

// The scheme's name may have any case. One or more spaces follow it.
// Security: the input is untrusted.
// Source: RFC 6750 2.1, RFC 7235 2.1.
[[nodiscard]] Bearer parse_bearer(std::string_view authorization) noexcept;

}  // namespace ceymail::admission
