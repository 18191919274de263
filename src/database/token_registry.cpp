// SPDX-License-Identifier: MIT
#include "ceymail/database/token_registry.hpp"

#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include <mariadb/mysqld_error.h>

#include "ceymail/database/server_error.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

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

}  // namespace

TokenRegistry::TokenRegistry(Connection& connection, const std::string& dashboard_schema, std::string workers)
    : m_connection(connection),
      m_tokens(quote_name(dashboard_schema) + ".metrics_tokens"),
      m_uses(quote_name(dashboard_schema) + ".metrics_token_uses"),
      m_audit(quote_name(dashboard_schema) + ".audit_logs"),
      m_workers(std::move(workers)) {}

// Runs `work` in a transaction. After a conflict it tries again until the deadline.
template <class Work>
std::invoke_result_t<Work&> TokenRegistry::transact(const LastStep& last_step, util::BootTime deadline, Work work) {
    CEYMAIL_TRY(m_connection.execute("SET SESSION innodb_lock_wait_timeout = 1", deadline));
    for (int waits = 0;;) {
        auto result = attempt_once(last_step, deadline, work);
        // Only a conflict in the database, which has a code: a failed last step is not repeated.
        const bool conflict = !result && result.error().kind == util::ErrorKind::conflict && result.error().code != 0;
        if (!conflict || result.error().code == k_superseded || util::remaining_ms(deadline) == 0) return result;
        if (result.error().code != ER_LOCK_WAIT_TIMEOUT) {
            pause_randomly();
            continue;
        }
        if (++waits == k_longest_lock_wait_seconds) return result;
        // Only a compromised worker holds a lock on this table. The end of its session releases the lock. Its next
        // session gets a lock only after this one.
        if (!m_workers.empty()) (void)m_connection.execute("KILL USER " + quote_text(m_workers), deadline);
    }
}

template <class Work>
std::invoke_result_t<Work&> TokenRegistry::attempt_once(const LastStep& last_step, util::BootTime deadline,
                                                        Work& work) {
    CEYMAIL_TRY(m_connection.execute("START TRANSACTION", deadline));
    auto value = work();
    if (value)
        if (auto last = last_step(); !last) value = std::unexpected(std::move(last.error()));
    if (!value) {
        if (!m_connection.execute("ROLLBACK", deadline)) m_connection.close();  // which rolls back too
        return value;
    }
    // model: revoke/commit
    if (auto committed = m_connection.execute("COMMIT", deadline); !committed) {
        auto& error = committed.error();
        if (error.kind != util::ErrorKind::conflict) {  // after a conflict the transaction was rolled back
            error.code = k_in_doubt;
            error.message += "; whether the change was made is not known: see `ceymail-token status`";
        }
        return std::unexpected(std::move(error));
    }
    return value;
}

util::Result<std::optional<std::uint64_t>> TokenRegistry::revoke_active(Expected expected, util::BootTime deadline) {
    Statement lock(m_connection, "SELECT id FROM " + m_tokens + " WHERE active = 1 FOR UPDATE", k_reading_active);
    CEYMAIL_TRY_ASSIGN(const Outcome locked, lock.run(deadline));
    std::uint64_t id = k_none;
    if (!locked.rows.empty()) {
        CEYMAIL_TRY_ASSIGN(id, to_number(locked.rows.front()[0], k_reading_active));
    }
    if (expected && *expected != id) return superseded();
    if (id == k_none) return std::nullopt;
    Statement revoke(m_connection, "UPDATE " + m_tokens + " SET revoked_at = UTC_TIMESTAMP() WHERE id = ?",
                     "revoking the active token");
    CEYMAIL_TRY(revoke.run({id}, deadline));
    return id;
}

util::Result<Replacement> TokenRegistry::make_active(const util::Digest& digest, const Making& making, const Actor& by,
                                                     Expected expected, util::BootTime deadline) {
    CEYMAIL_TRY_ASSIGN(const auto replaced, revoke_active(expected, deadline));
    Statement insert(
        m_connection,
        "INSERT INTO " + m_tokens + " (token_sha256, created_at, created_by) VALUES (?, UTC_TIMESTAMP(), ?)",
        "storing the new token");
    CEYMAIL_TRY_ASSIGN(const Outcome stored, insert.run({bytes_of(digest), by.name}, deadline));
    const std::string detail = std::string(making.verb) + " by " + by.name +
                               (replaced ? ", replaces token " + std::to_string(*replaced) : std::string());
    CEYMAIL_TRY(write_audit_row(making.action, stored.inserted_id, detail, by, deadline));
    return Replacement{stored.inserted_id, replaced};
}

util::Result<void> TokenRegistry::write_audit_row(std::string_view action, std::uint64_t id, const std::string& detail,
                                                  const Actor& by, util::BootTime deadline) {
    const std::string target = "metrics_tokens/" + std::to_string(id);
    const auto address = by.address.empty() ? Parameter(nullptr) : Parameter(std::string_view(by.address));
    const auto user = by.user_id ? Parameter(*by.user_id) : Parameter(nullptr);
    Statement audit(m_connection,
                    "INSERT INTO " + m_audit +
                        " (user_id, action, target, detail, ip_address, created_at)"
                        " VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP())",
                    "writing the audit row");
    if (const auto noted = audit.run({user, action, target, detail, address}, deadline); !noted)
        return std::unexpected(explain_audit(noted.error()));
    return {};
}

