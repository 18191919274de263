// SPDX-License-Identifier: MIT
#include "ceymail/page/html.hpp"

#include <algorithm>
#include <utility>

#include "ceymail/page/utf8.hpp"

namespace ceymail::page {
namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> k_references{
    {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}}};

// Returns: what stands for the character in HTML.
std::string_view escaped(std::string_view character) {
    const auto* const found = std::ranges::find(k_references, character, &decltype(k_references)::value_type::first);
    if (found != k_references.end()) return found->second;
    return is_control(character) && character != "\t" && character != "\n" ? k_replacement : character;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const auto character = text.substr(0, size == 0 ? 1 : size);
        out += size == 0 ? k_replacement : escaped(character);
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
