// SPDX-License-Identifier: MIT
// The SHA-256 of a token as text: 64 hexadecimal digits, as sha256sum(1) and util::to_hex() write them.
#pragma once

#include <optional>
#include <string_view>

#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// Accepts digits of both cases. Returns: no value for anything but 64 hexadecimal digits.
// Security: `text` is untrusted, and may be a token by mistake.
[[nodiscard]] std::optional<util::Digest> parse_digest(std::string_view text) noexcept;

}  // namespace ceymail::admission
