// SPDX-License-Identifier: MIT
#include "ceymail/database/token_reader.hpp"

#include <algorithm>
#include <utility>

#include <mariadb/mysqld_error.h>

namespace ceymail::database {
namespace {

constexpr const char* k_reading = "reading the active token";
constexpr const char* k_noting = "noting the token's last use";

// The query was killed, or conflicted with another transaction. The session stays usable, so a second attempt is cheap.
bool is_transient(const util::Error& error) noexcept {
    const bool conflict = error.kind == util::ErrorKind::conflict && error.code != ER_LOCK_WAIT_TIMEOUT;
    return conflict || error.code == ER_QUERY_INTERRUPTED;
}

// The account may not read created_at, or a table of another tool has no such column.
bool lacks_creation_time(const util::Error& error) noexcept {
    return error.code == ER_COLUMNACCESS_DENIED_ERROR || error.code == ER_BAD_FIELD_ERROR;
}

// A Galera node outside of the primary component refuses a causal read within a millisecond.
constexpr auto k_quick_answer = std::chrono::milliseconds(500);

// A plain SELECT takes no row lock, so a conflict means that MariaDB cannot work now: the table is locked, other nodes
// of a cluster write to it, or this node could not apply in time what they wrote (1205 of a causal read). That which
// took long is a time-out, so that the circuit breaker limits how many sessions wait in the server. A failed attempt
// that exceeded the deadline, as Connector/C's own name look-up can, is a time-out too.
util::Error as_outage(util::Error error, util::BootTime began, util::BootTime deadline) noexcept {
    const bool late = error.kind == util::ErrorKind::unavailable && util::remaining_ms(deadline) == 0;
    const bool waited = error.code == ER_LOCK_WAIT_TIMEOUT && util::BootClock::now() - began >= k_quick_answer;
    if (late || waited) {
        error.kind = util::ErrorKind::timed_out;
    } else if (error.kind == util::ErrorKind::conflict) {
        error.kind = util::ErrorKind::unavailable;
    }
    return error;
}

// Returns: no value also for a column that holds no date.
std::optional<std::uint64_t> creation_time(const Row& row) {
    if (row.size() < 3) return std::nullopt;
    const auto seconds = to_number(row[2], k_reading);
    return seconds && *seconds != 0 ? std::optional(*seconds) : std::nullopt;
}

util::Result<std::optional<TokenRow>> to_token(const std::vector<Row>& rows) {
    if (rows.empty()) return std::nullopt;
    CEYMAIL_TRY_ASSIGN(const std::uint64_t id, to_number(rows.front()[0], k_reading));
    const Cell& digest = rows.front()[1];
    TokenRow token{id, {}, creation_time(rows.front())};
    if (!digest || digest->size() != token.digest.size())
        return util::fail(util::ErrorKind::internal,
                          "token_sha256 of the active row in metrics_tokens is not 32 bytes; make a new token with: "
                          "ceymail-token generate");
    std::ranges::copy(*digest, token.digest.begin());
    return token;
}

std::string select_active_sql(const std::string& columns, const std::string& dashboard_schema) {
    return "SELECT " + columns + " FROM " + quote_name(dashboard_schema) + ".metrics_tokens WHERE active = 1";
}

}  // namespace

TokenReader::TokenReader(Address address, const std::string& dashboard_schema)
    : m_uses(quote_name(dashboard_schema) + ".metrics_token_uses"),
      // Causal, since an answer that is older than a revocation on another node would accept a revoked token.
      m_connection(std::make_unique<Connection>(with_reads(std::move(address), Reads::causal))),
      m_select(*m_connection, select_active_sql("id, token_sha256, UNIX_TIMESTAMP(created_at)", dashboard_schema),
               k_reading),
      m_select_without_time(*m_connection, select_active_sql("id, token_sha256", dashboard_schema), k_reading),
      m_prepare_session(*m_connection, "SET SESSION innodb_lock_wait_timeout = 1, sql_safe_updates = 0", k_noting),
      // A row of metrics_token_uses has the server's own name as its key: a default that the account cannot choose. So
      // each node of a cluster writes a row of its own.
      m_update(*m_connection,
               "UPDATE " + m_uses + " SET token_id = ?, last_used_at = UTC_TIMESTAMP() WHERE host = @@hostname",
               k_noting),
      m_insert(*m_connection, "INSERT IGNORE INTO " + m_uses + " (token_id, last_used_at) VALUES (?, UTC_TIMESTAMP())",
               k_noting) {}

util::Result<Outcome> TokenReader::select_active(util::BootTime deadline) {
    const auto now = util::BootClock::now();
    if (now >= m_with_time_from) {
        auto outcome = m_select.run(deadline);
        if (outcome || !lacks_creation_time(outcome.error())) return outcome;
        m_with_time_from = now + k_until_asked_for_again;
    }
    return m_select_without_time.run(deadline);
}

util::Result<std::optional<TokenRow>> TokenReader::active(util::BootTime deadline) {
    const auto ask = [&] { return with_one_reconnect(*m_connection, [&] { return select_active(deadline); }); };
    const auto began = util::BootClock::now();
    auto outcome = ask();
    if (!outcome && is_transient(outcome.error())) outcome = ask();
    if (!outcome) return std::unexpected(as_outage(std::move(outcome.error()), began, deadline));
    return to_token(outcome->rows);
}

util::Result<void> TokenReader::touch(std::uint64_t id, util::BootTime deadline) {
    auto touched = with_one_reconnect(*m_connection, [&]() -> util::Result<void> {
        CEYMAIL_TRY(m_prepare_session.run(deadline));
        CEYMAIL_TRY_ASSIGN(const Outcome updated, m_update.run({id}, deadline));
        if (updated.changed != 0) return {};
        // There is no row yet, or it has the current second already.
        CEYMAIL_TRY(m_insert.run({id}, deadline));
        return {};
    });
    // Another host of a cluster, whose MariaDB has the same name, has noted the use at this moment.
    if (!touched && touched.error().code == ER_LOCK_DEADLOCK) return {};
    return touched;
}

util::Result<void> TokenReader::may_touch(util::BootTime deadline) {
    return with_one_reconnect(*m_connection, [&]() -> util::Result<void> {
        for (const auto& change_nothing :
             {"UPDATE " + m_uses +
                  " SET token_id = 0, last_used_at = UTC_TIMESTAMP() WHERE host = @@hostname AND FALSE",
              "INSERT INTO " + m_uses + " (token_id, last_used_at) SELECT 0, UTC_TIMESTAMP() FROM DUAL WHERE FALSE"})
            CEYMAIL_TRY(Statement(*m_connection, change_nothing, k_noting).run(deadline));
        return {};
    });
}

}  // namespace ceymail::database
