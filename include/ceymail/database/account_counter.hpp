// SPDX-License-Identifier: MIT
// AccountCounter: exact row counts of CeyMail's mail tables.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

struct AccountCounts {
    std::uint64_t domains = 0;
    std::uint64_t mailboxes = 0;
    std::uint64_t aliases = 0;
};

// One thread; keeps its connection between calls.
class AccountCounter {
public:
    // longest: after which the server gives a count up, so that none goes on where nobody waits for it any more. Less
    // than a gathering may take.
    AccountCounter(Address address, const std::string& mail_schema,
                   std::chrono::milliseconds longest = std::chrono::seconds(3));
    AccountCounter(AccountCounter&&) noexcept;
    ~AccountCounter();

    // Connects and prepares ahead of the first count, if the server lets it; that will say what is wrong.
    void prepare(util::BootTime deadline);

    // All three, from one consistent read, or an error: conflict where a table is locked for 1 s, timed_out (1969) past
    // `longest`. Opens an ended session anew once, like TokenReader.
    [[nodiscard]] util::Result<AccountCounts> count(util::BootTime deadline);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::database
