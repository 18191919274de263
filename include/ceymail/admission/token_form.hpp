// SPDX-License-Identifier: MIT
// The form of tokens: tells a key of CeyMail's REST API from a token of the metrics.
#pragma once

#include <string_view>

namespace ceymail::admission {

inline constexpr std::string_view k_token_prefix = "ceymail_metrics_";

// Returns: whether a token that was refused looks like a key of CeyMail's REST API. Those begin with "ceymail_" too.
// False for k_token_prefix, and for "ceymail_" with 43 base64url characters, the form of earlier releases.
// Security: `token` is untrusted and secret. The result is about the presented token alone, never about the active one.
[[nodiscard]] bool looks_like_rest_key(std::string_view token) noexcept;

// Returns: whether it begins like a token of this release, and does not have 43 base64url characters behind that: it
// was cut off, or joined with other text. Security: as looks_like_rest_key().
[[nodiscard]] bool looks_like_damaged_token(std::string_view token) noexcept;

}  // namespace ceymail::admission
