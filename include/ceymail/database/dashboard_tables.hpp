// SPDX-License-Identifier: MIT
// What the settings page reads in tables of the dashboard: dashboard_users and audit_logs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

struct DashboardUser {
    std::uint64_t id = 0;
    std::string username;  // untrusted text
    std::string role;      // "admin" or "viewer"
};

// Returns: the user; no value where there is none of this id.
// Errors: those of Connection. The message of denied and not_found has the remedy.
[[nodiscard]] util::Result<std::optional<DashboardUser>> find_user(Connection& connection,
                                                                   const std::string& dashboard_schema,
                                                                   std::uint64_t id, util::BootTime deadline);

// Security: the texts are untrusted. Any account that may write to audit_logs may have written them.
struct AuditEntry {
    std::uint64_t at = 0;  // seconds since 1970, UTC
    std::string action;    // "metrics_token.generate"
    std::string target;
    std::string detail;
    std::string address;  // may be empty
};

// Returns: the last 10 changes of the metrics tokens, newest first, out of the newest 100,000 rows. The table belongs
// to the dashboard, has no index for this query, and may be large.
// Errors: those of Connection.
[[nodiscard]] util::Result<std::vector<AuditEntry>> last_changes(Connection& connection,
                                                                 const std::string& dashboard_schema,
                                                                 util::BootTime deadline);

}  // namespace ceymail::database
