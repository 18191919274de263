// SPDX-License-Identifier: MIT
// TokenCheck: is this the active token? The database says so, or, while it cannot be asked, the grace.
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
};

// Asks the database for the one active token; no value: there is none. Errors of kind unavailable or timed_out
// mean that it cannot work now; any other error means that it answered and something must be mended.
using ActiveTokenSource = std::function<util::Result<std::optional<ActiveToken>>(util::BootTime deadline)>;

enum class TokenStanding {
    valid,        // the database said so just now
    valid_stale,  // the database cannot work now; it said so within the grace
    wrong,        // the database answered: not this one
    unknown,      // nobody can say
};

struct TokenVerdict {
    TokenStanding standing = TokenStanding::unknown;
    std::uint64_t token_id = 0;                 // with valid
    std::optional<util::Error> database_error;  // with valid_stale and unknown
};

// Until when the database may be asked.
struct TokenDeadlines {
    util::BootTime wanted;  // what the client's own time-out leaves
    util::BootTime latest;  // for a client whose wish does not count
};

// One per worker; one thread.
class TokenCheck {
public:
    TokenCheck(VerifiedToken verified, CircuitBreaker breaker, std::chrono::seconds grace, ActiveTokenSource source);

    // `token` is foreign and secret; only its SHA-256 is compared, in constant time, whatever the outcome.
    // Every answer of the database also sets right what is remembered for the grace: a right token is remembered
    // anew, and what is no longer active is forgotten. A row revoked by hand in SQL (with ceymail-token it is
    // forgotten at once) can thus pass during an outage only if nobody asked between the change and the outage,
    // and then for no longer than the grace.
    // The source is asked until `latest`. A client with a token within the grace is asked for until `wanted`, because
    // there is an answer for it without the database. The wish of any other client does not count: it could only make
    // a slow database look like one that is down.
    // After a time-out at `latest` the breaker is open, and most checks are made without the source.
    // Throws nothing of its own; what the source throws passes through.
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
