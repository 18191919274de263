// SPDX-License-Identifier: MIT
#include "ceymail/database/token_registry.hpp"

#include <array>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include <mariadb/mysqld_error.h>

#include "ceymail/database/identifier.hpp"
#include "ceymail/database/server_error.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr int k_lock_wait_timeout = 1205;  // ER_LOCK_WAIT_TIMEOUT
constexpr int k_longest_lock_wait_seconds = 5;

// InnoDB admits two transactions to the gap of the missing active row, and ends one of them with 1213. After a random
// pause the other has finished.
void pause_randomly() { std::this_thread::sleep_for(std::chrono::milliseconds(1 + std::random_device{}() % 30)); }
constexpr const char* k_reading_active = "looking at the active token";

constexpr std::uint64_t k_none = 0;  // ids begin at 1

std::unexpected<util::Error> superseded() {
    return util::fail(util::ErrorKind::conflict, "another token is active than was seen; nothing was changed",
                      k_superseded);
}

std::unexpected<util::Error> revoked_before(std::uint64_t id) {
    return util::fail(util::ErrorKind::denied,
                      "this is the SHA-256 of token " + std::to_string(id) +
                          ", which was revoked here; nothing was changed. Make another: ceymail-token generate "
                          "--detached. To make this one valid again, use --force",
                      k_revoked_before);
}

std::string_view bytes_of(const util::Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

constexpr const char* k_audit_remedy =
    "audit_logs belongs to CeyMail's dashboard: install or upgrade that first, or set database_dashboard to its "
    "database; nothing was changed";

// A change needs its audit row, and the dashboard creates that table. `ceymail-token init` does not.
util::Error explain_audit(util::Error error) {
    if (error.kind == util::ErrorKind::internal) error.message.append("; ").append(k_audit_remedy);
    return with_remedy_for_missing(std::move(error), k_audit_remedy);
}

util::Result<std::optional<std::uint64_t>> to_optional_number(const Cell& cell) {
    if (!cell) return std::nullopt;
    return to_number(cell, k_reading_active);
}

}  // namespace

struct TokenRegistry::State {
    State(Connection& administrator, const std::string& schema, std::string workers_account)
        : connection(administrator),
          lock(connection, "SELECT id FROM " + tokens(schema) + " WHERE active = 1 FOR UPDATE", k_reading_active),
          revoke(connection, "UPDATE " + tokens(schema) + " SET revoked_at = UTC_TIMESTAMP() WHERE id = ?",
                 "revoking the active token"),
          insert(connection,
                 "INSERT INTO " + tokens(schema) +
                     " (token_sha256, created_at, created_by) VALUES (?, UTC_TIMESTAMP(), ?)",
                 "storing the new token"),
          audit(connection,
                "INSERT INTO " + quote_name(schema) +
                    ".audit_logs (user_id, action, target, detail, ip_address, created_at)"
                    " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP())",
                "writing the audit row"),
          look(connection,
               "SELECT id, UNIX_TIMESTAMP(created_at), created_by, UNIX_TIMESTAMP(GREATEST("
               "COALESCE(last_used_at, newest), COALESCE(newest, last_used_at))) FROM (SELECT id, created_at, "
               "created_by, last_used_at, (SELECT MAX(u.last_used_at) FROM " +
                   quote_name(schema) + ".metrics_token_uses u WHERE u.token_id = t.id) newest FROM " + tokens(schema) +
                   " t WHERE active = 1) shown",
               k_reading_active),
          compare(connection, "SELECT id, token_sha256 = ? FROM " + tokens(schema) + " WHERE active = 1 FOR UPDATE",
                  k_reading_active),
          known(connection, "SELECT id FROM " + tokens(schema) + " WHERE token_sha256 = ? AND active IS NULL LIMIT 1",
                "looking for the digest"),
          name(connection, "SELECT LOWER(HEX(LEFT(token_sha256, 4))) FROM " + tokens(schema) + " WHERE id = ?",
               k_reading_active),
          workers(std::move(workers_account)) {}

    static std::string tokens(const std::string& schema) { return quote_name(schema) + ".metrics_tokens"; }

    // Runs `work` in a transaction. After a conflict it tries again until the deadline.
    template <class Value, class Work>
    util::Result<Value> transact(const LastStep& last_step, util::BootTime deadline, Work work) {
        CEYMAIL_TRY(connection.execute("SET SESSION innodb_lock_wait_timeout = 1", deadline));
        for (int waits = 0;;) {
            auto result = attempt_once<Value>(last_step, deadline, work);
            // Only a conflict in the database, which has a code: a failed last step is not repeated.
            const bool conflict =
                !result && result.error().kind == util::ErrorKind::conflict && result.error().code != 0;
            if (!conflict || result.error().code == k_superseded || util::remaining_ms(deadline) == 0) return result;
            if (result.error().code == k_lock_wait_timeout) {
                if (++waits == k_longest_lock_wait_seconds) return result;
                end_sessions_of_workers(deadline);
            } else {
                pause_randomly();
            }
        }
    }

