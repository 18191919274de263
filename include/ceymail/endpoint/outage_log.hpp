// SPDX-License-Identifier: MIT
// OutageLog: logs the beginning and the end of an outage, however many failures it has.
#pragma once

#include <bitset>
#include <chrono>
#include <string_view>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::endpoint {

// An outage ends after this time without a failure. A database that comes and goes is one outage.
inline constexpr std::chrono::seconds k_outage_settles{30};

// Bounds the log: a long outage costs one line for each kind of error and one at its end.
// Threads: one.
class OutageLog {
public:
    // `what`: a literal that completes "cannot ...", such as "check tokens".
    explicit OutageLog(std::string_view what, util::ClockFunction clock = util::BootClock::now) noexcept
        : m_what(what), m_clock(clock) {}

    // Logs the first error of each kind since the outage began.
    void failed(const util::Error& error);
    // Logs the end of an outage if there was no failure within k_outage_settles.
    void recovered();

private:
    std::string_view m_what;
    util::ClockFunction m_clock;
    std::bitset<32> m_kinds;  // kinds of error since the outage began; none: no outage
    util::BootTime m_last_failure{};
};

}  // namespace ceymail::endpoint
