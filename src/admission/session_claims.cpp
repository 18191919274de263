// SPDX-License-Identifier: MIT
// Not a library: Debian 12's Boost (1.74) has no Boost.JSON, and a parser that keeps the last of two equal members
// would hide a mistake in who is signed in.
#include "ceymail/admission/session_claims.hpp"

#include <array>
#include <charconv>

namespace ceymail::admission {
namespace {

constexpr int k_deepest = 8;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <class Number>
bool whole(std::string_view digits, Number& number, int base = 10) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    return error == std::errc{} && end == digits.data() + digits.size();
}

// Requires: a code point that is no surrogate. Source: RFC 3629.
void append_utf8(std::string& text, unsigned point) {
    constexpr std::array<unsigned, 4> k_lead{0, 0xC0, 0xE0, 0xF0};
    auto tails = point < 0x80 ? 0U : point < 0x800 ? 1U : point < 0x10000 ? 2U : 3U;
    text += static_cast<char>(k_lead[tails] | point >> 6 * tails);
    while (tails-- > 0) text += static_cast<char>(0x80U | (point >> 6 * tails & 0x3FU));
}

// Each function returns false, or no value, where the text is not what it names. Then nothing more is read.
class Reader {
public:
    explicit Reader(std::string_view json) : m_rest(json) {}

    std::optional<SessionClaims> claims() {
        const bool read = object([this](const std::string& name) { return member(name); }) && at_end();
        if (!read || m_seen != k_all) return std::nullopt;
        return std::move(m_claims);
    }

private:
    enum Seen : unsigned { k_user_id = 1, k_username = 2, k_role = 4, k_expires = 8, k_all = 15 };

    bool member(const std::string& name) {
        if (name == "userId") return once(k_user_id) && whole(number(), m_claims.user_id);
        if (name == "username") return once(k_username) && text(m_claims.username);
        if (name == "role") return once(k_role) && text(m_claims.role);
        if (name == "exp") return once(k_expires) && expiry();
        return value(1);
    }
    bool once(Seen which) {
        const bool first = (m_seen & which) == 0;
        m_seen |= which;
        return first;
    }
    bool expiry() {
        const auto digits = number();
        return digits.find_first_of("eE") == digits.npos && whole(digits.substr(0, digits.find('.')), m_claims.expires);
    }

    void skip_space() {
        const auto end = m_rest.find_first_not_of(" \t\r\n");
        m_rest.remove_prefix(end == m_rest.npos ? m_rest.size() : end);
    }
    bool take(std::string_view word) {
        skip_space();
        if (!m_rest.starts_with(word)) return false;
        m_rest.remove_prefix(word.size());
        return true;
    }
    bool at_end() {
        skip_space();
        return m_rest.empty();
    }

    template <class Element>
    bool list(std::string_view begin, std::string_view end, Element read_element) {
        if (!take(begin)) return false;
        if (take(end)) return true;
        do {
            if (!read_element()) return false;
        } while (take(","));
        return take(end);
    }
    template <class Member>
    bool object(Member read_member) {
        return list("{", "}", [&] {
            std::string name;
            return text(name) && take(":") && read_member(name);
        });
    }
    bool value(int depth) {
        skip_space();
        if (depth > k_deepest || m_rest.empty()) return false;
        std::string ignored;
        switch (m_rest.front()) {
            case '{':
                return object([&](const std::string&) { return value(depth + 1); });
            case '[':
                return list("[", "]", [&] { return value(depth + 1); });
            case '"':
                return text(ignored);
            default:
                return take("true") || take("false") || take("null") || !number().empty();
        }
    }

    // Returns: its characters; empty: there is no number.
    std::string_view number() {
        skip_space();
        std::size_t end = m_rest.starts_with('-') ? 1 : 0;
        const auto digits = [&] {
            const auto begin = end;
            while (end < m_rest.size() && is_digit(m_rest[end])) ++end;
            return end > begin;
        };
        const auto is = [&](char c) { return end < m_rest.size() && m_rest[end] == c; };
        if (is('0')) {
            ++end;
        } else if (!digits()) {
            return {};
        }
        if (is('.') && (++end, !digits())) return {};
        if (is('e') || is('E')) {
            ++end;
            if (is('+') || is('-')) ++end;
            if (!digits()) return {};
        }
        const auto read = m_rest.substr(0, end);
        m_rest.remove_prefix(end);
        return read;
    }

    bool text(std::string& out) {
        if (!take("\"")) return false;
        while (!m_rest.empty()) {
            const char c = m_rest.front();
            m_rest.remove_prefix(1);
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                out += c;
            } else if (!escape(out)) {
                return false;
            }
        }
        return false;
    }
    bool escape(std::string& out) {
        constexpr std::string_view k_names = "\"\\/bfnrt", k_meanings = "\"\\/\b\f\n\r\t";
        if (m_rest.empty()) return false;
        const char c = m_rest.front();
        m_rest.remove_prefix(1);
        if (c == 'u') return code_point(out);
        const auto at = k_names.find(c);
        if (at == k_names.npos) return false;
        out += k_meanings[at];
        return true;
    }
    bool code_point(std::string& out) {
        unsigned point = 0, low = 0;
        if (!unit(point)) return false;
        if (point >= 0xDC00 && point <= 0xDFFF) return false;
        if (point >= 0xD800 && point <= 0xDBFF) {
            if (!m_rest.starts_with("\\u")) return false;
            m_rest.remove_prefix(2);
            if (!unit(low) || low < 0xDC00 || low > 0xDFFF) return false;
            point = 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00);
        }
        append_utf8(out, point);
        return true;
    }
    bool unit(unsigned& point) {
        const auto digits = m_rest.substr(0, 4);
        if (digits.size() != 4 || !whole(digits, point, 16)) return false;
        m_rest.remove_prefix(4);
        return true;
    }

    std::string_view m_rest;
    SessionClaims m_claims;
    unsigned m_seen = 0;
};

}  // namespace

std::optional<SessionClaims> parse_session_claims(std::string_view json) { return Reader(json).claims(); }

}  // namespace ceymail::admission
