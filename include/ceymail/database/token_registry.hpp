// SPDX-License-Identifier: MIT
// TokenRegistry: an administrator's access to metrics_tokens: replace, revoke, show. Workers do not use it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::database {

struct TokenStatus {
    std::uint64_t id = 0;
    std::uint64_t created_at = 0;  // seconds since 1970, UTC
    std::optional<std::string> created_by;
    std::optional<std::uint64_t> last_used_at;  // as created_at
};

// The author of a change: a name for display, the address of a web client, empty for a terminal, and the id of a user
// of the dashboard.
struct Actor {
    Actor(std::string author) : name(std::move(author)) {}  // NOLINT: implicit by intent
    Actor(std::string author, std::string client, std::optional<std::uint64_t> dashboard_user = {})
        : name(std::move(author)), address(std::move(client)), user_id(dashboard_user) {}

    std::string name;
    std::string address{};                   // at most 45 characters
    std::optional<std::uint64_t> user_id{};  // in dashboard_users
};

// The id of the token that must be active for a change; 0: no token is active. So an administrator does not undo
// another one's change unseen. No value: any.
using Expected = std::optional<std::uint64_t>;

// Error::code where another token is active. The kind is conflict, and nothing was changed.
inline constexpr int k_superseded = -1;

// Error::code where the answer to COMMIT was lost or was unclear: the change was made, or it was not.
inline constexpr int k_in_doubt = -2;

struct Replacement {
    std::uint64_t id = 0;
    std::optional<std::uint64_t> replaced;  // the revoked token
};

// Error::code where a digest is one of a token that was revoked here. The kind is denied, and nothing was changed.
inline constexpr int k_revoked_before = -3;

enum class OfRevokedToken { refuse, accept };

struct Adoption {
    std::uint64_t id = 0;
    bool was_active = false;                // nothing was changed
    std::optional<std::uint64_t> replaced;  // the revoked token
};

// Each change and its row in audit_logs are one transaction. After a conflict with another change it is tried again
// until the deadline.
// Errors: those of Connection, k_superseded, k_in_doubt.
// Requires: the connection outlives it.
// Threads: one.
class TokenRegistry {
public:
    // Called right before COMMIT, once in each attempt. Its error rolls the transaction back.
    using LastStep = std::function<util::Result<void>()>;

    // `workers`: the workers' account. When a row is locked for more than 1 s, the sessions of this account are ended;
    // its workers reconnect. Needs CONNECTION ADMIN. Empty: no session is ended.
    // Security: the right to read a row suffices to lock it, so a compromised worker could delay a revocation.
    TokenRegistry(Connection& connection, const std::string& dashboard_schema, std::string workers = {});

    // Makes `digest` the active token.
    [[nodiscard]] util::Result<Replacement> replace(const util::Digest& digest, const Actor& by,
                                                    const LastStep& last_step, util::BootTime deadline,
                                                    Expected expected = {});

    // Makes `digest`, of a token that was made elsewhere, the active one, unless it is the active one already.
    // `last_step` is called only before a change.
    // Errors: also k_revoked_before.
    // Requires: an administrator's account, which may read digests.
    [[nodiscard]] util::Result<Adoption> adopt(const util::Digest& digest, OfRevokedToken of_revoked, const Actor& by,
                                               const LastStep& last_step, util::BootTime deadline);

    // Revokes the active token.
    // Returns: its id; no value where none was active.
    [[nodiscard]] util::Result<std::optional<std::uint64_t>> revoke(const Actor& by, const LastStep& last_step,
                                                                    util::BootTime deadline, Expected expected = {});

    // Returns: the active token; no value where there is none.
    [[nodiscard]] util::Result<std::optional<TokenStatus>> status(util::BootTime deadline);

    // Returns: the first 8 hexadecimal digits of the token's SHA-256, which name it on all hosts that have it.
    // Requires: an administrator's account, which may read digests.
    [[nodiscard]] util::Result<std::string> short_digest(std::uint64_t id, util::BootTime deadline);

private:
    struct Making {
        std::string_view action;  // of the audit row
        std::string_view verb;    // of its detail
    };

    template <class Work>
    [[nodiscard]] std::invoke_result_t<Work&> transact(const LastStep& last_step, util::BootTime deadline, Work work);
    template <class Work>
    [[nodiscard]] std::invoke_result_t<Work&> attempt_once(const LastStep& last_step, util::BootTime deadline,
                                                           Work& work);
    [[nodiscard]] util::Result<std::optional<std::uint64_t>> revoke_active(Expected expected, util::BootTime deadline);
    [[nodiscard]] util::Result<Replacement> make_active(const util::Digest& digest, const Making& making,
                                                        const Actor& by, Expected expected, util::BootTime deadline);
    [[nodiscard]] util::Result<void> write_audit_row(std::string_view action, std::uint64_t id,
                                                     const std::string& detail, const Actor& by,
                                                     util::BootTime deadline);

    Connection& m_connection;
    std::string m_tokens, m_uses, m_audit;  // the quoted names of the tables
    std::string m_workers;
};

}  // namespace ceymail::database
