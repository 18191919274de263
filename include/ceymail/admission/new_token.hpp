// SPDX-License-Identifier: MIT
// A new bearer token, and a new secret of another kind.
#pragma once

#include <cstddef>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// "ceymail_" and 256 bits of getrandom(2) in base64url (RFC 4648, 5), 43 characters without padding.
[[nodiscard]] util::Result<util::Secret> make_token();

// The 43 characters alone.
inline constexpr std::size_t k_secret_characters = 43;
[[nodiscard]] util::Result<util::Secret> make_secret();

}  // namespace ceymail::admission
