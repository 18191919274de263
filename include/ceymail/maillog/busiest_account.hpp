// SPDX-License-Identifier: MIT
// find_busiest_account: which account handed in the most mail within the last hour, by the log itself.
// Process: ceymail-metrics --check, as the service's user. The service counts accounts without their names.
// Attackers: those of the parser. A user of the host can write lines that name any account.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ceymail/journal/journal.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

struct BusiestAccount {
    std::string account;  // empty: none handed in mail
    std::uint64_t messages = 0;
    std::size_t accounts = 0;         // that handed in mail
    bool is_whole_hour = true;        // false: the hour has more lines than were read
    std::chrono::minutes period{60};  // of the journal: less than an hour where that has more lines than are read
};

// Counts the messages of each account as ceymail_mail_busiest_sender_messages does, but by the stamps of the lines.
// Reads the files from the end of the newest backwards, until it meets a line that is an hour old or has read about
// `limit` bytes. At most 100,000 accounts are counted.
// `files`: oldest first, as open_log_files() returns them. Units: bytes.
// Errors: the kind of the errno of a file that cannot be read.
// Security: the name has any bytes; it is for root's terminal, escaped.
[[nodiscard]] util::Result<BusiestAccount> find_busiest_account(const std::vector<util::Fd>& files,
                                                                std::chrono::sys_seconds now, std::uint64_t limit);

// The same of the journal: of the last hour, ten minutes or minute, the longest whose entries cost no more than `limit`
// bytes of work. Errors: exhausted: there are too many within the last minute; those of Journal::read().
// Requires: `journal` keeps its files open, if this process may not open them.
[[nodiscard]] util::Result<BusiestAccount> find_busiest_account(journal::Journal& journal, std::chrono::sys_seconds now,
                                                                std::uint64_t limit);

}  // namespace ceymail::maillog
