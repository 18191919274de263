// SPDX-License-Identifier: MIT
// TokenRegistry: what an administrator may do with metrics_tokens: replace, revoke, look. Never used by a worker.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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

    TokenRegistry(Connection& connection, const std::string& dashboard_schema);
    TokenRegistry(TokenRegistry&&) noexcept;
    ~TokenRegistry();

    // Makes `digest` the one active token. `by`: who does it, for people.
    [[nodiscard]] util::Result<Replacement> replace(const util::Digest& digest, const std::string& by,
                                                    const LastStep& last_step, util::BootTime deadline);

    // Revokes the active token and returns its id; no value where none was active.
    [[nodiscard]] util::Result<std::optional<std::uint64_t>> revoke(const std::string& by, const LastStep& last_step,
                                                                    util::BootTime deadline);

    // The active token.
    [[nodiscard]] util::Result<std::optional<TokenStatus>> status(util::BootTime deadline);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::database
