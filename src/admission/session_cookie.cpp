// SPDX-License-Identifier: MIT
#include "ceymail/admission/session_cookie.hpp"

#include <array>
#include <optional>
#include <stdexcept>
#include <string>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "ceymail/admission/token_form.hpp"

namespace ceymail::admission {
namespace {

constexpr std::size_t k_mac_digits = 64;

std::string mac_of(std::string_view encoded, std::string_view secret) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size(), mac.data(), &size) == nullptr)
        throw std::runtime_error("OpenSSL cannot compute an HMAC");
    std::string digits;
    for (unsigned i = 0; i < size; ++i) digits.append({k_digits[mac[i] >> 4U], k_digits[mac[i] & 0xFU]});
    return digits;
}

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
    const auto right = mac_of(encoded, secret.reveal());
    if (right.size() != k_mac_digits || CRYPTO_memcmp(right.data(), value.data() + dot + 1, k_mac_digits) != 0)
        return {SessionStatus::forged};
    const auto json = decode(encoded);
    auto claims = json ? parse_session_claims(*json) : std::nullopt;
    if (!claims || seconds(claims->expires) > now + k_longest_session_seconds) return {SessionStatus::unreadable};
    if (seconds(claims->expires) <= now) return {SessionStatus::expired};
    return {SessionStatus::valid, std::move(*claims)};
}

}  // namespace ceymail::admission
