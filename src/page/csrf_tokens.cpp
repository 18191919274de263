// SPDX-License-Identifier: MIT
#include "ceymail/page/csrf_tokens.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <iterator>

#include <openssl/crypto.h>
#include <sys/random.h>

#include "ceymail/admission/token_form.hpp"
#include "ceymail/page/form.hpp"
#include "ceymail/util/hex.hpp"

namespace ceymail::page {
namespace {

constexpr std::size_t k_nonce_bytes = 16;
constexpr std::size_t k_mac_digits = 64;
constexpr std::size_t k_max_token_size = 160;

// Requires: digits that this process wrote.
std::uint64_t number(std::string_view digits) {
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

std::uint64_t seconds(util::BootTime time) {
    return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace

util::Result<CsrfTokens> CsrfTokens::make(util::ClockFunction clock) {
    CEYMAIL_TRY_ASSIGN(auto key, admission::make_secret());
    CsrfTokens csrf(std::move(key), clock);
    // OpenSSL prepares itself for the first HMAC. If it has no memory for that, it computes none in this process.
    static_cast<void>(csrf.mac_of({}, Action::generate, {}));
    return csrf;
}

// No part contains a line break, so the message is unambiguous.
std::string CsrfTokens::mac_of(std::string_view head, Action action, std::string_view user) const {
    std::string message(head);
    message.append(1, '\n').append(1, static_cast<char>(action)).append(1, '\n').append(user);
    return util::to_hex(util::hmac_sha256(m_key.reveal(), message));
}

util::Result<std::string> CsrfTokens::issue(const FormPurpose& purpose) const {
    std::array<unsigned char, k_nonce_bytes> nonce{};
    if (::getrandom(nonce.data(), nonce.size(), 0) != std::ssize(nonce))
        return util::fail_errno(errno, "cannot get random bytes of the kernel");
    const std::string head =
        util::to_hex(nonce) + "-" + std::to_string(seconds(m_clock())) + "-" + std::to_string(purpose.seen);
    return head + "-" + mac_of(head, purpose.action, purpose.user);
}

CsrfCheck CsrfTokens::verify(std::string_view text, Action action, std::string_view user) const {
    if (text.size() > k_max_token_size || text.size() <= k_mac_digits) return {};
    const auto head = text.substr(0, text.size() - k_mac_digits - 1);
    const auto mac = text.substr(text.size() - k_mac_digits);
    const std::string right = mac_of(head, action, user);
    if (text[head.size()] != '-' || CRYPTO_memcmp(right.data(), mac.data(), k_mac_digits) != 0) return {};
    std::string_view parts = head;  // this process wrote it, because the MAC is right
    const auto nonce = take_until(parts, '-');
    const auto made = number(take_until(parts, '-'));
    const bool old = seconds(m_clock()) > made + static_cast<std::uint64_t>(std::chrono::seconds(k_form_life).count());
    return {old ? CsrfStatus::expired : CsrfStatus::valid, number(parts), std::string(nonce)};
}

}  // namespace ceymail::page
