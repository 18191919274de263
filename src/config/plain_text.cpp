// SPDX-License-Identifier: MIT
// A file that looks right and is refused is the worst to mend: what cannot be seen is named here.
#include "ceymail/config/plain_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ceymail::config {
namespace {

using namespace std::string_view_literals;

constexpr auto k_byte_order_mark = "\xEF\xBB\xBF"sv;

struct Unseen {
    std::string_view bytes;  // UTF-8
    std::string_view name;
};

constexpr std::array k_unseen{
    Unseen{"\xC2\xA0", "U+00A0, a no-break space"},
    Unseen{"\xC2\xAD", "U+00AD, a soft hyphen"},
    Unseen{"\xE2\x80\x80", "U+2000, a blank"},
    Unseen{"\xE2\x80\x81", "U+2001, a blank"},
    Unseen{"\xE2\x80\x82", "U+2002, a blank"},
    Unseen{"\xE2\x80\x83", "U+2003, a blank"},
    Unseen{"\xE2\x80\x84", "U+2004, a blank"},
    Unseen{"\xE2\x80\x85", "U+2005, a blank"},
    Unseen{"\xE2\x80\x86", "U+2006, a blank"},
    Unseen{"\xE2\x80\x87", "U+2007, a blank"},
    Unseen{"\xE2\x80\x88", "U+2008, a blank"},
    Unseen{"\xE2\x80\x89", "U+2009, a blank"},
    Unseen{"\xE2\x80\x8A", "U+200A, a blank"},
    Unseen{"\xE2\x80\x8B", "U+200B, a space without width"},
    Unseen{"\xE2\x80\x8C", "U+200C, a mark without width"},
    Unseen{"\xE2\x80\x8D", "U+200D, a mark without width"},
    Unseen{"\xE2\x80\x8E", "U+200E, a mark of direction"},
    Unseen{"\xE2\x80\x8F", "U+200F, a mark of direction"},
    Unseen{"\xE2\x80\xA8", "U+2028, a line separator"},
    Unseen{"\xE2\x80\xA9", "U+2029, a paragraph separator"},
    Unseen{"\xE2\x80\xAF", "U+202F, a narrow blank"},
    Unseen{"\xE2\x81\x9F", "U+205F, a blank"},
    Unseen{"\xE2\x81\xA0", "U+2060, a mark without width"},
    Unseen{"\xE3\x80\x80", "U+3000, a wide blank"},
    Unseen{k_byte_order_mark, "U+FEFF, a byte-order mark"},
};

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// The name of the first one of a line, or nothing.
std::string unseen_in(std::string_view line) {
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (is_control(line[at])) {
            std::array<char, 32> name{};
            std::snprintf(name.data(), name.size(), "U+%04X, a control character", static_cast<unsigned>(line[at]));
            return name.data();
        }
        const auto starts = [&](const Unseen& one) { return line.substr(at).starts_with(one.bytes); };
        if (const auto* const found = std::ranges::find_if(k_unseen, starts); found != k_unseen.end())
            return std::string(found->name);
    }
    return {};
}

// What of a line counts: neither its CR, if it ends by CR LF, nor its comment.
std::string_view setting_of(std::string_view line) {
    line = line.substr(0, line.find('#'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

util::Result<std::string> plain_text(std::string_view text, const std::string& file_name) {
    if (text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv))
        return util::fail(util::ErrorKind::invalid,
                          file_name + ": the file is UTF-16; save it as UTF-8, say by: iconv -f UTF-16 -t UTF-8");
    if (text.starts_with(k_byte_order_mark)) text.remove_prefix(k_byte_order_mark.size());
    int number = 1;
    for (auto rest = text; !rest.empty(); ++number) {
        const auto end = std::min(rest.find('\n'), rest.size());
        if (const auto found = unseen_in(setting_of(rest.substr(0, end))); !found.empty())
            return util::fail(util::ErrorKind::invalid, file_name + ": line " + std::to_string(number) + " holds " +
                                                            found +
                                                            ", which cannot be seen; type the line again, with spaces");
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return std::string(text);
}

}  // namespace ceymail::config
