// SPDX-License-Identifier: MIT
// Watchdog: systemd's, which starts the service anew when it has not been stroked for WatchdogSec=.
#pragma once

#include <chrono>

#include "ceymail/util/clock.hpp"

namespace ceymail::supervisor {

// The supervisor's. Where the unit sets no WatchdogSec= it is never due, and wakes nobody. sd_watchdog_enabled(3).
class Watchdog {
public:
    Watchdog() noexcept;

    // When to ping it next: twice as often as it asks for.
    [[nodiscard]] util::AwakeTime due() const noexcept { return m_due; }

    void ping() noexcept;
    // Does not ping it this time, and is due again a second later: once there is progress again, systemd hears of it.
    void skip_ping() noexcept;

private:
    std::chrono::nanoseconds m_interval{0};
    util::AwakeTime m_due = util::AwakeTime::max();
};

}  // namespace ceymail::supervisor
