// SPDX-License-Identifier: MIT
// TokenCheck: decides whether a token is the active one, by the database or, during an outage, by the grace.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "ceymail/admission/circuit_breaker.hpp"
#include "ceymail/admission/verified_token.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

struct ActiveToken {
    std::uint64_t id = 0;
    util::Digest digest{};
    std::optional<std::uint64_t> created_at{};  // seconds since 1970, UTC; no value: not known
};

// Reads the active token from the database.
// Returns: the token; no value where none is active.
// Errors: unavailable or timed_out: the database cannot work now. Any other kind: the database answered, and an
// administrator must repair something.
using ActiveTokenSource = std::function<util::Result<std::optional<ActiveToken>>(util::BootTime deadline)>;

enum class TokenStanding {
    valid,        // confirmed by the database
    valid_stale,  // the database cannot work now, and it confirmed the token within the grace
    wrong,        // denied by the database
    unknown,      // neither the database nor the grace can decide
};

struct TokenVerdict {
    TokenStanding standing = TokenStanding::unknown;
    std::uint64_t token_id = 0;                   // with valid
    std::optional<std::uint64_t> created_at{};    // with valid, as in ActiveToken
    std::optional<util::Error> database_error{};  // with valid_stale and unknown
};

struct TokenDeadlines {
    util::BootTime wanted;  // from the client's own time-out
    util::BootTime latest;  // for a client whose own time-out does not count
};

// Processes: one instance per worker.
// Threads: one.
class TokenCheck {
public:
    TokenCheck(VerifiedToken verified, CircuitBreaker breaker, std::chrono::seconds grace, ActiveTokenSource source);

    // Every answer of the database also updates the grace: it stores a valid token, and it removes a token that is no
    // longer active. ceymail-token clears the grace when it revokes. A row that was revoked by hand in SQL can pass
    // during an outage, within the grace, if no request came between the change and the outage.
    // The source gets the deadline `latest`. It gets `wanted` if the token is within the grace, because that request
    // can be answered without the database. The time-out of any other client does not count: with it a client could
    // make a slow database look unavailable.
    // After a time-out at `latest` the breaker is open, and most checks do not use the source.
    // Errors: throws what the source throws.
    // Security: `token` is untrusted and secret. Only its SHA-256 is compared, in constant time for every outcome.
    [[nodiscard]] TokenVerdict check(std::string_view token, const TokenDeadlines& deadlines);

private:
    [[nodiscard]] util::Result<std::optional<ActiveToken>> ask(const util::Digest& presented,
                                                               const TokenDeadlines& deadlines);
    [[nodiscard]] TokenVerdict without_database(const util::Digest& presented, util::Error error);

    VerifiedToken m_verified;
    CircuitBreaker m_breaker;
    std::chrono::seconds m_grace;
    ActiveTokenSource m_source;
};

}  // namespace ceymail::admission
