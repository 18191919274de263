// SPDX-License-Identifier: MIT
// AuditReader: the last changes of the metrics tokens, from audit_logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/statement.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

// Security: the texts are untrusted. Any account that may write to audit_logs may have written them.
struct AuditEntry {
    std::uint64_t at = 0;  // seconds since 1970, UTC
    std::string action;    // "metrics_token.generate"
    std::string target;
    std::string detail;
    std::string address;  // may be empty
};

// Requires: the connection outlives it.
// Threads: one.
class AuditReader {
public:
    static constexpr std::size_t k_most = 10;

    AuditReader(Connection& connection, const std::string& dashboard_schema);

    // Returns: the last k_most changes, newest first, out of the newest 100,000 rows. The table belongs to the
    // dashboard, has no index for this query, and may be large.
    // Errors: those of Connection.
    [[nodiscard]] util::Result<std::vector<AuditEntry>> last(util::BootTime deadline);

private:
    Statement m_select;
};

}  // namespace ceymail::database
