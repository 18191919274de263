// SPDX-License-Identifier: MIT
// AuditReader: one statement on audit_logs.
#include "ceymail/database/audit_reader.hpp"

#include "ceymail/database/identifier.hpp"
#include "ceymail/database/server_error.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr const char* k_reading = "reading the last audit rows";

std::string select_of(const std::string& table) {
    return "SELECT UNIX_TIMESTAMP(created_at), action, target, detail, ip_address FROM " + table +
           " WHERE action IN ('metrics_token.generate', 'metrics_token.adopt', 'metrics_token.revoke') AND id > "
           "(SELECT "
           "CAST(IFNULL(MAX(id), 0) AS SIGNED) - 100000 FROM " +
           table + ") ORDER BY id DESC LIMIT " + std::to_string(AuditReader::k_most);
}

}  // namespace

AuditReader::AuditReader(Connection& connection, const std::string& dashboard_schema)
    : m_select(connection, select_of(quote_name(dashboard_schema) + ".audit_logs"), k_reading) {}

util::Result<std::vector<AuditEntry>> AuditReader::last(util::BootTime deadline) {
    auto outcome = m_select.run(deadline);
    if (!outcome)
        return std::unexpected(with_remedy_for_missing(
            std::move(outcome.error()), "audit_logs belongs to CeyMail's dashboard: install or upgrade that"));
    std::vector<AuditEntry> entries;
    for (const Row& row : outcome->rows) {
        CEYMAIL_TRY_ASSIGN(const std::uint64_t at, to_number(row[0], k_reading));
        entries.push_back({at, row[1].value_or(""), row[2].value_or(""), row[3].value_or(""), row[4].value_or("")});
    }
    return entries;
}

}  // namespace ceymail::database
