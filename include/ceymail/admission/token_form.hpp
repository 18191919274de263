// SPDX-License-Identifier: MIT
// The form of bearer tokens and of other secrets: makes them, and tells a token of the metrics from a key of CeyMail's
// REST API.
#pragma once

#include <cstddef>
#include <string_view>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

inline constexpr std::string_view k_token_prefix = "ceymail_metrics_";

// A secret: 256 bits of getrandom(2) in base64url without padding.
// Source: RFC 4648 5.
inline constexpr std::string_view k_base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
inline constexpr std::size_t k_secret_characters = 43;

// Returns: k_token_prefix and a secret.
[[nodiscard]] util::Result<util::Secret> make_token();

[[nodiscard]] util::Result<util::Secret> make_secret();

// Returns: whether `text` has the form of a secret.
[[nodiscard]] bool is_secret(std::string_view text) noexcept;

// Returns: whether a token that was refused looks like a key of CeyMail's REST API. Those begin with "ceymail_" too.
// False for k_token_prefix, and for "ceymail_" with 43 base64url characters, the form of earlier releases.
// Security: `token` is untrusted and secret. The result is about the presented token alone, never about the active one.
[[nodiscard]] bool looks_like_rest_key(std::string_view token) noexcept;

// Returns: whether it begins like a token of this release, and does not have 43 base64url characters behind that: it
// was cut off, or joined with other text. Security: as looks_like_rest_key().
[[nodiscard]] bool looks_like_damaged_token(std::string_view token) noexcept;

}  // namespace ceymail::admission
