// SPDX-License-Identifier: MIT
// CircuitBreaker: after a time-out of a server, admits one request to it in 2 s. All processes of the host share it.
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

// False when the stored time is before the boot, or more than k_breaker_pause after `now`.
[[nodiscard]] bool plausible(const BreakerStorage& storage, util::BootTime now) noexcept;

// A view of the storage, which must outlive it. A caller that dies before it reports blocks no other caller: the next
// trial is due k_breaker_pause later. The same holds for damaged storage.
// Threads: any number, also of several processes. Takes no lock.
class CircuitBreaker {
public:
    explicit CircuitBreaker(BreakerStorage& storage, util::ClockFunction clock = util::BootClock::now) noexcept
        : m_storage(&storage), m_clock(clock) {}

    // Returns: true: the caller may ask the server, and then reports. While the breaker is open, one caller in each
    // k_breaker_pause gets true.
    [[nodiscard]] bool may_ask() noexcept;

    // Closes the breaker. An error of the server is an answer too.
    void answered() noexcept;

    // Opens the breaker for k_breaker_pause.
    // Requires: the caller waited for the usual time. A caller with a shorter deadline does not report.
    void timed_out() noexcept;

private:
    BreakerStorage* m_storage;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::admission
