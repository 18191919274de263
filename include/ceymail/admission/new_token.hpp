// SPDX-License-Identifier: MIT
// Makes bearer tokens and other secrets.
#pragma once

#include <cstddef>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// A secret: 256 bits of getrandom(2) in base64url without padding.
// Source: RFC 4648 5.
inline constexpr std::size_t k_secret_characters = 43;

// Returns: k_token_prefix (token_form.hpp) and a secret.
[[nodiscard]] util::Result<util::Secret> make_token();

[[nodiscard]] util::Result<util::Secret> make_secret();

}  // namespace ceymail::admission
