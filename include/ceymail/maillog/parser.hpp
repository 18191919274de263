// SPDX-License-Identifier: MIT
// maillog: turns lines of the mail log into counters.
// Process: the log reader; `--check` for the busiest account. Nothing else parses these lines.
// Touches: the bytes and the counters that the caller hands in. It opens nothing and allocates nothing.
// Attackers: every sender of mail, every client of Postfix and Dovecot, remote servers and block lists write parts of a
// line; a local user can write whole lines. Each line is read strictly from the left, from its program's name on, and
// no text that a stranger chose is searched for a mark. A line that is not understood to its end is not counted as an
// outcome, but as unparsed, where it looks like one. What a stranger wrote never becomes a label, and none of it is
// kept.
#pragma once

#include <cstdint>
#include <string_view>

#include "ceymail/maillog/counters.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::maillog {

// A line `message repeated N times: [ TEXT]` of rsyslog counts N times, but at most this often: a local user can write
// any N. With 10,000 a storm of identical lines between two others keeps its size.
inline constexpr std::uint64_t k_most_repeats = 10'000;

// Parses whole lines of /var/log/mail.log, or of Postfix's maillog_file. Each line ends with LF; what follows the last
// LF is a line too, so the caller keeps back a line that is not complete. NUL bytes in front of a line are passed over.
// `now`: for the window of the last hour.
// Threads: any; `counters` must not be in use elsewhere.
void parse(std::string_view lines, util::BootTime now, Counters& counters) noexcept;

// Parses one entry of the journal. `identifier`: SYSLOG_IDENTIFIER, such as "postfix/smtp". `message`: MESSAGE.
void parse_entry(std::string_view identifier, std::string_view message, util::BootTime now,
                 Counters& counters) noexcept;

// What parse() adds to the window of senders for one line, by its name.
struct AccountMessages {
    std::string_view account;  // empty: nothing
    std::uint64_t messages = 0;
};

// Returns: the account that handed in a message by this line, which is without its LF.
// Security: personal data, and any bytes but ','. The service never asks for it; only --check does, run by root.
[[nodiscard]] AccountMessages account_of(std::string_view line) noexcept;
// The same of an entry of the journal, as parse_entry() takes it.
[[nodiscard]] AccountMessages account_of_entry(std::string_view identifier, std::string_view message) noexcept;

// Parses whole lines of /var/log/fail2ban.log, as parse() does.
void parse_fail2ban(std::string_view lines, Counters& counters) noexcept;

}  // namespace ceymail::maillog
