// SPDX-License-Identifier: MIT
// CollectorScheduler: runs the collectors in parallel, each on its own thread, and formats the snapshot.
// This room: runs collectors, and answers the workers' requests for a snapshot (snapshot_server.hpp).
// Processes: the gatherer. --once and CGI use the scheduler without the server.
// May touch: whatever the collectors read, the snapshot buffer, and the gatherer's two listening sockets.
// Attackers: a worker under an attacker's control can send any request. The settings page can connect.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/scheduler/work_budget.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::scheduler {

// Owns the collectors and their threads. The threads start with the first round and sleep between rounds.
// Threads: one thread at a time calls. May be constructed before fork(2) if it is used only after it.
//
// A round runs each collector that is due and not busy with an earlier run. The WorkBudget decides what is due. The
// last result stands in for a collector that is not due. A result is as old as the start of its run.
// A collector that failed, or has not answered in this round, has success 0 and no families, never old ones. One with a
// shortfall has success 0 and what it could read.
//
// A hanging source delays one round until its deadline. The collector runs again once that run has returned. Until it
// has answered in time again, a round waits at most k_suspect_timeout for it. So later rounds are quick, and they show
// the first good answer at once.
//
// A collector's failure is logged when it begins and when it ends. An exception is a failure of that collector.
class CollectorScheduler {
public:
    // Errors: throws std::system_error when no descriptor is left.
    explicit CollectorScheduler(std::vector<std::unique_ptr<collect::Collector>> collectors, WorkBudget budget = {},
                                util::ClockFunction clock = util::BootClock::now);
    // Does not wait for a busy collector. Its thread shares ownership of what it uses, and ends when the run returns.
    ~CollectorScheduler();
    CollectorScheduler(const CollectorScheduler&) = delete;
    CollectorScheduler& operator=(const CollectorScheduler&) = delete;

    // Starts the threads before the first round. A round tries again to start those that failed.
    void start();

    // Runs a whole round, until all collectors have answered or the deadline has passed.
    // Returns: text().
    [[nodiscard]] std::string gather(util::BootTime deadline);

    // The same in steps, for an event loop. begin() first ends a round that still runs.
    void begin(util::BootTime deadline, snapshot::RefreshReason reason = snapshot::RefreshReason::scrape);
    // Returns: when the round ends without further answers; in the past once all have answered.
    // It changes only when event_fd() becomes readable.
    [[nodiscard]] util::BootTime over_at() const;
    // Ends the round. Collectors that have not answered have failed.
    void end();
    // Returns: a descriptor that is readable (level-triggered) when over_at() changed. begin() and clear_event() clear
    // it.
    [[nodiscard]] int event_fd() const noexcept;
    void clear_event() noexcept;

    // Returns: the families of the collectors in their order, then for each collector ceymail_collector_success,
    // ceymail_collector_duration_seconds (of the last run; of a busy one, so far) and, where there is a value,
    // ceymail_collector_age_seconds.
    [[nodiscard]] std::string text() const;
    // Returns: the state of each collector, in their order, for the settings page and --check.
    [[nodiscard]] std::vector<snapshot::CollectorState> report() const;
    // Returns: the times of the last round that began, and of what text() returns now.
    [[nodiscard]] snapshot::SnapshotTimes times() const;

private:
    struct State;
    std::shared_ptr<State> m_state;  // shared with the threads, which may outlive the scheduler
};

}  // namespace ceymail::scheduler
