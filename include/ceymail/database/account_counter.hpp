// SPDX-License-Identifier: MIT
// AccountCounter: exact row counts of CeyMail's mail tables.
#pragma once

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
    AccountCounter(Address address, const std::string& mail_schema);
    AccountCounter(AccountCounter&&) noexcept;
    ~AccountCounter();

    // All three, from one consistent read, or an error. Opens an ended session anew once, like TokenReader.
    [[nodiscard]] util::Result<AccountCounts> count(util::BootTime deadline);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::database
