// SPDX-License-Identifier: MIT
// WorkBudget: how often each collector may run, so that all of them together cost no more than a share of a core.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "ceymail/util/clock.hpp"

namespace ceymail::scheduler {

// A cost is CPU time, in whatever process: not the time on the wall, because whoever waits for a dead mount or a
// stopped database costs nothing and must be asked again soon (all is to be well at once when it is back), and
// because two threads that read side by side cost twice what the wall shows.
//
// maximum_age wins over share: nothing older is served, and a number that comes and goes while the queue grows would
// help nobody, so a collector whose value reaches that age runs, whatever it cost. The cost is then bounded by
// d / maximum_age each. With the defaults that is so from 3 s of CPU time a run on, some 20 million messages. 300 s is
// how long Prometheus itself believes a sample.
struct WorkBudget {
    double share = 0.01;  // of one core; 0: no collector rests
    std::chrono::nanoseconds maximum_age = std::chrono::seconds(300);
};

// The rule: a run of cost d leaves a debt of d, and the collector rests until time has paid it. Meanwhile its last
// value is served, with its age. Time pays `share` in sum, to each collector in proportion to the square root of what
// its last run cost. So
//   - all together never cost more than share * time + the last run of each, whatever the costs do (the proof is the
//     sentence before; that is why it is a debt and not a date reckoned when the run ends);
//   - with steady costs collector i rests sqrt(d_i) * (sqrt(d_1) + ... + sqrt(d_n)) / share, never less than
//     d_i / share, and of all divisions of the share this one makes the values youngest on average: beside a costly
//     collector the cheap ones hardly rest at all.
// A value; the owner sees to threads.
class WorkAccount {
public:
    WorkAccount(WorkBudget budget, std::size_t collectors);

    // Collector i's run cost `cost` and ended `now`.
    void charge(std::size_t i, std::chrono::nanoseconds cost, util::BootTime now);

    // Whether collector i owes nothing.
    [[nodiscard]] bool clear(std::size_t i, util::BootTime now);

private:
    struct Entry {
        double weight = 0;  // square root of the last run's cost in seconds
        double debt = 0;    // in seconds
    };
    void pay(util::BootTime now);

    double m_share;
    util::BootTime m_paid_until{};
    std::vector<Entry> m_entries;
};

}  // namespace ceymail::scheduler
