// SPDX-License-Identifier: MIT
// Reads the Authorization header. RFC 6750 2.1, RFC 7235 2.1.
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
    std::string_view token;  // into the header given; a secret
};

// The scheme's name counts in any case; one or more spaces behind it. Foreign input.
[[nodiscard]] Bearer parse_bearer(std::string_view authorization) noexcept;

}  // namespace ceymail::admission
