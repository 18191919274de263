// SPDX-License-Identifier: MIT
// Refuses characters in a configuration file that an editor does not show.
#include "ceymail/config/plain_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ceymail::config {
namespace {

using namespace std::string_view_literals;

constexpr auto k_byte_order_mark = "\xEF\xBB\xBF"sv;

struct Invisible {
    std::string_view bytes;  // UTF-8
    std::string_view name;
};

constexpr std::array k_invisible{
    Invisible{"\xC2\xA0", "U+00A0, a no-break space"},
    Invisible{"\xC2\xAD", "U+00AD, a soft hyphen"},
    Invisible{"\xE2\x80\x80", "U+2000, a blank"},
    Invisible{"\xE2\x80\x81", "U+2001, a blank"},
    Invisible{"\xE2\x80\x82", "U+2002, a blank"},
    Invisible{"\xE2\x80\x83", "U+2003, a blank"},
    Invisible{"\xE2\x80\x84", "U+2004, a blank"},
    Invisible{"\xE2\x80\x85", "U+2005, a blank"},
    Invisible{"\xE2\x80\x86", "U+2006, a blank"},
    Invisible{"\xE2\x80\x87", "U+2007, a blank"},
    Invisible{"\xE2\x80\x88", "U+2008, a blank"},
    Invisible{"\xE2\x80\x89", "U+2009, a blank"},
    Invisible{"\xE2\x80\x8A", "U+200A, a blank"},
    Invisible{"\xE2\x80\x8B", "U+200B, a space without width"},
    Invisible{"\xE2\x80\x8C", "U+200C, a mark without width"},
    Invisible{"\xE2\x80\x8D", "U+200D, a mark without width"},
    Invisible{"\xE2\x80\x8E", "U+200E, a mark of direction"},
    Invisible{"\xE2\x80\x8F", "U+200F, a mark of direction"},
    Invisible{"\xE2\x80\xA8", "U+2028, a line separator"},
    Invisible{"\xE2\x80\xA9", "U+2029, a paragraph separator"},
    Invisible{"\xE2\x80\xAF", "U+202F, a narrow blank"},
    Invisible{"\xE2\x81\x9F", "U+205F, a blank"},
    Invisible{"\xE2\x81\xA0", "U+2060, a mark without width"},
    Invisible{"\xE3\x80\x80", "U+3000, a wide blank"},
    Invisible{k_byte_order_mark, "U+FEFF, a byte-order mark"},
};

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// Returns: the name of the first such character in a line, or an empty string.
std::string find_invisible(std::string_view line) {
    for (std::size_t at = 0; at < line.size(); ++at) {
        if (is_control(line[at])) {
            std::array<char, 32> name{};
            std::snprintf(name.data(), name.size(), "U+%04X, a control character", static_cast<unsigned>(line[at]));
            return name.data();
        }
        const auto starts = [&](const Invisible& one) { return line.substr(at).starts_with(one.bytes); };
        if (const auto* const found = std::ranges::find_if(k_invisible, starts); found != k_invisible.end())
            return std::string(found->name);
    }
    return {};
}

// Returns: the line without its comment and without a CR at its end.
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
        if (const auto found = find_invisible(setting_of(rest.substr(0, end))); !found.empty())
            return util::fail(util::ErrorKind::invalid, file_name + ": line " + std::to_string(number) + " holds " +
                                                            found +
                                                            ", which cannot be seen; type the line again, with spaces");
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return std::string(text);
}

}  // namespace ceymail::config
