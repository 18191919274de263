// SPDX-License-Identifier: MIT
// The SHA-256 of a token as text: 64 hexadecimal digits, as sha256sum(1) prints them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// Returns: 64 lower-case digits.
[[nodiscard]] std::string to_hex(const util::Digest& digest);

// Accepts digits of both cases. Returns: no value for anything but 64 hexadecimal digits.
// Security: `text` is untrusted, and may be a token by mistake.
[[nodiscard]] std::optional<util::Digest> parse_digest(std::string_view text) noexcept;

}  // namespace ceymail::admission