    // Only a compromised worker holds a lock on this table. The end of its session releases the lock. Its next session
    // gets a lock only after this one.
    void end_sessions_of_workers(util::BootTime deadline) {
        if (!workers.empty()) (void)connection.execute("KILL USER " + quote_text(workers), deadline);
    }

    template <class Value, class Work>
    util::Result<Value> attempt_once(const LastStep& last_step, util::BootTime deadline, Work& work) {
        CEYMAIL_TRY(connection.execute("START TRANSACTION", deadline));
        util::Result<Value> value = work();
        if (value)
            if (auto last = last_step(); !last) value = std::unexpected(std::move(last.error()));
        if (!value) {
            if (!connection.execute("ROLLBACK", deadline)) connection.close();  // which rolls back too
            return value;
        }
        // model: revoke/commit
        if (auto committed = connection.execute("COMMIT", deadline); !committed) {
            auto& error = committed.error();
            if (error.kind != util::ErrorKind::conflict) {  // after a conflict the transaction was rolled back
                error.code = k_in_doubt;
                error.message += "; whether the change was made is not known: see `ceymail-token status`";
            }
            return std::unexpected(std::move(error));
        }
        return value;
    }

    util::Result<std::optional<std::uint64_t>> revoke_active(Expected expected, util::BootTime deadline);
    util::Result<std::uint64_t> store(const util::Digest& digest, const std::string& by, util::BootTime deadline);
    util::Result<Adoption> adopt(const util::Digest& digest, OfRevokedToken of_revoked, const Actor& by,
                                 util::BootTime deadline);
    util::Result<void> write_audit_row(std::string_view action, std::uint64_t id, const std::string& detail,
                                       const Actor& by, util::BootTime deadline);

    Connection& connection;
    Statement lock;
    Statement revoke;
    Statement insert;
    Statement audit;
    Statement look;
    Statement compare;
    Statement known;
    Statement name;
    std::string workers;
};

util::Result<std::optional<std::uint64_t>> TokenRegistry::State::revoke_active(Expected expected,
                                                                               util::BootTime deadline) {
    CEYMAIL_TRY_ASSIGN(const Outcome locked, lock.run(deadline));
    std::uint64_t id = k_none;
    if (!locked.rows.empty()) {
        CEYMAIL_TRY_ASSIGN(id, to_number(locked.rows.front()[0], k_reading_active));
    }
    if (expected && *expected != id) return superseded();
    if (id == k_none) return std::nullopt;
    const std::array<Parameter, 1> parameters{id};
    CEYMAIL_TRY(revoke.run(parameters, deadline));
    return id;
}

util::Result<std::uint64_t> TokenRegistry::State::store(const util::Digest& digest, const std::string& by,
                                                        util::BootTime deadline) {
    const std::array<Parameter, 2> parameters{bytes_of(digest), std::string_view(by)};
    CEYMAIL_TRY_ASSIGN(const Outcome stored, insert.run(parameters, deadline));
    return stored.inserted_id;
}

// The active row is compared by the read that locks it: a snapshot may be older. *Seen* on Galera: a digest was stored
// twice by two hosts at one moment.
util::Result<Adoption> TokenRegistry::State::adopt(const util::Digest& digest, OfRevokedToken of_revoked,
                                                   const Actor& by, util::BootTime deadline) {
    const std::array<Parameter, 1> parameters{bytes_of(digest)};
    CEYMAIL_TRY_ASSIGN(const Outcome active, compare.run(parameters, deadline));
    std::optional<std::uint64_t> seen;
    if (!active.rows.empty()) {
        CEYMAIL_TRY_ASSIGN(seen, to_number(active.rows.front()[0], k_reading_active));
        if (active.rows.front()[1] == "1") return Adoption{.id = *seen, .was_active = true, .replaced = {}};
    }
    CEYMAIL_TRY_ASSIGN(const Outcome revoked, known.run(parameters, deadline));
    if (!revoked.rows.empty() && of_revoked == OfRevokedToken::refuse) {
        CEYMAIL_TRY_ASSIGN(const auto id, to_number(revoked.rows.front()[0], k_reading_active));
        return revoked_before(id);
    }
    CEYMAIL_TRY_ASSIGN(const auto replaced, revoke_active(seen.value_or(k_none), deadline));
    CEYMAIL_TRY_ASSIGN(const auto id, store(digest, by.name, deadline));
    const std::string detail =
        "adopted by " + by.name + (replaced ? ", replaces token " + std::to_string(*replaced) : std::string());
    CEYMAIL_TRY(write_audit_row("metrics_token.adopt", id, detail, by, deadline));
    return Adoption{.id = id, .was_active = false, .replaced = replaced};
}

