// SPDX-License-Identifier: MIT
// WorkBudget: how often each collector may run, so that all of them together cost no more than a share of a core.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "ceymail/util/clock.hpp"

namespace ceymail::scheduler {

// A cost is CPU time, in any process, not wall-clock time. A collector that waits for a dead mount or a stopped
// database costs nothing, and runs again soon, so it recovers at once. Two parallel threads cost twice the time they
// take.
//
// maximum_age wins over share: a collector whose value reaches that age runs, whatever it costs. No older value is
// served, and a metric must not come and go while the queue grows. The cost of each such collector is then at most
// d / maximum_age of a core, where d is the cost of a run. With the defaults this begins at 3 s of CPU time a run,
// about 20 million messages. 300 s is Prometheus' own limit for the age of a sample.
struct WorkBudget {
    double share = 0.01;  // of one core; 0: no limit
    std::chrono::nanoseconds maximum_age = std::chrono::seconds(300);
};

// The debts of the collectors. A run of cost d leaves a debt of d, and the collector is not due until it is paid.
// Meanwhile its last value is served, with its age. All debts together shrink by `share` a second, each in proportion
// to the square root of the cost of the last run. So
//   - all collectors together never cost more than share * time + the last run of each, even when costs change. (A
//     date computed at the end of a run would not ensure that.)
//   - with steady costs collector i pauses for sqrt(d_i) * (sqrt(d_1) + ... + sqrt(d_n)) / share, at least
//     d_i / share. Of all ways to divide the share this one gives the lowest average age: next to an expensive
//     collector the cheap ones pause only briefly.
// Threads: one at a time.
class WorkAccount {
public:
    WorkAccount(WorkBudget budget, std::size_t collectors);

    // Records that a run of collector i cost `cost` and ended `now`.
    void charge(std::size_t i, std::chrono::nanoseconds cost, util::BootTime now);

    // Returns: whether collector i has no debt.
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
