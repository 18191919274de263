// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_digest.hpp"

namespace ceymail::admission {
namespace {

constexpr int k_no_digit = -1;

// Not <cctype>, which depends on the locale.
constexpr int value_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return k_no_digit;
}

}  // namespace

std::optional<util::Digest> parse_digest(std::string_view text) noexcept {
    util::Digest digest{};
    if (text.size() != 2 * digest.size()) return std::nullopt;
    for (std::size_t n = 0; n < digest.size(); ++n) {
        const int high = value_of(text[2 * n]);
        const int low = value_of(text[2 * n + 1]);
        if (high == k_no_digit || low == k_no_digit) return std::nullopt;
        digest[n] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return digest;
}

}  // namespace ceymail::admission
