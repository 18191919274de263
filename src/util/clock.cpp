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

}  // namespace

BootTime BootClock::now() noexcept { return BootTime{read_clock(CLOCK_BOOTTIME)}; }

std::chrono::nanoseconds thread_cpu_time() noexcept { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

int remaining_ms(BootTime deadline, BootTime now) noexcept {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    return static_cast<int>(std::clamp(left, milliseconds{0}, milliseconds{std::chrono::hours{1}}).count());
}

}  // namespace ceymail::util
