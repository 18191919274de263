// SPDX-License-Identifier: MIT
// UserReader: the users of the dashboard, from dashboard_users.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/statement.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

struct DashboardUser {
    std::uint64_t id = 0;
    std::string username;  // untrusted text
    std::string role;      // "admin" or "viewer"
};

// Requires: the connection outlives it.
// Threads: one.
class UserReader {
public:
    UserReader(Connection& connection, const std::string& dashboard_schema);

    // Returns: the user; no value where there is none of this id.
    // Errors: those of Connection. The message of denied and not_found has the remedy.
    [[nodiscard]] util::Result<std::optional<DashboardUser>> find(std::uint64_t id, util::BootTime deadline);

private:
    Statement m_select;
};

}  // namespace ceymail::database
