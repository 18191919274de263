// SPDX-License-Identifier: MIT
// AuditReader: one statement on audit_logs.
#include "ceymail/database/audit_reader.hpp"

#include "ceymail/database/identifier.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr const char* k_reading = "reading the last audit rows";

}  // namespace

struct AuditReader::State {
    State(Connection& connection, const std::string& table)
        : look(connection,
               "SELECT UNIX_TIMESTAMP(created_at), action, target, detail, ip_address FROM " + table +
                   " WHERE action IN ('metrics_token.generate', 'metrics_token.revoke') AND id > (SELECT "
                   "CAST(IFNULL(MAX(id), 0) AS SIGNED) - 100000 FROM " +
                   table + ") ORDER BY id DESC LIMIT " + std::to_string(k_most),
               k_reading) {}

    Statement look;
};

AuditReader::AuditReader(Connection& connection, const std::string& dashboard_schema)
    : m_state(std::make_unique<State>(connection, quote_name(dashboard_schema) + ".audit_logs")) {}
AuditReader::AuditReader(AuditReader&&) noexcept = default;
AuditReader::~AuditReader() = default;

util::Result<std::vector<AuditEntry>> AuditReader::last(util::BootTime deadline) {
    const auto outcome = m_state->look.run(deadline);
    if (!outcome) return std::unexpected(outcome.error());
    std::vector<AuditEntry> entries;
    for (const Row& row : outcome->rows) {
        const auto at = to_number(row[0], k_reading);
        if (!at) return std::unexpected(at.error());
        entries.push_back({*at, row[1].value_or(""), row[2].value_or(""), row[3].value_or(""), row[4].value_or("")});
    }
    return entries;
}

}  // namespace ceymail::database
