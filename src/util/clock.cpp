// SPDX-License-Identifier: MIT
#include "ceymail/util/clock.hpp"

#include <algorithm>

#include <time.h>

namespace ceymail::util {

namespace {

std::chrono::nanoseconds read_clock(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

int whole_ms(std::chrono::nanoseconds left) noexcept {
    using std::chrono::milliseconds;
    return static_cast<int>(
        std::clamp(std::chrono::ceil<milliseconds>(left), milliseconds{0}, milliseconds{std::chrono::hours{1}})
            .count());
}

}  // namespace

BootTime BootClock::now() noexcept { return BootTime{read_clock(CLOCK_BOOTTIME)}; }

AwakeTime AwakeClock::now() noexcept { return AwakeTime{read_clock(CLOCK_MONOTONIC)}; }

std::chrono::nanoseconds thread_cpu_time() noexcept { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

int remaining_ms(BootTime deadline, BootTime now) noexcept { return whole_ms(deadline - now); }

int remaining_ms(AwakeTime deadline) noexcept { return whole_ms(deadline - AwakeClock::now()); }

}  // namespace ceymail::util
