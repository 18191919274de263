// SPDX-License-Identifier: MIT
#include "ceymail/maillog/line.hpp"

#include <algorithm>

#include "ceymail/maillog/cursor.hpp"
#include "ceymail/maillog/parser.hpp"

namespace ceymail::maillog {
namespace {

constexpr std::size_t k_bsd_stamp = 15;     // Nov  7 18:14:50
constexpr std::size_t k_shortest_iso = 19;  // 2026-11-27T18:14:50
constexpr std::size_t k_longest_iso = 35;   // with nanoseconds and offset

// Returns: the length of the stamp, 0 for none. Its digits are not looked at: no metric depends on the time of a line.
std::size_t stamp_length(std::string_view line) noexcept {
    if (line.size() <= k_bsd_stamp) return 0;
    if (is_upper(line[0])) {
        const bool is_bsd =
            line[3] == ' ' && line[6] == ' ' && line[9] == ':' && line[12] == ':' && line[k_bsd_stamp] == ' ';
        return is_bsd ? k_bsd_stamp : 0;
    }
    const auto length = line.substr(0, k_longest_iso + 1).find(' ');
    if (length == line.npos || length < k_shortest_iso) return 0;
    const bool is_iso =
        is_digit(line[0]) && line[4] == '-' && line[7] == '-' && line[10] == 'T' && line[13] == ':' && line[16] == ':';
    return is_iso ? length : 0;
}

}  // namespace

Tag parse_tag(std::string_view tag) noexcept {
    Tag found;
    std::size_t begin = 0;   // of the program
    std::size_t before = 0;  // of the part in front of it
    std::size_t at = 0;
    for (; at < tag.size() && tag[at] != '['; ++at) {
        if (tag[at] != '/') continue;
        before = begin;
        begin = at + 1;
    }
    found.whole = tag.substr(0, at);
    found.program = found.whole.substr(begin);
    if (begin > 0) found.service = found.whole.substr(before, begin - 1 - before);
    return found;
}

std::optional<Line> split_line(std::string_view line) noexcept {
    const auto stamp = stamp_length(line);
    if (stamp == 0) return std::nullopt;
    const auto host = line.find(' ', stamp + 1);
    if (host == line.npos || host == stamp + 1) return std::nullopt;
    auto at = host + 1;
    while (at < line.size() && line[at] != ':' && line[at] != ' ') ++at;
    if (at == host + 1) return std::nullopt;
    Line found;
    found.tag = parse_tag(line.substr(host + 1, at - host - 1));
    if (at < line.size() && line[at] == ':') ++at;
    if (at < line.size() && line[at] == ' ') ++at;
    found.text = line.substr(at);
    return found;
}

std::uint64_t unfold_repeats(std::string_view& text) noexcept {
    Cursor cursor(text);
    if (!cursor.take("message repeated ")) return 1;
    std::uint64_t times = 0;
    if (!cursor.take_number(times, 18) && cursor.take_while(is_digit).empty()) return 1;
    if (!cursor.take(" times: [")) return 1;
    if (times == 0) return 0;
    cursor.take(' ');
    text = cursor.rest();
    if (text.ends_with(']')) text.remove_suffix(1);
    return std::min(times, k_most_repeats);
}

}  // namespace ceymail::maillog
