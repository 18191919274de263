// SPDX-License-Identifier: MIT
// CsrfTokens: tokens that bind a form to the user who loaded it, to its action and to a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::page {

enum class Action : char { generate = 'g', revoke = 'r' };

// A token is valid for this long, and only in the process that issued it, which alone has the key.
inline constexpr std::chrono::minutes k_form_life{30};

// What a form was made for.
struct FormPurpose {
    Action action;
    std::string_view user;   // without a line break
    std::uint64_t seen = 0;  // id of the metrics token that was active when the form was shown; 0: none
};

enum class CsrfStatus { valid, expired, forged };

struct CsrfCheck {
    CsrfStatus status = CsrfStatus::forged;
    std::uint64_t seen = 0;
    std::string nonce;  // 32 hexadecimal digits, another in each form
};

// A CSRF token is "NONCE-SECONDS-SEEN-MAC". The MAC is HMAC-SHA256 (RFC 2104) over the text before it, the action and
// the user. Nothing is stored.
// Security: a cookie would add nothing: an attacker who cannot read the page has no token for its user. Threads: one.
class CsrfTokens {
public:
    // Creates a key by admission::make_secret(). Errors: throws std::runtime_error if OpenSSL cannot compute an HMAC.
    [[nodiscard]] static util::Result<CsrfTokens> make(util::ClockFunction clock = util::BootClock::now);
    CsrfTokens(util::Secret key, util::ClockFunction clock) : m_key(std::move(key)), m_clock(clock) {}

    [[nodiscard]] util::Result<std::string> issue(const FormPurpose& purpose) const;

    // Returns: `forged` also for a token of another action or user. Security: `text` is untrusted.
    [[nodiscard]] CsrfCheck verify(std::string_view text, Action action, std::string_view user) const;

private:
    [[nodiscard]] std::string mac_of(std::string_view head, Action action, std::string_view user) const;

    util::Secret m_key;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::page
