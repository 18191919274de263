// SPDX-License-Identifier: MIT
// CsrfTokens: what a form bears so that nobody but the user it was shown to can send it, and not for ever.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

enum class Action : char { generate = 'g', revoke = 'r' };

// A seal holds for this long; and only while the process lives that made it, since its key is nowhere else.
inline constexpr std::chrono::minutes k_form_life{30};

// What a form was made for.
struct FormPurpose {
    Action action;
    std::string_view user;   // without a line break
    std::uint64_t seen = 0;  // the token that was active when the form was shown; 0: none
};

enum class Seal { good, expired, forged };

struct OpenedSeal {
    Seal seal = Seal::forged;
    std::uint64_t seen = 0;
    std::string nonce;  // 32 hexadecimal digits, another in each form
};

// One thread. A seal is "NONCE-SECONDS-SEEN-MAC"; the MAC is HMAC-SHA256 (RFC 2104) over all before it, the action and
// the user. Nothing is stored. A cookie would add nothing: whoever cannot read the page cannot make a seal of its user.
class CsrfTokens {
public:
    using Key = std::array<unsigned char, 32>;

    // With a new key of the kernel's.
    [[nodiscard]] static util::Result<CsrfTokens> make(util::ClockFunction clock = util::BootClock::now);
    CsrfTokens(const Key& key, util::ClockFunction clock);
    CsrfTokens(CsrfTokens&& other) noexcept;
    CsrfTokens& operator=(CsrfTokens&&) = delete;
    ~CsrfTokens();  // wipes the key

    [[nodiscard]] util::Result<std::string> seal(const FormPurpose& purpose) const;

    // `text`: foreign. A seal for another action or another user is forged.
    [[nodiscard]] OpenedSeal open(std::string_view text, Action action, std::string_view user) const;

private:
    [[nodiscard]] std::string mac_of(std::string_view head, Action action, std::string_view user) const;

    Key m_key;
    util::ClockFunction m_clock;
};

// `bytes` bytes of getrandom(2) as hexadecimal digits.
[[nodiscard]] util::Result<std::string> random_hex(std::size_t bytes);

}  // namespace ceymail::page
