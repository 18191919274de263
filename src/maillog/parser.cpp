// SPDX-License-Identifier: MIT
// Finds the lines, and the program of each.
#include "ceymail/maillog/parser.hpp"

#include <cstring>

#include "ceymail/maillog/entry.hpp"
#include "ceymail/maillog/line.hpp"

namespace ceymail::maillog {
namespace {

// A name of at most 7 bytes and its length as a number, so that a program is found by one switch. Longer ones give 0.
constexpr std::uint64_t pack(std::string_view name) noexcept {
    if (name.size() > 7) return 0;
    std::uint64_t packed = std::uint64_t{name.size()} << 56;
    for (std::size_t i = 0; i < name.size(); ++i) packed |= std::uint64_t{static_cast<unsigned char>(name[i])} << 8 * i;
    return packed;
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

Handler postfix(Count count, Program program) noexcept { return {count, program, Daemon::postfix}; }

// Programs of Postfix whose outcomes are counted. The name in front of the slash may be anything, syslog_name sets it.
Handler handler_of_postfix(std::string_view program) noexcept {
    switch (pack(program)) {
        case pack("smtpd"):
            return postfix(count_smtpd, Program::smtpd);
        case pack("cleanup"):
            return postfix(count_cleanup, Program::cleanup);
        case pack("qmgr"):
            return postfix(count_qmgr, Program::qmgr);
        case pack("smtp"):
            return postfix(count_delivery_agent, Program::smtp);
        case pack("lmtp"):
            return postfix(count_delivery_agent, Program::lmtp);
        case pack("local"):
            return postfix(count_delivery_agent, Program::local);
        case pack("virtual"):
            return postfix(count_delivery_agent, Program::virtual_mailbox);
        case pack("pipe"):
            return postfix(count_delivery_agent, Program::pipe);
        case pack("error"):
            return postfix(count_delivery_agent, Program::error);
        case pack("pickup"):
            return postfix(count_pickup, Program::pickup);
        case pack("dnsblog"):
            return postfix(count_dnsblog, Program::dnsblog);
        default:
            if (program == "tlsproxy") return postfix(count_tlsproxy, Program::tlsproxy);
            return program == "postscreen" ? postfix(count_postscreen, Program::postscreen) : Handler{};
    }
}

// A failed exec logs as "master" alone.
bool is_other_postfix(const Tag& tag) noexcept {
    return (!tag.service.empty() && tag.whole.starts_with("postfix")) || tag.whole == "master";
}

Handler handler_of(const Tag& tag) noexcept {
    if (!tag.service.empty()) {
        if (const auto handler = handler_of_postfix(tag.program); handler.count != nullptr) return handler;
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
    if (line.empty()) {
        ++counters.lines(Daemon::other);
        return;
    }
    if (const auto parts = split_line(line)) return count_text(parts->tag, parts->text, now, counters);
    ++counters.lines(Daemon::other);
    ++counters.unparsed(Program::none);
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
