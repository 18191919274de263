// SPDX-License-Identifier: MIT
// Every buffer that holds a part of a secret is wiped.
#include "ceymail/admission/token_form.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include <openssl/crypto.h>
#include <sys/random.h>

#include "ceymail/util/text.hpp"

namespace ceymail::admission {
namespace {

constexpr std::string_view k_common_prefix = "ceymail_";
static_assert(k_secret_characters == (256 + 5) / 6, "six bits each, for 256 bits");

using Bits = std::array<std::uint8_t, 33>;  // 32 bytes, and a zero that fills up the last character
using Text = std::array<char, k_token_prefix.size() + k_secret_characters>;

// Six bits, beginning at bit 6 n.
std::size_t sextet(const Bits& bits, std::size_t n) {
    const std::size_t bit = 6 * n;
    const unsigned window = unsigned{bits[bit / 8]} << 8 | bits[bit / 8 + 1];
    return window >> (10 - bit % 8) & 0x3FU;
}

util::Result<util::Secret> make(std::string_view prefix) {
    Bits bits{};
    if (::getrandom(bits.data(), 32, 0) != 32) return util::fail_errno(errno, "cannot get random bytes of the kernel");
    Text text{};
    prefix.copy(text.data(), prefix.size());
    for (std::size_t n = 0; n < k_secret_characters; ++n) text[prefix.size() + n] = k_base64url[sextet(bits, n)];
    util::Secret made(std::string_view(text.data(), prefix.size() + k_secret_characters));
    OPENSSL_cleanse(bits.data(), bits.size());
    OPENSSL_cleanse(text.data(), text.size());
    return made;
}

}  // namespace

util::Result<util::Secret> make_token() { return make(k_token_prefix); }

util::Result<util::Secret> make_secret() { return make({}); }

bool is_secret(std::string_view text) noexcept {
    return text.size() == k_secret_characters &&
           std::ranges::all_of(text, [](char c) { return util::is_alphanumeric(c) || c == '-' || c == '_'; });
}

bool looks_like_rest_key(std::string_view token) noexcept {
    if (!token.starts_with(k_common_prefix) || token.starts_with(k_token_prefix)) return false;
    return !is_secret(token.substr(k_common_prefix.size()));
}

bool looks_like_damaged_token(std::string_view token) noexcept {
    return token.starts_with(k_token_prefix) && !is_secret(token.substr(k_token_prefix.size()));
}

}  // namespace ceymail::admission
