// SPDX-License-Identifier: MIT
// Finds the lines, their parts STAMP HOST TAG TEXT, and the program of each.
#include "ceymail/maillog/parser.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "ceymail/maillog/entry.hpp"

namespace ceymail::maillog {
namespace {

constexpr std::size_t k_bsd_stamp = 15;     // Nov  7 18:14:50
constexpr std::size_t k_shortest_iso = 19;  // 2026-11-27T18:14:50
constexpr std::size_t k_longest_iso = 35;   // with nanoseconds and offset

// "postfix/submission/smtpd[7]": program "smtpd", service "submission". "dovecot": program "dovecot", no service.
struct Tag {
    std::string_view program;  // behind the last slash, before [pid]
    std::string_view service;  // between the two last slashes, or before the only one; empty without a slash
    std::string_view whole;    // without [pid]
};

struct Line {
    Tag tag;
    std::string_view text;  // any bytes
};

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

// Splits a line without its LF. The stamp is ISO 8601, "2026-11-27T18:13:22.784123+00:00", or of 15 bytes,
// "Nov  7 18:14:50": an upgrade leaves both in one file. TAG ends with a colon, which may be missing, as may the blank
// behind it.
// Returns: no value for a line of another form, such as RFC 5424.
std::optional<Line> split_line(std::string_view line) noexcept {
    const auto stamp = stamp_length(line);
    if (stamp == 0) return std::nullopt;
    const auto host = line.find(' ', stamp + 1);
    if (host == line.npos || host == stamp + 1) return std::nullopt;
    auto at = host + 1;
    while (at < line.size() && line[at] != ':' && line[at] != ' ') ++at;
    if (at == host + 1) return std::nullopt;
    const auto tag = line.substr(host + 1, at - host - 1);
    if (at < line.size() && line[at] == ':') ++at;
    if (at < line.size() && line[at] == ' ') ++at;
    return Line{parse_tag(tag), line.substr(at)};
}

// Takes "message repeated N times: [ " and the last "]" off, which rsyslog puts around the text of repeated messages.
// Returns: N, at most k_most_repeats; 1 for other texts; 0 where N is none that rsyslog writes, and the text stays.
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

using Count = void (*)(const Entry&) noexcept;

struct Handler {
    Count count = nullptr;
    Program program = Program::none;
    Daemon daemon = Daemon::other;
};

void count_severity_only(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    count_severity(entry, cursor);
}

// Programs of Postfix whose outcomes are counted.
constexpr Handler k_postfix_programs[] = {
    {count_smtpd, Program::smtpd, Daemon::postfix},
    {count_cleanup, Program::cleanup, Daemon::postfix},
    {count_qmgr, Program::qmgr, Daemon::postfix},
    {count_delivery_agent, Program::lmtp, Daemon::postfix},
    {count_delivery_agent, Program::smtp, Daemon::postfix},
    {count_delivery_agent, Program::local, Daemon::postfix},
    {count_delivery_agent, Program::virtual_mailbox, Daemon::postfix},
    {count_delivery_agent, Program::pipe, Daemon::postfix},
    {count_delivery_agent, Program::error, Daemon::postfix},
    {count_pickup, Program::pickup, Daemon::postfix},
    {count_postscreen, Program::postscreen, Daemon::postfix},
    {count_dnsblog, Program::dnsblog, Daemon::postfix},
    {count_tlsproxy, Program::tlsproxy, Daemon::postfix},
};

// A failed exec logs as "master" alone.
bool is_other_postfix(const Tag& tag) noexcept {
    return (!tag.service.empty() && tag.whole.starts_with("postfix")) || tag.whole == "master";
}

Handler handler_of(const Tag& tag) noexcept {
    if (!tag.service.empty()) {
        // The name in front of the slash may be anything, syslog_name sets it.
        for (const auto& handler : k_postfix_programs)
            if (name_of(handler.program) == tag.program) return handler;
    } else if (tag.whole == "dovecot") {
        return {count_dovecot, Program::dovecot, Daemon::dovecot};
    } else if (tag.whole == "spamd") {
        return {count_spamd, Program::spamd, Daemon::spamd};
    } else if (tag.whole == "opendkim") {
        return {count_opendkim, Program::none, Daemon::other};
    }
    return is_other_postfix(tag) ? Handler{count_severity_only, Program::none, Daemon::postfix} : Handler{};
}

void count_text(const Tag& tag, std::string_view text, util::BootTime now, Counters& counters) noexcept {
    const auto handler = handler_of(tag);
    const auto times = unfold_repeats(text);
    ++counters.lines(handler.daemon);
    if (handler.count == nullptr) return;
    if (times == 0) {
        ++counters.unparsed(handler.program);
        return;
    }
    handler.count({counters, now, times, handler.program, tag.service, text});
}

void count_line(std::string_view line, util::BootTime now, Counters& counters) noexcept {
    if (const auto parts = split_line(line)) return count_text(parts->tag, parts->text, now, counters);
    ++counters.lines(Daemon::other);
    if (!line.empty()) ++counters.unparsed(Program::none);
}

AccountMessages account_of_text(const Tag& tag, std::string_view text) noexcept {
    if (handler_of(tag).program != Program::smtpd) return {};
    const auto times = unfold_repeats(text);
    return {account_of_smtpd(text), times};
}

// A crash leaves blocks of NUL in front of the next line.
std::string_view without_nul(std::string_view line) noexcept {
    while (line.starts_with('\0')) line.remove_prefix(1);
    return line;
}

}  // namespace

void parse(std::string_view lines, util::BootTime now, Counters& counters) noexcept {
    while (!lines.empty()) {
        const auto* const end = static_cast<const char*>(std::memchr(lines.data(), '\n', lines.size()));
        const auto length = end == nullptr ? lines.size() : static_cast<std::size_t>(end - lines.data());
        count_line(without_nul(lines.substr(0, length)), now, counters);
        lines.remove_prefix(length + (end == nullptr ? 0 : 1));
    }
}

AccountMessages account_of(std::string_view line) noexcept {
    const auto parts = split_line(without_nul(line));
    return parts ? account_of_text(parts->tag, parts->text) : AccountMessages{};
}

AccountMessages account_of_entry(std::string_view identifier, std::string_view message) noexcept {
    return account_of_text(parse_tag(identifier), message);
}

void parse_entry(std::string_view identifier, std::string_view message, util::BootTime now,
                 Counters& counters) noexcept {
    count_text(parse_tag(identifier), message, now, counters);
}

}  // namespace ceymail::maillog
