// SPDX-License-Identifier: MIT
#include "ceymail/util/clock.hpp"

#include <algorithm>

#include <time.h>

namespace ceymail::util {

BootTime BootClock::now() noexcept {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return BootTime{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

int remaining_ms(BootTime deadline, BootTime now) noexcept {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    return static_cast<int>(std::clamp(left, milliseconds{0}, milliseconds{std::chrono::hours{1}}).count());
}

}  // namespace ceymail::util
