// SPDX-License-Identifier: MIT
// UserReader: one statement on dashboard_users. The account may read these three columns and no password hash.
#include "ceymail/database/user_reader.hpp"

#include "ceymail/database/identifier.hpp"
#include "ceymail/database/server_error.hpp"

namespace ceymail::database {
namespace {

constexpr const char* k_reading = "reading the user of a session";

}  // namespace

UserReader::UserReader(Connection& connection, const std::string& dashboard_schema)
    : m_select(connection,
               "SELECT id, username, role FROM " + quote_name(dashboard_schema) + ".dashboard_users WHERE id = ?",
               k_reading) {}

util::Result<std::optional<DashboardUser>> UserReader::find(std::uint64_t id, util::BootTime deadline) {
    auto outcome = m_select.run({id}, deadline);
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

}  // namespace ceymail::database
