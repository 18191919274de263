// SPDX-License-Identifier: MIT
// BootClock: the clock of limits, ages and deadlines; counts suspend. AwakeClock: for how long a process has been at
// work; does not count it. Both ignore `date -s`.
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

// CLOCK_MONOTONIC, clock_gettime(2): stands still while the host is suspended, as do all processes. For watching
// another process: after a suspend of hours it has still been at work for seconds. The same in all processes of one
// boot.
struct AwakeClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<AwakeClock, duration>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept;
};

using AwakeTime = AwakeClock::time_point;

// Clocks are handed in, so that tests turn the hands instead of sleeping.
using ClockFunction = BootTime (*)() noexcept;

// CPU time that the calling thread has used, CLOCK_THREAD_CPUTIME_ID.
[[nodiscard]] std::chrono::nanoseconds thread_cpu_time() noexcept;

// What is left until `deadline` in whole milliseconds, rounded up, at least 0, at most 1 h: for poll(2).
[[nodiscard]] int remaining_ms(BootTime deadline, BootTime now = BootClock::now()) noexcept;
[[nodiscard]] int remaining_ms(AwakeTime deadline) noexcept;

}  // namespace ceymail::util
