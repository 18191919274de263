// SPDX-License-Identifier: MIT
// Lines of /var/log/fail2ban.log.
#include <algorithm>

#include "ceymail/maillog/cursor.hpp"
#include "ceymail/maillog/parser.hpp"

namespace ceymail::maillog {
namespace {

constexpr std::size_t k_stamp = 23;  // 2026-11-27 18:13:22,784

bool has_stamp(std::string_view line) noexcept {
    return line.size() > k_stamp && is_digit(line[0]) && line[4] == '-' && line[7] == '-' && line[10] == ' ' &&
           line[13] == ':' && line[16] == ':' && line[19] == ',' && line[k_stamp] == ' ';
}

bool is_blank(char c) noexcept { return c == ' '; }

// "        [5400]: NOTICE  [postfix-sasl] "
bool take_jail(Cursor& cursor, std::string_view& jail) noexcept {
    std::uint64_t pid = 0;
    cursor.take_while(is_blank);
    if (!cursor.take('[') || !cursor.take_number(pid, 10) || !cursor.take("]:")) return false;
    cursor.take_while(is_blank);
    if (cursor.take_while(is_upper).empty()) return false;
    cursor.take_while(is_blank);
    if (!cursor.take('[')) return true;  // a line about no jail
    jail = cursor.take_while([](char c) { return c != ']'; });
    return cursor.take("] ");
}

// A jail that finds or unbans something begins at 0, so that its first ban is an increase. "Restore Ban" after a
// restart is no new ban, nor is "192.0.2.11 already banned".
void count_line(std::string_view line, Counters& counters) noexcept {
    ++counters.lines(Daemon::fail2ban);
    if (!has_stamp(line)) return;  // the lines of a traceback
    Cursor cursor(line.substr(k_stamp + 1));
    const bool is_actions = cursor.take("fail2ban.actions ");
    if (!is_actions && !cursor.take("fail2ban.filter ")) return;
    std::string_view jail;
    if (!take_jail(cursor, jail)) {
        ++counters.unparsed(Program::fail2ban);
    } else if (!jail.empty()) {
        counters.bans.add(jail, is_actions && cursor.sees("Ban ") ? 1 : 0);
    }
}

}  // namespace

void parse_fail2ban(std::string_view lines, Counters& counters) noexcept {
    while (!lines.empty()) {
        const auto end = lines.find('\n');
        auto line = lines.substr(0, end);
        line.remove_prefix(std::min(line.find_first_not_of('\0'), line.size()));
        count_line(line, counters);
        lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
    }
}

}  // namespace ceymail::maillog
