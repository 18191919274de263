// SPDX-License-Identifier: MIT
// Entry: a line on its way to the counters, and what each program's lines count.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ceymail/maillog/counters.hpp"
#include "ceymail/maillog/cursor.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::maillog {

// What all lines of one text share.
struct Entry {
    Counters& counters;
    util::BootTime now;
    std::uint64_t times;  // how often the text was logged
    Program program;
    std::string_view service;  // see Tag in parser.cpp
    std::string_view text;

    void unparsed() const noexcept { counters.unparsed(program) += times; }
    void warn(Severity severity) const noexcept { counters.warnings(severity) += times; }
    void reject(RejectReason reason) const noexcept { counters.rejects(reason) += times; }
};

// Each counts one text of its program. A text that is no outcome counts nothing.
void count_smtpd(const Entry& entry) noexcept;
void count_delivery_agent(const Entry& entry) noexcept;  // smtp lmtp local virtual pipe error
void count_cleanup(const Entry& entry) noexcept;
void count_qmgr(const Entry& entry) noexcept;
void count_pickup(const Entry& entry) noexcept;
void count_postscreen(const Entry& entry) noexcept;
void count_dnsblog(const Entry& entry) noexcept;
void count_tlsproxy(const Entry& entry) noexcept;
void count_dovecot(const Entry& entry) noexcept;
void count_spamd(const Entry& entry) noexcept;
void count_opendkim(const Entry& entry) noexcept;

// Counts a text of any program of Postfix that begins with a severity. Returns: whether it does; then `cursor` is
// behind it.
bool count_severity(const Entry& entry, Cursor& cursor) noexcept;

// Counts `to=<A>, relay=... status=WORD (TEXT)`, which stands behind the queue id. `cursor` is at "to=<".
void count_delivery(const Entry& entry, Cursor cursor) noexcept;

// Counts "Trusted TLS connection established from NAME[ADDR]: TLSv1.3 with cipher ...". Another text counts nothing.
void count_tls(const Entry& entry) noexcept;

// Returns: the account that count_smtpd() adds to the window of senders for this text; empty: none.
[[nodiscard]] std::string_view account_of_smtpd(std::string_view text) noexcept;

// "submission", "smtps" and the like: where authenticated users hand in mail.
[[nodiscard]] bool is_submission_service(std::string_view service) noexcept;

// Classifies the reply of smtpd's reject line. `reply`: at "CODE DSN TEXT".
// Returns: no value where it has no such beginning.
[[nodiscard]] std::optional<RejectReason> classify_reply(std::string_view reply, std::string_view service) noexcept;

}  // namespace ceymail::maillog
