// SPDX-License-Identifier: MIT
#include "ceymail/database/token_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <mariadb/mysqld_error.h>

#include "ceymail/database/identifier.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr std::string_view k_reading = "reading the active token";
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
// that exceeded the deadline, as a name look-up can, is a time-out too.
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

// Reads causally: an answer that is older than a revocation on another node would accept a revoked token.
Address causal(Address address) {
    address.reads = Reads::causal;
    return address;
}

}  // namespace

struct TokenReader::State {
    // A row of metrics_token_uses has the server's own name as its key: a default that the account cannot choose. So
    // each node of a cluster writes a row of its own.
    State(Address address, const std::string& tokens, const std::string& uses)
        : connection(causal(std::move(address))),
          select(connection, "SELECT id, token_sha256, UNIX_TIMESTAMP(created_at) FROM " + tokens + " WHERE active = 1",
                 std::string(k_reading)),
          select_without_time(connection, "SELECT id, token_sha256 FROM " + tokens + " WHERE active = 1",
                              std::string(k_reading)),
          prepare_session(connection, "SET SESSION innodb_lock_wait_timeout = 1, sql_safe_updates = 0", k_noting),
          update(connection,
                 "UPDATE " + uses + " SET token_id = ?, last_used_at = UTC_TIMESTAMP() WHERE host = @@hostname",
                 k_noting),
          insert(connection, "INSERT IGNORE INTO " + uses + " (token_id, last_used_at) VALUES (?, UTC_TIMESTAMP())",
                 k_noting),
          update_nothing(
              connection,
              "UPDATE " + uses + " SET token_id = 0, last_used_at = UTC_TIMESTAMP() WHERE host = @@hostname AND FALSE",
              k_noting),
          insert_nothing(
              connection,
              "INSERT INTO " + uses + " (token_id, last_used_at) SELECT 0, UTC_TIMESTAMP() FROM DUAL WHERE FALSE",
              k_noting) {}

    util::Result<Outcome> select_active(util::BootTime deadline) {
        const auto now = util::BootClock::now();
        if (now >= with_time_from) {
            auto outcome = select.run(deadline);
            if (outcome || !lacks_creation_time(outcome.error())) return outcome;
            with_time_from = now + k_until_asked_for_again;
        }
        return select_without_time.run(deadline);
    }

    util::Result<void> touch(std::uint64_t id, util::BootTime deadline) {
        CEYMAIL_TRY(prepare_session.run(deadline));
        const std::array<Parameter, 1> parameters{id};
        CEYMAIL_TRY_ASSIGN(const Outcome updated, update.run(parameters, deadline));
        if (updated.changed != 0) return {};
        // There is no row yet, or it has the current second already.
        CEYMAIL_TRY(insert.run(parameters, deadline));
        return {};
    }

    util::Result<void> may_touch(util::BootTime deadline) {
        CEYMAIL_TRY(update_nothing.run(deadline));
        CEYMAIL_TRY(insert_nothing.run(deadline));
        return {};
    }

    Connection connection;  // before the statements, which refer to it
    Statement select;
    Statement select_without_time;
    util::BootTime with_time_from{};  // until then select_without_time
    Statement prepare_session;
    Statement update;
    Statement insert;
    Statement update_nothing;
    Statement insert_nothing;
};

TokenReader::TokenReader(Address address, const std::string& dashboard_schema)
    : m_state(std::make_unique<State>(std::move(address), quote_name(dashboard_schema) + ".metrics_tokens",
                                      quote_name(dashboard_schema) + ".metrics_token_uses")) {}
TokenReader::TokenReader(TokenReader&&) noexcept = default;
TokenReader::~TokenReader() = default;

util::Result<std::optional<TokenRow>> TokenReader::active(util::BootTime deadline) {
    const auto ask = [&] {
        return with_one_reconnect(m_state->connection, [&] { return m_state->select_active(deadline); });
    };
    const auto began = util::BootClock::now();
    auto outcome = ask();
    if (!outcome && is_transient(outcome.error())) outcome = ask();
    if (!outcome) return std::unexpected(as_outage(std::move(outcome.error()), began, deadline));
    return to_token(outcome->rows);
}

util::Result<void> TokenReader::touch(std::uint64_t id, util::BootTime deadline) {
    auto touched = with_one_reconnect(m_state->connection, [&] { return m_state->touch(id, deadline); });
    // Another host of a cluster, whose MariaDB has the same name, has noted the use at this moment.
    if (!touched && touched.error().code == ER_LOCK_DEADLOCK) return {};
    return touched;
}

util::Result<void> TokenReader::may_touch(util::BootTime deadline) {
    return with_one_reconnect(m_state->connection, [&] { return m_state->may_touch(deadline); });
}

}  // namespace ceymail::database
