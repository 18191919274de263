// SPDX-License-Identifier: MIT
// CircuitBreaker: after a time-out of a server, lets one caller in 2 s ask it. Shared by all processes of the host.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "ceymail/util/clock.hpp"

namespace ceymail::admission {

inline constexpr std::chrono::seconds k_breaker_pause{2};

// The layout in shared memory. All zeroes: closed.
struct BreakerStorage {
    std::atomic<std::int64_t> next_trial_at;  // BootClock ns; 0: closed, every caller may ask
};

// False when its time lies further ahead of `now` than a pause, or before the boot.
[[nodiscard]] bool plausible(const BreakerStorage& storage, util::BootTime now) noexcept;

// A view of storage that must outlive it. Any number of processes and threads; takes no lock. A caller that may ask and
// dies before it has reported holds nothing: the next trial is due a pause later. So is it where the storage is
// damaged.
class CircuitBreaker {
public:
    explicit CircuitBreaker(BreakerStorage& storage, util::ClockFunction clock = util::BootClock::now) noexcept;

    // Returns: true: ask, then report. While the breaker is open, true for one caller in each k_breaker_pause.
    [[nodiscard]] bool may_ask() noexcept;

    // The server answered, were it with an error: closes.
    void answered() noexcept;

    // The server let the caller wait in vain: opens for k_breaker_pause.
    // Requires: the caller waited as long as callers do. One that chose a shorter deadline must not report.
    void timed_out() noexcept;

private:
    BreakerStorage* m_storage;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::admission
