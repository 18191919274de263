// SPDX-License-Identifier: MIT
// append_escaped(): no text ends an element, an attribute or a comment, and each is shown unchanged. A text for which
// is_printable() is true needs no repair.
// fuzz: -max_len=512
#include "ceymail/page/html.hpp"

#include <array>
#include <string>
#include <utility>

#include "ceymail/page/utf8.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::fuzz::require;

namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";

// Reads it like a browser. Any other reference than these five is wrong.
std::string unescape(std::string_view html) {
    constexpr std::array<std::pair<std::string_view, char>, 5> k_references{
        {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}}};
    std::string text;
    while (!html.empty()) {
        if (html.front() != '&') {
            text += html.front();
            html.remove_prefix(1);
            continue;
        }
        bool known = false;
        for (const auto& [reference, character] : k_references) {
            if (!html.starts_with(reference)) continue;
            known = true;
            text += character;
            html.remove_prefix(reference.size());
            break;
        }
        require(known, "& begins a reference");
    }
    return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = ceymail::fuzz::text_of(data, size);
    std::string html = "before";
    ceymail::page::append_escaped(html, text);
    require(html.starts_with("before"), "what stands before stays");
    const auto escaped = std::string_view(html).substr(6);
    require(escaped.find_first_of("<>\"'") == escaped.npos, "no markup comes of text");
    for (const char c : escaped) {
        const auto octet = static_cast<unsigned char>(c);
        require((octet >= 0x20 && octet != 0x7F) || c == '\t' || c == '\n', "no control characters");
    }
    for (auto rest = escaped; !rest.empty();) {
        const auto length = ceymail::page::character_size(rest);
        require(length != 0, "it is UTF-8");
        rest.remove_prefix(length);
    }
    const auto shown = unescape(escaped);
    if (ceymail::page::is_printable(text)) require(shown == text, "it is shown as it was");
    if (shown == text) require(text.find_first_of(std::string_view("\0\r\x1b", 3)) == text.npos, "or it is repaired");
    if (shown != text) require(shown.find(k_replacement) != shown.npos, "what is repaired is seen to be");

    // Once escaped it is printable but for tab and line feed; escaping again must not repair anything.
    std::string twice;
    ceymail::page::append_escaped(twice, shown);
    require(twice == escaped, "what has been repaired stays so");
    return 0;
}
