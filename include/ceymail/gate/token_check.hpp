// SPDX-License-Identifier: MIT
// TokenCheck: is this the active token? The database says so, or, while it cannot be asked, the grace.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "ceymail/gate/verified_token.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::gate {

struct ActiveToken {
    std::uint64_t id = 0;
    util::Digest digest{};
};

// Asks the database for the one active token; no value: there is none. Errors of kind unavailable or timed_out
// mean that it could not be reached; any other error means that it answered and something must be mended.
using ActiveTokenSource = std::function<util::Result<std::optional<ActiveToken>>(util::BootTime deadline)>;

enum class TokenStanding {
    valid,        // the database said so just now
    valid_stale,  // the database cannot be reached; it said so within the grace
    wrong,        // the database answered: not this one
    unknown,      // nobody can say
};

struct TokenVerdict {
    TokenStanding standing = TokenStanding::unknown;
    std::uint64_t token_id = 0;            // with valid
    std::optional<util::Error> database_error;  // with valid_stale and unknown
};

// One per worker; one thread.
class TokenCheck {
public:
    TokenCheck(VerifiedToken verified, std::chrono::seconds grace, ActiveTokenSource source);

    // `token` is foreign and secret; only its SHA-256 is compared, in constant time, whatever the outcome.
    [[nodiscard]] TokenVerdict check(std::string_view token, util::BootTime deadline);

private:
    VerifiedToken m_verified;
    std::chrono::seconds m_grace;
    ActiveTokenSource m_source;
};

}  // namespace ceymail::gate
