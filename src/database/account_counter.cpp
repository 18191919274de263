// SPDX-License-Identifier: MIT
// AccountCounter: one statement, so that the three counts are consistent.
#include "ceymail/database/account_counter.hpp"

#include "ceymail/database/server_error.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr const char* k_counting = "counting the accounts";
constexpr const char* k_remedy =
    "CeyMail's installer makes this table: run that, or set database_mail to its database; then run: ceymail-token "
    "init";

std::string count_of(const std::string& schema, std::string_view table) {
    return "(SELECT COUNT(*) FROM " + quote_name(schema) + "." + quote_name(table) + ")";
}

// Two limits, because a wait for a lock ends with another error than a slow count.
std::string counting_sql(const std::string& schema, std::chrono::milliseconds longest) {
    const auto seconds = std::to_string(std::chrono::duration<double>(longest).count());
    return "SET STATEMENT lock_wait_timeout = 1, max_statement_time = " + seconds + " FOR SELECT " +
           count_of(schema, "virtual_domains") + ", " + count_of(schema, "virtual_users") + ", " +
           count_of(schema, "virtual_aliases");
}

util::Result<AccountCounts> to_counts(const std::vector<Row>& rows) {
    AccountCounts counts;
    const Row row = rows.empty() ? Row(3) : rows.front();
    CEYMAIL_TRY_ASSIGN(counts.domains, to_number(row[0], k_counting));
    CEYMAIL_TRY_ASSIGN(counts.mailboxes, to_number(row[1], k_counting));
    CEYMAIL_TRY_ASSIGN(counts.aliases, to_number(row[2], k_counting));
    return counts;
}

}  // namespace

AccountCounter::AccountCounter(Address address, const std::string& mail_schema, std::chrono::milliseconds longest)
    // A server that is configured for causal reads would let the count wait for the cluster.
    : m_connection(std::make_unique<Connection>(with_reads(std::move(address), Reads::local))),
      m_select(*m_connection, counting_sql(mail_schema, longest), k_counting) {}

void AccountCounter::prepare(util::BootTime deadline) { static_cast<void>(m_select.prepare(deadline)); }

util::Result<AccountCounts> AccountCounter::count(util::BootTime deadline) {
    auto outcome = with_one_reconnect(*m_connection, [&] { return m_select.run(deadline); });
    if (!outcome) return std::unexpected(with_remedy_for_missing(std::move(outcome.error()), k_remedy));
    return to_counts(outcome->rows);
}

}  // namespace ceymail::database
