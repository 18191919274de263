// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_check.hpp"

#include <utility>

namespace ceymail::admission {
namespace {

// Other kinds, such as denied and not_found, are no outage: the grace does not apply.
bool is_outage(const util::Error& error) noexcept {
    return error.kind == util::ErrorKind::unavailable || error.kind == util::ErrorKind::timed_out;
}

TokenVerdict compare(const util::Digest& presented, const std::optional<ActiveToken>& active) noexcept {
    // Without an active token the comparison runs too, so that the time does not reveal it.
    const bool same = util::equal_in_constant_time(presented, active.value_or(ActiveToken{}).digest);
    if (!same || !active) return {TokenStanding::wrong};
    return {.standing = TokenStanding::valid, .token_id = active->id, .created_at = active->created_at};
}

}  // namespace

TokenCheck::TokenCheck(VerifiedToken verified, CircuitBreaker breaker, std::chrono::seconds grace,
                       ActiveTokenSource source)
    : m_verified(verified), m_breaker(breaker), m_grace(grace), m_source(std::move(source)) {}

TokenVerdict TokenCheck::check(std::string_view token, const TokenDeadlines& deadlines) {
    const auto presented = util::sha256(token);
    const auto question = m_verified.begin_question();  // before the database is asked, see VerifiedToken
    auto answer = ask(presented, deadlines);
    if (!answer) return without_database(presented, std::move(answer.error()));

    const auto verdict = compare(presented, *answer);
    if (verdict.standing == TokenStanding::valid)
        m_verified.remember(presented, question);
    else
        m_verified.forget_unless(*answer ? std::optional((*answer)->digest) : std::nullopt, question);
    return verdict;
}

util::Result<std::optional<ActiveToken>> TokenCheck::ask(const util::Digest& presented,
                                                         const TokenDeadlines& deadlines) {
    if (!m_breaker.may_ask())
        return util::fail(util::ErrorKind::timed_out,
                          "MariaDB has just not answered another request in time; one request in 2 s asks it; look at: "
                          "systemctl status mariadb");
    const bool shortened = deadlines.wanted < deadlines.latest && m_verified.within_grace(presented, m_grace);
    auto answer = m_source(shortened ? deadlines.wanted : deadlines.latest);  // model: revoke/ask
    if (answer || answer.error().kind != util::ErrorKind::timed_out) {
        m_breaker.answered();
    } else if (!shortened) {
        m_breaker.timed_out();
    }
    return answer;
}

TokenVerdict TokenCheck::without_database(const util::Digest& presented, util::Error error) {
    const bool passes = is_outage(error) && m_verified.within_grace(presented, m_grace);
    return {.standing = passes ? TokenStanding::valid_stale : TokenStanding::unknown,
            .database_error = std::move(error)};
}

}  // namespace ceymail::admission
