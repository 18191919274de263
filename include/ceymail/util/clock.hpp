// SPDX-License-Identifier: MIT
// BootClock: for limits, ages and deadlines; includes suspend. AwakeClock: for the running time of a process; excludes
// suspend. Neither changes with `date -s`.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <time.h>

namespace ceymail::util {

// A clock of clock_gettime(2) for <chrono>. Equal in all processes; starts near 0 at boot.
template <clockid_t Id>
struct KernelClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<KernelClock, duration>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept {
        timespec time{};
        clock_gettime(Id, &time);
        return time_point{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
    }
};

using BootClock = KernelClock<CLOCK_BOOTTIME>;
using BootTime = BootClock::time_point;

// Stops while the host is suspended, as all processes do. For time-outs of another process, which a suspend must not
// end.
using AwakeClock = KernelClock<CLOCK_MONOTONIC>;
using AwakeTime = AwakeClock::time_point;

// Clocks are parameters, so that tests need not sleep.
using ClockFunction = BootTime (*)() noexcept;

// Returns: the time of a file since the epoch. A file can have a time that nanoseconds cannot hold, after 2262 or
// before 1677; it gets one of the year 2255 or 1684, so that a sum with some years does not overflow either.
inline std::chrono::nanoseconds file_time(const timespec& time) noexcept {
    constexpr std::int64_t k_most_seconds = 9'000'000'000;
    const std::int64_t seconds = time.tv_sec;
    return std::chrono::seconds{std::clamp(seconds, -k_most_seconds, k_most_seconds)} +
           std::chrono::nanoseconds{time.tv_nsec};
}

// CPU time of the calling thread.
[[nodiscard]] inline std::chrono::nanoseconds thread_cpu_time() noexcept {
    return KernelClock<CLOCK_THREAD_CPUTIME_ID>::now().time_since_epoch();
}

// Changes with `date -s`. For points in time that are shown or stored.
[[nodiscard]] inline std::uint64_t seconds_since_1970() noexcept {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

// Returns: the time until `deadline` for poll(2), in milliseconds, rounded up, from 0 to 1 h.
[[nodiscard]] int remaining_ms(BootTime deadline, BootTime now = BootClock::now()) noexcept;
[[nodiscard]] int remaining_ms(AwakeTime deadline) noexcept;

}  // namespace ceymail::util
