// SPDX-License-Identifier: MIT
// OutageLog: something that lasts, told when it begins and when it ends, however often it is failed in between.
#pragma once

#include <bitset>
#include <chrono>
#include <string_view>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::endpoint {

// It is recovered when it was not failed for so long: a database that comes and goes is one outage.
inline constexpr std::chrono::seconds k_trouble_settles{30};

// One thread. An attacker who asks without end, or a database that is down for a night, costs a line for each kind of
// trouble and one at the end.
class OutageLog {
public:
    // `what`: a literal that completes "cannot ...", such as "check tokens".
    explicit OutageLog(std::string_view what, util::ClockFunction clock = util::BootClock::now) noexcept
        : m_what(what), m_clock(clock) {}

    // Logs the first of each kind of error since the trouble began.
    void failed(const util::Error& error);
    // Logs when there was trouble, and none within k_trouble_settles.
    void recovered();

private:
    std::string_view m_what;
    util::ClockFunction m_clock;
    std::bitset<32> m_kinds;  // failed since it began; none: no trouble
    util::BootTime m_last_met{};
};

}  // namespace ceymail::endpoint
