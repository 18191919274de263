// SPDX-License-Identifier: MIT
// BootClock: the one clock of limits, ages and deadlines; counts suspend, ignores `date -s`.
#pragma once

#include <chrono>

namespace ceymail::util {

// CLOCK_BOOTTIME, clock_gettime(2). The same in all processes of one boot, starts near 0 at boot.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock, duration>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
};

using BootTime = BootClock::time_point;

// Clocks are handed in, so that tests turn the hands instead of sleeping.
using ClockFunction = BootTime (*)() noexcept;

// CPU time that the calling thread has used, CLOCK_THREAD_CPUTIME_ID.
[[nodiscard]] std::chrono::nanoseconds thread_cpu_time() noexcept;

// What is left until `deadline` in whole milliseconds, rounded up, at least 0, at most 1 h: for poll(2).
[[nodiscard]] int remaining_ms(BootTime deadline, BootTime now = BootClock::now()) noexcept;

}  // namespace ceymail::util
