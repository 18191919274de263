// SPDX-License-Identifier: MIT
// CircuitBreaker: one time is the whole state. A caller claims a trial by one compare-exchange.
#include "ceymail/admission/circuit_breaker.hpp"

namespace ceymail::admission {
namespace {

constexpr std::int64_t k_pause_ns = std::chrono::nanoseconds(k_breaker_pause).count();

// A time further ahead was not set by a CircuitBreaker, and must not block the callers.
bool is_ahead(std::int64_t time, std::int64_t now) noexcept { return time > now && time - now <= k_pause_ns; }

}  // namespace

bool plausible(const BreakerStorage& storage, util::BootTime now) noexcept {
    const std::int64_t time = storage.next_trial_at;
    const std::int64_t now_ns = now.time_since_epoch().count();
    return time >= 0 && (time <= now_ns || is_ahead(time, now_ns));
}

bool CircuitBreaker::may_ask() noexcept {
    std::int64_t next = m_storage->next_trial_at;
    if (next == 0) return true;
    const std::int64_t now = m_clock().time_since_epoch().count();
    return !is_ahead(next, now) && m_storage->next_trial_at.compare_exchange_strong(next, now + k_pause_ns);
}

void CircuitBreaker::answered() noexcept {
    if (m_storage->next_trial_at != 0) m_storage->next_trial_at = 0;  // avoids a needless write
}

void CircuitBreaker::timed_out() noexcept {
    m_storage->next_trial_at = m_clock().time_since_epoch().count() + k_pause_ns;
}

}  // namespace ceymail::admission
