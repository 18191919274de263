// SPDX-License-Identifier: MIT
#include "ceymail/admission/session_cookie.hpp"

#include <optional>
#include <string>

#include <openssl/crypto.h>

#include "ceymail/admission/token_form.hpp"
#include "ceymail/util/hex.hpp"

namespace ceymail::admission {
namespace {

constexpr std::size_t k_mac_digits = 64;

// Unused bits of the last character are not looked at: the MAC is over the text.
std::optional<std::string> decode(std::string_view encoded) {
    std::string bytes;
    unsigned bits = 0, pending = 0;
    for (const char c : encoded) {
        const auto six = k_base64url.find(c);
        if (six == k_base64url.npos) return std::nullopt;
        bits = (bits << 6U | static_cast<unsigned>(six)) & 0xFFFFU;
        pending += 6;
        if (pending < 8) continue;
        pending -= 8;
        bytes += static_cast<char>(bits >> pending & 0xFFU);
    }
    return pending == 6 ? std::nullopt : std::optional(std::move(bytes));
}

std::uint64_t seconds(std::uint64_t expires) { return expires > k_least_milliseconds ? expires / 1000 : expires; }

}  // namespace

SessionCheck check_session(std::string_view value, const util::Secret& secret, std::uint64_t now) {
    const auto dot = value.find('.');
    if (value.size() > k_longest_session || dot == value.npos || value.size() - dot - 1 != k_mac_digits) return {};
    const auto encoded = value.substr(0, dot);
    const auto right = util::to_hex(util::hmac_sha256(secret.reveal(), encoded));
    if (CRYPTO_memcmp(right.data(), value.data() + dot + 1, k_mac_digits) != 0) return {SessionStatus::forged};
    const auto json = decode(encoded);
    auto claims = json ? parse_session_claims(*json) : std::nullopt;
    if (!claims || seconds(claims->expires) > now + k_longest_session_seconds) return {SessionStatus::unreadable};
    if (seconds(claims->expires) <= now) return {SessionStatus::expired};
    return {SessionStatus::valid, std::move(*claims)};
}

}  // namespace ceymail::admission
