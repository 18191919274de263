// SPDX-License-Identifier: MIT
// AccountCounter: exact row counts of CeyMail's mail tables.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/statement.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

struct AccountCounts {
    std::uint64_t domains = 0;
    std::uint64_t mailboxes = 0;
    std::uint64_t aliases = 0;
};

// Keeps its connection between calls.
// Threads: one.
class AccountCounter {
public:
    // `longest`: the server stops a count after this time, so that no count runs longer than its caller waits. Shorter
    // than a collector's deadline.
    AccountCounter(Address address, const std::string& mail_schema,
                   std::chrono::milliseconds longest = std::chrono::seconds(3));

    // Connects and prepares the statement in advance. Ignores errors, which count() will report.
    void prepare(util::BootTime deadline);

    // Returns: the three counts, from one consistent read. Reconnects once where the server has ended the session.
    // Errors: those of Connection; conflict: a table is locked for 1 s; timed_out (1969): longer than `longest`.
    [[nodiscard]] util::Result<AccountCounts> count(util::BootTime deadline);

private:
    std::unique_ptr<Connection> m_connection;  // before the statement, which refers to it
    Statement m_select;
};

}  // namespace ceymail::database
