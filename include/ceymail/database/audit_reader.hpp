// SPDX-License-Identifier: MIT
// AuditReader: what was last done to the metrics tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

// Texts are as the database has them: anybody who may write there chose them.
struct AuditEntry {
    std::uint64_t at = 0;  // seconds since 1970, UTC
    std::string action;    // "metrics_token.generate"
    std::string target;
    std::string detail;
    std::string address;  // empty: none was noted
};

// One thread; the connection must outlive it.
class AuditReader {
public:
    static constexpr std::size_t k_most = 10;

    AuditReader(Connection& connection, const std::string& dashboard_schema);
    AuditReader(AuditReader&&) noexcept;
    ~AuditReader();

    // The last k_most of the newest 100,000 rows of audit_logs, newest first: the table is the dashboard's, has no
    // index for this, and may hold years.
    [[nodiscard]] util::Result<std::vector<AuditEntry>> last(util::BootTime deadline);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::database
