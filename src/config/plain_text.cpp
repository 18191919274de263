// SPDX-License-Identifier: MIT
// Refuses characters in a configuration file that an editor does not show.
#include "ceymail/config/plain_text.hpp"

#include <array>
#include <cstdio>

#include "ceymail/util/text.hpp"

namespace ceymail::config {
namespace {

using namespace std::string_view_literals;

constexpr auto k_byte_order_mark = "\xEF\xBB\xBF"sv;

// Characters in UTF-8 that differ in their last byte.
struct Invisible {
    std::string_view before;  // the other bytes
    unsigned first, last;     // of the last byte
    unsigned code_point;      // of `first`
    std::string_view name;
};

constexpr Invisible k_invisible[] = {
    {"", 0x00, 0x08, 0x0000, "a control character"},
    {"", 0x0A, 0x1F, 0x000A, "a control character"},
    {"", 0x7F, 0x7F, 0x007F, "a control character"},
    {"\xC2", 0xA0, 0xA0, 0x00A0, "a no-break space"},
    {"\xC2", 0xAD, 0xAD, 0x00AD, "a soft hyphen"},
    {"\xE2\x80", 0x80, 0x8A, 0x2000, "a blank"},
    {"\xE2\x80", 0x8B, 0x8B, 0x200B, "a space without width"},
    {"\xE2\x80", 0x8C, 0x8D, 0x200C, "a mark without width"},
    {"\xE2\x80", 0x8E, 0x8F, 0x200E, "a mark of direction"},
    {"\xE2\x80", 0xA8, 0xA8, 0x2028, "a line separator"},
    {"\xE2\x80", 0xA9, 0xA9, 0x2029, "a paragraph separator"},
    {"\xE2\x80", 0xAF, 0xAF, 0x202F, "a narrow blank"},
    {"\xE2\x81", 0x9F, 0x9F, 0x205F, "a blank"},
    {"\xE2\x81", 0xA0, 0xA0, 0x2060, "a mark without width"},
    {"\xE3\x80", 0x80, 0x80, 0x3000, "a wide blank"},
    {"\xEF\xBB", 0xBF, 0xBF, 0xFEFF, "a byte-order mark"},
};

// Returns: the code point and the name of the first such character in a line, or an empty string.
std::string find_invisible(std::string_view line) {
    for (std::size_t at = 0; at < line.size(); ++at) {
        const unsigned byte = static_cast<unsigned char>(line[at]);
        for (const auto& [before, first, last, code_point, name] : k_invisible) {
            if (byte < first || byte > last || !line.substr(0, at).ends_with(before)) continue;
            std::array<char, 16> number{};
            std::snprintf(number.data(), number.size(), "U+%04X, ", code_point + (byte - first));
            return number.data() + std::string(name);
        }
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
    int number = 0;
    for (const auto line : util::lines_of(text)) {
        ++number;
        if (const auto found = find_invisible(setting_of(line)); !found.empty())
            return util::fail(util::ErrorKind::invalid, file_name + ": line " + std::to_string(number) + " holds " +
                                                            found +
                                                            ", which cannot be seen; type the line again, with spaces");
    }
    return std::string(text);
}

}  // namespace ceymail::config
