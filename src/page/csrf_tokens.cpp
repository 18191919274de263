// SPDX-License-Identifier: MIT
#include "ceymail/page/csrf_tokens.hpp"

#include <cerrno>
#include <charconv>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "ceymail/util/hex.hpp"

namespace ceymail::page {
namespace {

constexpr std::size_t k_nonce_bytes = 16;
constexpr std::size_t k_mac_digits = 64;
constexpr std::size_t k_max_token_size = 160;

std::optional<std::uint64_t> number(std::string_view digits) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::string_view take_part(std::string_view& text) {
    const auto end = text.find('-');
    const auto part = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return part;
}

std::uint64_t seconds(util::BootTime time) {
    return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace

util::Result<std::string> random_hex(std::size_t bytes) {
    std::vector<unsigned char> random(bytes);
    if (::getrandom(random.data(), bytes, 0) != static_cast<ssize_t>(bytes))
        return util::fail_errno(errno, "cannot get random bytes of the kernel");
    return util::to_hex(random);
}

util::Result<CsrfTokens> CsrfTokens::make(util::ClockFunction clock) {
    Key key{};
    if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
        return util::fail_errno(errno, "cannot get random bytes of the kernel");
    CsrfTokens csrf(key, clock);
    OPENSSL_cleanse(key.data(), key.size());
    // OpenSSL prepares itself for the first HMAC. If it has no memory for that, it computes none in this process.
    static_cast<void>(csrf.mac_of({}, Action::generate, {}));
    return csrf;
}

CsrfTokens::CsrfTokens(const Key& key, util::ClockFunction clock) : m_key(key), m_clock(clock) {}

CsrfTokens::CsrfTokens(CsrfTokens&& other) noexcept : m_key(other.m_key), m_clock(other.m_clock) {
    OPENSSL_cleanse(other.m_key.data(), other.m_key.size());
}

CsrfTokens::~CsrfTokens() { OPENSSL_cleanse(m_key.data(), m_key.size()); }

// No part contains a line break, so the message is unambiguous.
std::string CsrfTokens::mac_of(std::string_view head, Action action, std::string_view user) const {
    std::string message(head);
    message.append(1, '\n').append(1, static_cast<char>(action)).append(1, '\n').append(user);
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), m_key.data(), static_cast<int>(m_key.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac.data(), &size) == nullptr)
        throw std::runtime_error("OpenSSL cannot compute an HMAC");
    return util::to_hex(std::span(mac).first(size));
}

util::Result<std::string> CsrfTokens::issue(const FormPurpose& purpose) const {
    auto text = random_hex(k_nonce_bytes);
    if (!text) return text;
    text->append("-").append(std::to_string(seconds(m_clock())));
    text->append("-").append(std::to_string(purpose.seen));
    const std::string mac = mac_of(*text, purpose.action, purpose.user);
    text->append("-").append(mac);
    return text;
}

CsrfCheck CsrfTokens::verify(std::string_view text, Action action, std::string_view user) const {
    if (text.size() > k_max_token_size || text.size() <= k_mac_digits) return {};
    const auto head = text.substr(0, text.size() - k_mac_digits - 1);
    const auto mac = text.substr(text.size() - k_mac_digits);
    const std::string right = mac_of(head, action, user);
    if (text[head.size()] != '-' || CRYPTO_memcmp(right.data(), mac.data(), k_mac_digits) != 0) return {};
    // The MAC is valid, so this process wrote the text.
    std::string_view parts = head;
    const auto nonce = take_part(parts);
    const auto made = number(take_part(parts));
    const auto seen = number(parts);
    if (!made || !seen) return {};
    const bool old = seconds(m_clock()) > *made + static_cast<std::uint64_t>(std::chrono::seconds(k_form_life).count());
    return {old ? CsrfStatus::expired : CsrfStatus::valid, *seen, std::string(nonce)};
}

}  // namespace ceymail::page
