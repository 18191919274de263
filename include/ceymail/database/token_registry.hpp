// SPDX-License-Identifier: MIT
// TokenRegistry: what an administrator may do with metrics_tokens: replace, revoke, look. Never used by a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
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
    std::optional<std::uint64_t> last_used_at;  // likewise
};

// Who changes something: a name for people, and the client's address where there is one (a page, not a terminal).
struct Actor {
    Actor(std::string who) : name(std::move(who)) {}  // NOLINT: a name alone is an actor
    Actor(std::string who, std::string from) : name(std::move(who)), address(std::move(from)) {}

    std::string name;
    std::string address{};  // at most 45 characters
};

// What must be the case for a change to be made, so that nobody undoes what he has not seen: the id of the active
// token, 0 for none. No value: whatever is the case.
using Expected = std::optional<std::uint64_t>;

// Error::code where it is not so; the kind is conflict, and nothing was changed.
inline constexpr int k_superseded = -1;

// Error::code where the answer to COMMIT was lost or was no plain refusal: the change was made, or it was not.
inline constexpr int k_in_doubt = -2;

struct Replacement {
    std::uint64_t id = 0;
    std::optional<std::uint64_t> replaced;  // the token that it revoked
};

// Each change is one transaction with its row in audit_logs: all of it or nothing. One that meets another change at
// the same time (conflict) is tried again while there is time. Where the answer to COMMIT is lost, the error says that
// nobody knows. One thread; the connection must outlive it.
class TokenRegistry {
public:
    // Done last before COMMIT, once an attempt; an error of its own rolls everything back.
    using LastStep = std::function<util::Result<void>()>;

    // `workers`: the account whose sessions a change ends where another session holds the row that it needs for more
    // than 1 s. The right to read the row is enough to lock it, so a worker that was taken over could delay its own
    // undoing. Empty: none is ended. Ending them takes CONNECTION ADMIN; a worker connects anew.
    TokenRegistry(Connection& connection, const std::string& dashboard_schema, std::string workers = {});
    TokenRegistry(TokenRegistry&&) noexcept;
    ~TokenRegistry();

    // Makes `digest` the one active token.
    [[nodiscard]] util::Result<Replacement> replace(const util::Digest& digest, const Actor& by,
                                                    const LastStep& last_step, util::BootTime deadline,
                                                    Expected expected = {});

    // Revokes the active token and returns its id; no value where none was active.
    [[nodiscard]] util::Result<std::optional<std::uint64_t>> revoke(const Actor& by, const LastStep& last_step,
                                                                    util::BootTime deadline, Expected expected = {});

    // The active token.
    [[nodiscard]] util::Result<std::optional<TokenStatus>> status(util::BootTime deadline);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::database
