// SPDX-License-Identifier: MIT
#include "ceymail/database/token_schema.hpp"

#include <array>

#include "ceymail/database/statement.hpp"

namespace ceymail::database {

util::Result<TokenSchema> look_for_token_schema(Connection& administrator, const std::string& dashboard_schema,
                                                util::BootTime deadline) {
    constexpr const char* k_doing = "looking for the token's table";
    Statement statement(administrator,
                        "SELECT COUNT(*), COALESCE(SUM(TABLE_NAME = 'metrics_tokens'), 0), "
                        "COALESCE(SUM(CREATE_TIME > NOW() - INTERVAL 60 SECOND), 0) "
                        "FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?",
                        k_doing);
    const std::array<Parameter, 1> schema{dashboard_schema};
    CEYMAIL_TRY_ASSIGN(const auto outcome, statement.run(schema, deadline));
    std::array<std::uint64_t, 3> counts{};
    for (std::size_t i = 0; i < counts.size(); ++i) {
        CEYMAIL_TRY_ASSIGN(counts[i], to_number(outcome.rows.at(0).at(i), k_doing));
    }
    const auto [tables, token_tables, young] = counts;
    if (token_tables != 0) return TokenSchema::present;
    if (tables == 0) return TokenSchema::no_tables;
    return young != 0 ? TokenSchema::unsettled : TokenSchema::missing;
}

}  // namespace ceymail::database
