// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/watchdog.hpp"

#include <cstdint>

#include <systemd/sd-daemon.h>

namespace ceymail::supervisor {

using util::AwakeClock;

Watchdog::Watchdog() noexcept {
    std::uint64_t limit_us = 0;
    if (::sd_watchdog_enabled(0, &limit_us) <= 0) return;
    m_interval = std::chrono::microseconds(limit_us) / 2;
    m_due = AwakeClock::now();
}

void Watchdog::ping() noexcept {
    ::sd_notify(0, "WATCHDOG=1");
    m_due = AwakeClock::now() + m_interval;
}

void Watchdog::skip_ping() noexcept { m_due = AwakeClock::now() + std::chrono::seconds(1); }

}  // namespace ceymail::supervisor
