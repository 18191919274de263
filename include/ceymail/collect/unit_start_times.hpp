// SPDX-License-Identifier: MIT
// UnitStartTimes: when the main processes of running units were started, from systemd over D-Bus.
// org.freedesktop.systemd1(5).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/collect/service.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

struct sd_bus;

namespace ceymail::collect {

// Properties of a unit. 0: systemd has no value, or did not answer.
struct UnitProcess {
    std::uint64_t main_pid = 0;      // MainPID: 0 if systemd knows no main process, or if it has ended
    std::uint64_t main_start = 0;    // ExecMainStartTimestamp, in µs since 1970; it stays when the process has ended
    std::uint64_t active_since = 0;  // ActiveEnterTimestamp, in µs since 1970
    bool complete = false;           // all three were answered
};

// Returns: the start of the main process. Of a unit without one, such as postfix@-.service of Debian or a script of
// /etc/init.d, the time at which the unit became active. None: the main process has ended, or there is no answer.
[[nodiscard]] std::optional<StartTime> start_of(const UnitProcess& unit);

// systemd is asked again only after the main process has ended: its pidfd tells. So the number of messages does not
// grow with the number of scrapes. A unit without a main process is asked each time.
// Threads: one at a time.
class UnitStartTimes {
public:
    // `paths`: object paths of running units. Units that are not among them are forgotten.
    // Returns: one start for each path. None also if systemd does not answer by the deadline.
    [[nodiscard]] std::vector<std::optional<StartTime>> read(sd_bus* bus, const std::vector<std::string>& paths,
                                                             util::BootTime deadline);

private:
    struct Known {
        util::Fd process;  // pidfd of the main process
        StartTime start{};
    };
    std::map<std::string, Known> m_known;
};

}  // namespace ceymail::collect