util::Result<void> TokenRegistry::State::write_audit_row(std::string_view action, std::uint64_t id,
                                                         const std::string& detail, const Actor& by,
                                                         util::BootTime deadline) {
    const std::string target = "metrics_tokens/" + std::to_string(id);
    const auto address = by.address.empty() ? Parameter(nullptr) : Parameter(std::string_view(by.address));
    const auto user = by.user_id ? Parameter(*by.user_id) : Parameter(nullptr);
    const std::array<Parameter, 5> parameters{user, action, std::string_view(target), std::string_view(detail),
                                              address};
    if (const auto noted = audit.run(parameters, deadline); !noted)
        return std::unexpected(explain_audit(noted.error()));
    return {};
}

TokenRegistry::TokenRegistry(Connection& connection, const std::string& dashboard_schema, std::string workers)
    : m_state(std::make_unique<State>(connection, dashboard_schema, std::move(workers))) {}
TokenRegistry::~TokenRegistry() = default;

util::Result<Replacement> TokenRegistry::replace(const util::Digest& digest, const Actor& by, const LastStep& last_step,
                                                 util::BootTime deadline, Expected expected) {
    const auto work = [&]() -> util::Result<Replacement> {
        CEYMAIL_TRY_ASSIGN(const auto replaced, m_state->revoke_active(expected, deadline));
        CEYMAIL_TRY_ASSIGN(const auto id, m_state->store(digest, by.name, deadline));
        const std::string detail =
            "made by " + by.name + (replaced ? ", replaces token " + std::to_string(*replaced) : std::string());
        CEYMAIL_TRY(m_state->write_audit_row("metrics_token.generate", id, detail, by, deadline));
        return Replacement{id, replaced};
    };
    return m_state->transact<Replacement>(last_step, deadline, work);
}

util::Result<Adoption> TokenRegistry::adopt(const util::Digest& digest, OfRevokedToken of_revoked, const Actor& by,
                                            const LastStep& last_step, util::BootTime deadline) {
    bool changed = false;
    const auto work = [&]() -> util::Result<Adoption> {
        auto adopted = m_state->adopt(digest, of_revoked, by, deadline);
        changed = adopted && !adopted->was_active;
        // Another token became active between two reads: here that is a conflict as any other.
        if (!adopted && adopted.error().code == k_superseded) adopted.error().code = ER_LOCK_DEADLOCK;
        return adopted;
    };
    const auto last_of_change = [&] { return changed ? last_step() : util::Result<void>{}; };
    return m_state->transact<Adoption>(last_of_change, deadline, work);
}

util::Result<std::optional<std::uint64_t>> TokenRegistry::revoke(const Actor& by, const LastStep& last_step,
                                                                 util::BootTime deadline, Expected expected) {
    using Revoked = std::optional<std::uint64_t>;
    const auto work = [&]() -> util::Result<Revoked> {
        CEYMAIL_TRY_ASSIGN(const Revoked id, m_state->revoke_active(expected, deadline));
        if (id)
            CEYMAIL_TRY(m_state->write_audit_row("metrics_token.revoke", *id, "revoked by " + by.name, by, deadline));
        return id;
    };
    return m_state->transact<Revoked>(last_step, deadline, work);
}

util::Result<std::optional<TokenStatus>> TokenRegistry::status(util::BootTime deadline) {
    CEYMAIL_TRY_ASSIGN(const Outcome outcome,
                       with_one_reconnect(m_state->connection, [&] { return m_state->look.run(deadline); }));
    if (outcome.rows.empty()) return std::nullopt;
    const Row& row = outcome.rows.front();
    CEYMAIL_TRY_ASSIGN(const auto id, to_number(row[0], k_reading_active));
    CEYMAIL_TRY_ASSIGN(const auto created_at, to_number(row[1], k_reading_active));
    CEYMAIL_TRY_ASSIGN(const auto last_used_at, to_optional_number(row[3]));
    return TokenStatus{id, created_at, row[2], last_used_at};
}

util::Result<std::string> TokenRegistry::short_digest(std::uint64_t id, util::BootTime deadline) {
    const std::array<Parameter, 1> parameters{id};
    CEYMAIL_TRY_ASSIGN(const Outcome outcome, m_state->name.run(parameters, deadline));
    return outcome.rows.empty() ? std::string() : outcome.rows.front()[0].value_or("");
}

}  // namespace ceymail::database