util::Result<Replacement> TokenRegistry::replace(const util::Digest& digest, const Actor& by, const LastStep& last_step,
                                                 util::BootTime deadline, Expected expected) {
    return transact(last_step, deadline,
                    [&] { return make_active(digest, {"metrics_token.generate", "made"}, by, expected, deadline); });
}

util::Result<Adoption> TokenRegistry::adopt(const util::Digest& digest, OfRevokedToken of_revoked, const Actor& by,
                                            const LastStep& last_step, util::BootTime deadline) {
    bool changed = false;
    const auto work = [&]() -> util::Result<Adoption> {
        changed = false;
        // The active row is compared by the read that locks it: a snapshot may be older. *Seen* on Galera: a digest was
        // stored twice by two hosts at one moment.
        Statement compare(m_connection, "SELECT id, token_sha256 = ? FROM " + m_tokens + " WHERE active = 1 FOR UPDATE",
                          k_reading_active);
        CEYMAIL_TRY_ASSIGN(const Outcome active, compare.run({bytes_of(digest)}, deadline));
        std::uint64_t seen = k_none;
        if (!active.rows.empty()) {
            CEYMAIL_TRY_ASSIGN(seen, to_number(active.rows.front()[0], k_reading_active));
            if (active.rows.front()[1] == "1") return Adoption{.id = seen, .was_active = true, .replaced = {}};
        }
        Statement known(m_connection,
                        "SELECT id FROM " + m_tokens + " WHERE token_sha256 = ? AND active IS NULL LIMIT 1",
                        "looking for the digest");
        CEYMAIL_TRY_ASSIGN(const Outcome revoked, known.run({bytes_of(digest)}, deadline));
        if (!revoked.rows.empty() && of_revoked == OfRevokedToken::refuse) {
            CEYMAIL_TRY_ASSIGN(const auto id, to_number(revoked.rows.front()[0], k_reading_active));
            return revoked_before(id);
        }
        auto made = make_active(digest, {"metrics_token.adopt", "adopted"}, by, seen, deadline);
        // Another token became active between two reads: here that is a conflict as any other.
        if (!made && made.error().code == k_superseded) made.error().code = ER_LOCK_DEADLOCK;
        if (!made) return std::unexpected(std::move(made.error()));
        changed = true;
        return Adoption{.id = made->id, .was_active = false, .replaced = made->replaced};
    };
    const auto last_of_change = [&] { return changed ? last_step() : util::Result<void>{}; };
    return transact(last_of_change, deadline, work);
}

util::Result<std::optional<std::uint64_t>> TokenRegistry::revoke(const Actor& by, const LastStep& last_step,
                                                                 util::BootTime deadline, Expected expected) {
    return transact(last_step, deadline, [&]() -> util::Result<std::optional<std::uint64_t>> {
        auto id = revoke_active(expected, deadline);
        if (id && *id)
            CEYMAIL_TRY(write_audit_row("metrics_token.revoke", **id, "revoked by " + by.name, by, deadline));
        return id;
    });
}

util::Result<std::optional<TokenStatus>> TokenRegistry::status(util::BootTime deadline) {
    Statement look(m_connection,
                   "SELECT id, UNIX_TIMESTAMP(created_at), created_by, UNIX_TIMESTAMP(GREATEST("
                   "COALESCE(last_used_at, newest), COALESCE(newest, last_used_at))) FROM (SELECT id, created_at, "
                   "created_by, last_used_at, (SELECT MAX(u.last_used_at) FROM " +
                       m_uses + " u WHERE u.token_id = t.id) newest FROM " + m_tokens + " t WHERE active = 1) shown",
                   k_reading_active);
    CEYMAIL_TRY_ASSIGN(const Outcome outcome, with_one_reconnect(m_connection, [&] { return look.run(deadline); }));
    if (outcome.rows.empty()) return std::nullopt;
    const Row& row = outcome.rows.front();
    CEYMAIL_TRY_ASSIGN(const auto id, to_number(row[0], k_reading_active));
    CEYMAIL_TRY_ASSIGN(const auto created_at, to_number(row[1], k_reading_active));
    TokenStatus status{.id = id, .created_at = created_at, .created_by = row[2], .last_used_at = {}};
    if (row[3]) {
        CEYMAIL_TRY_ASSIGN(status.last_used_at, to_number(row[3], k_reading_active));
    }
    return status;
}

util::Result<std::string> TokenRegistry::short_digest(std::uint64_t id, util::BootTime deadline) {
    Statement begin(m_connection, "SELECT LOWER(HEX(LEFT(token_sha256, 4))) FROM " + m_tokens + " WHERE id = ?",
                    k_reading_active);
    CEYMAIL_TRY_ASSIGN(const Outcome outcome, begin.run({id}, deadline));
    return outcome.rows.empty() ? std::string() : outcome.rows.front()[0].value_or("");
}

}  // namespace ceymail::database
