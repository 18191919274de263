// SPDX-License-Identifier: MIT
// AccountCounter: one statement, so that the three counts are of one moment.
#include "ceymail/database/account_counter.hpp"

#include "ceymail/database/identifier.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr const char* k_counting = "counting the accounts";

std::string count_of(const std::string& schema, std::string_view table) {
    return "(SELECT COUNT(*) FROM " + quote_name(schema) + "." + quote_name(table) + ")";
}

// A wait for a lock is no work: it has an error of its own.
std::string counting_sql(const std::string& schema, std::chrono::milliseconds longest) {
    const auto seconds = std::to_string(std::chrono::duration<double>(longest).count());
    return "SET STATEMENT lock_wait_timeout = 1, max_statement_time = " + seconds + " FOR SELECT " +
           count_of(schema, "virtual_domains") + ", " + count_of(schema, "virtual_users") + ", " +
           count_of(schema, "virtual_aliases");
}

util::Result<AccountCounts> to_counts(const std::vector<Row>& rows) {
    AccountCounts counts;
    std::uint64_t* const wanted[] = {&counts.domains, &counts.mailboxes, &counts.aliases};
    for (std::size_t column = 0; column < std::size(wanted); ++column) {
        const auto number = to_number(rows.empty() ? Cell{} : rows.front()[column], k_counting);
        if (!number) return std::unexpected(number.error());
        *wanted[column] = *number;
    }
    return counts;
}

}  // namespace

struct AccountCounter::State {
    State(Address address, const std::string& schema, std::chrono::milliseconds longest)
        : connection(std::move(address)), select(connection, counting_sql(schema, longest), k_counting) {}

    Connection connection;  // before the statement, which refers to it
    Statement select;
};

AccountCounter::AccountCounter(Address address, const std::string& mail_schema, std::chrono::milliseconds longest)
    : m_state(std::make_unique<State>(std::move(address), mail_schema, longest)) {}
AccountCounter::AccountCounter(AccountCounter&&) noexcept = default;
AccountCounter::~AccountCounter() = default;

void AccountCounter::prepare(util::BootTime deadline) { static_cast<void>(m_state->select.prepare(deadline)); }

util::Result<AccountCounts> AccountCounter::count(util::BootTime deadline) {
    const auto outcome = with_one_reconnect(m_state->connection, [&] { return m_state->select.run(deadline); });
    if (!outcome) return std::unexpected(outcome.error());
    return to_counts(outcome->rows);
}

}  // namespace ceymail::database
