// SPDX-License-Identifier: MIT
#include "ceymail/util/clock.hpp"

#include <algorithm>

namespace ceymail::util {
namespace {

int whole_ms(std::chrono::nanoseconds left) noexcept {
    using std::chrono::milliseconds;
    return static_cast<int>(
        std::clamp(std::chrono::ceil<milliseconds>(left), milliseconds{0}, milliseconds{std::chrono::hours{1}})
            .count());
}

}  // namespace

int remaining_ms(BootTime deadline, BootTime now) noexcept { return whole_ms(deadline - now); }

int remaining_ms(AwakeTime deadline) noexcept { return whole_ms(deadline - AwakeClock::now()); }

}  // namespace ceymail::util
