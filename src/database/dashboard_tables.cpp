// SPDX-License-Identifier: MIT
#include "ceymail/database/dashboard_tables.hpp"

#include "ceymail/database/server_error.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {

// The account may read these three columns and no password hash.
util::Result<std::optional<DashboardUser>> find_user(Connection& connection, const std::string& dashboard_schema,
                                                     std::uint64_t id, util::BootTime deadline) {
    constexpr const char* k_reading = "reading the user of a session";
    Statement select(connection,
                     "SELECT id, username, role FROM " + quote_name(dashboard_schema) + ".dashboard_users WHERE id = ?",
                     k_reading);
    auto outcome = select.run({id}, deadline);
    if (!outcome) {
        auto& error = outcome.error();
        if (error.kind == util::ErrorKind::denied)
            error.message += "; `ceymail-token init --settings` grants it while settings_session_secret is set";
        return std::unexpected(with_remedy_for_missing(
            std::move(error),
            "dashboard_users belongs to CeyMail's dashboard: install or upgrade that, or set database_dashboard to its "
            "database; then run: ceymail-token init --settings"));
    }
    if (outcome->rows.empty()) return std::nullopt;
    const Row& row = outcome->rows.front();
    CEYMAIL_TRY_ASSIGN(const std::uint64_t found, to_number(row[0], k_reading));
    return DashboardUser{found, row[1].value_or(""), row[2].value_or("")};
}

util::Result<std::vector<AuditEntry>> last_changes(Connection& connection, const std::string& dashboard_schema,
                                                   util::BootTime deadline) {
    constexpr const char* k_reading = "reading the last audit rows";
    const std::string table = quote_name(dashboard_schema) + ".audit_logs";
    Statement select(
        connection,
        "SELECT UNIX_TIMESTAMP(created_at), action, target, detail, ip_address FROM " + table +
            " WHERE action IN ('metrics_token.generate', 'metrics_token.adopt', 'metrics_token.revoke') AND id > "
            "(SELECT CAST(IFNULL(MAX(id), 0) AS SIGNED) - 100000 FROM " +
            table + ") ORDER BY id DESC LIMIT 10",
        k_reading);
    auto outcome = select.run(deadline);
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
