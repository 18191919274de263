// SPDX-License-Identifier: MIT
// BootClock: for limits, ages and deadlines; includes suspend. AwakeClock: for the running time of a process; excludes
// suspend. Neither changes with `date -s`.
#pragma once

#include <chrono>

namespace ceymail::util {

// CLOCK_BOOTTIME, clock_gettime(2). Equal in all processes; starts near 0 at boot.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock, duration>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
};

using BootTime = BootClock::time_point;

// CLOCK_MONOTONIC, clock_gettime(2). Equal in all processes; it stops while the host is suspended, as all processes do.
// For time-outs of another process, which a suspend must not end.
struct AwakeClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<AwakeClock, duration>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
};

using AwakeTime = AwakeClock::time_point;

// Clocks are parameters, so that tests need not sleep.
using ClockFunction = BootTime (*)() noexcept;

// Returns: CPU time of the calling thread, CLOCK_THREAD_CPUTIME_ID.
[[nodiscard]] std::chrono::nanoseconds thread_cpu_time() noexcept;

// Returns: the time until `deadline` for poll(2), in milliseconds, rounded up, from 0 to 1 h.
[[nodiscard]] int remaining_ms(BootTime deadline, BootTime now = BootClock::now()) noexcept;
[[nodiscard]] int remaining_ms(AwakeTime deadline) noexcept;

}  // namespace ceymail::util
