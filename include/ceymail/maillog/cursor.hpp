// SPDX-License-Identifier: MIT
// Cursor: reads a text strictly from the left. Each step takes what it expects or takes nothing and returns false.
#pragma once

#include <cstdint>
#include <string_view>

namespace ceymail::maillog {

// No locale: <cctype> asks for one.
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
[[nodiscard]] constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept { return is_digit(c) || is_lower(c) || is_upper(c); }

class Cursor {
public:
    explicit constexpr Cursor(std::string_view text) noexcept : m_at(text.data()), m_end(text.data() + text.size()) {}

    [[nodiscard]] constexpr bool at_end() const noexcept { return m_at == m_end; }
    [[nodiscard]] constexpr std::string_view rest() const noexcept {
        return {m_at, static_cast<std::size_t>(m_end - m_at)};
    }
    [[nodiscard]] constexpr bool sees(std::string_view word) const noexcept { return rest().starts_with(word); }

    constexpr bool take(std::string_view word) noexcept {
        if (!sees(word)) return false;
        m_at += word.size();
        return true;
    }

    constexpr bool take(char c) noexcept {
        if (at_end() || *m_at != c) return false;
        ++m_at;
        return true;
    }

    // Takes characters as long as `wanted`. Returns: them, perhaps none.
    template <class Predicate>
    constexpr std::string_view take_while(Predicate wanted) noexcept {
        const char* const begin = m_at;
        while (m_at != m_end && wanted(*m_at)) ++m_at;
        return {begin, static_cast<std::size_t>(m_at - begin)};
    }

    // Takes 1 to `most` digits, at most 18; more of them are no number.
    constexpr bool take_number(std::uint64_t& number, int most) noexcept {
        const char* at = m_at;
        std::uint64_t value = 0;
        for (; at != m_end && is_digit(*at); ++at) {
            if (at - m_at == most) return false;
            value = value * 10 + static_cast<std::uint64_t>(*at - '0');
        }
        if (at == m_at) return false;
        m_at = at;
        number = value;
        return true;
    }

    // Takes seconds as Postfix writes them: "758", "0.04", at most 9 and 6 digits.
    constexpr bool take_seconds(std::uint64_t& microseconds) noexcept {
        const char* const begin = m_at;
        std::uint64_t whole = 0;
        if (!take_number(whole, 9)) return false;
        std::uint64_t fraction = 0;
        if (take('.')) {
            const char* const first = m_at;
            if (!take_number(fraction, 6)) {
                m_at = begin;
                return false;
            }
            for (auto digits = m_at - first; digits < 6; ++digits) fraction *= 10;
        }
        microseconds = whole * 1'000'000 + fraction;
        return true;
    }

    // Takes "<...>" with its brackets. Within "..." every byte but \ and " stands for itself, also >, and \ takes the
    // byte behind it along. So an address that a client made up cannot end itself early.
    constexpr bool take_address() noexcept {
        const char* at = m_at;
        if (at == m_end || *at != '<') return false;
        for (++at; at != m_end && *at != '>'; ++at) {
            if (*at != '"') continue;
            for (++at; at != m_end && *at != '"'; ++at) {
                if (*at != '\\') continue;
                ++at;
                if (at == m_end) return false;
            }
            if (at == m_end) return false;
        }
        if (at == m_end) return false;
        m_at = at + 1;
        return true;
    }

    // Takes the name of a queue file and ": ", 6 to 20 letters and digits: short and long queue ids alike.
    constexpr bool take_queue_id() noexcept {
        const char* at = m_at;
        while (at != m_end && is_alphanumeric(*at)) ++at;
        const auto length = at - m_at;
        if (length < 6 || length > 20 || m_end - at < 2 || at[0] != ':' || at[1] != ' ') return false;
        m_at = at + 2;
        return true;
    }

    // Takes NAME[ADDR], with smtpd_client_port_logging NAME[ADDR]:PORT too. Returns: ADDR; empty where there is none.
    constexpr std::string_view take_client() noexcept {
        const char* at = m_at;
        while (at != m_end && *at != '[' && *at != ' ') ++at;
        if (at == m_end || *at != '[') return {};
        const char* const address = ++at;
        while (at != m_end && *at != ']' && *at != ' ') ++at;
        if (at == m_end || *at != ']') return {};
        const std::string_view found(address, static_cast<std::size_t>(at - address));
        if (found.empty()) return {};
        m_at = at + 1;
        if (m_end - m_at >= 2 && m_at[0] == ':' && is_digit(m_at[1])) {
            ++m_at;
            take_while(is_digit);
        }
        return found;
    }

private:
    const char* m_at;
    const char* m_end;
};

}  // namespace ceymail::maillog
