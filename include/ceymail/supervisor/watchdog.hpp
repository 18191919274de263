// SPDX-License-Identifier: MIT
// Watchdog: systemd restarts the service when it gets no ping for WatchdogSec=.
// Processes: the supervisor. Source: sd_watchdog_enabled(3).
#pragma once

#include <chrono>

#include "ceymail/util/clock.hpp"

namespace ceymail::supervisor {

// If the unit sets no WatchdogSec=, a ping is never due.
class Watchdog {
public:
    Watchdog() noexcept;

    // Returns: when the next ping is due. Half of WatchdogSec= lies between two pings.
    [[nodiscard]] util::AwakeTime due() const noexcept { return m_due; }

    void ping() noexcept;
    // Leaves this ping out. The next one is due in a second, so that it comes soon after there is progress again.
    void skip_ping() noexcept;

private:
    std::chrono::nanoseconds m_interval{0};
    util::AwakeTime m_due = util::AwakeTime::max();
};

}  // namespace ceymail::supervisor
