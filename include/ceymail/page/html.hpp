// SPDX-License-Identifier: MIT
// Html: text that is safe in a page. Only html() creates it, and html() escapes every argument that is not Html.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace ceymail::page {

class Html {
public:
    Html() = default;  // nothing

    [[nodiscard]] const std::string& text() const noexcept { return m_text; }
    [[nodiscard]] bool empty() const noexcept { return m_text.empty(); }
    Html& operator+=(const Html& other) {
        m_text += other.m_text;
        return *this;
    }

private:
    friend Html compose(std::string_view markup, std::span<const class Piece> pieces);
    std::string m_text;
};

// An argument of html(): Html is inserted unchanged, all else is escaped.
class Piece {
public:
    Piece(const Html& html) : m_text(html.text()), m_is_html(true) {}                            // NOLINT
    Piece(const std::convertible_to<std::string_view> auto& text) : m_text(text) {}              // NOLINT
    Piece(std::unsigned_integral auto number) : m_own(std::to_string(number)), m_text(m_own) {}  // NOLINT
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;

private:
    friend Html compose(std::string_view markup, std::span<const Piece> pieces);
    std::string m_own;
    std::string_view m_text;
    bool m_is_html = false;
};

// A literal with one "{}" for each argument. These do not compile: markup composed at run time, a wrong number of
// arguments, and "{}" in an attribute without quotes.
template <class... Arguments>
class Markup {
public:
    consteval Markup(const char* text) : m_text(text) {  // NOLINT
        std::size_t holes = 0;
        for (std::size_t at = m_text.find("{}"); at != m_text.npos; at = m_text.find("{}", at + 2)) {
            if (at > 0 && m_text[at - 1] == '=') throw "an attribute's value needs quotes";
            ++holes;
        }
        if (holes != sizeof...(Arguments)) throw "as many holes as arguments are needed";
    }
    [[nodiscard]] std::string_view text() const noexcept { return m_text; }

private:
    std::string_view m_text;
};

Html compose(std::string_view markup, std::span<const Piece> pieces);

template <class... Arguments>
[[nodiscard]] Html html(Markup<std::type_identity_t<Arguments>...> markup, const Arguments&... arguments) {
    const std::array<Piece, sizeof...(Arguments)> pieces{Piece(arguments)...};
    return compose(markup.text(), pieces);
}

// Escapes text for an element or a quoted attribute value. & < > " ' become references. Invalid UTF-8 and control
// characters, except tab and line feed, become U+FFFD. Security: untrusted input.
void append_escaped(std::string& out, std::string_view text);

}  // namespace ceymail::page
