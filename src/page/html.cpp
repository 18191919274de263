// SPDX-License-Identifier: MIT
#include "ceymail/page/html.hpp"

#include "ceymail/page/utf8.hpp"

namespace ceymail::page {
namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";

// Returns: the reference; empty: the character needs none.
std::string_view reference_of(std::string_view character) {
    switch (character.front()) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&#39;";
        case '\t':
        case '\n':
            return {};
        default:
            return is_control(character) ? k_replacement : std::string_view();
    }
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const auto character = text.substr(0, size == 0 ? 1 : size);
        const auto reference = size == 0 ? k_replacement : reference_of(character);
        out += reference.empty() ? character : reference;
        text.remove_prefix(character.size());
    }
}

Html compose(std::string_view markup, std::span<const Piece> pieces) {
    Html html;
    for (const Piece& piece : pieces) {
        const auto hole = markup.find("{}");
        html.m_text += markup.substr(0, hole);
        markup.remove_prefix(hole + 2);
        if (piece.m_is_html) {
            html.m_text += piece.m_text;
        } else {
            append_escaped(html.m_text, piece.m_text);
        }
    }
    html.m_text += markup;
    return html;
}

}  // namespace ceymail::page
