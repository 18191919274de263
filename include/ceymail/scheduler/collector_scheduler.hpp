// SPDX-License-Identifier: MIT
// CollectorScheduler: runs the collectors side by side, each on a thread of its own, and words the snapshot.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/scheduler/work_budget.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::scheduler {

// Owns the collectors and their threads, which start with the first round and sleep between rounds. Used by the
// gatherer process and by --once. One thread at a time calls. May be made before fork(2), if used only after it.
//
// A round asks every collector that is due and not still busy with an earlier question. Due is by the WorkBudget;
// one that is not due stands in with its last result. What a collector answers counts as of when it was asked.
// One that failed, or has not answered this round's question, has success 0 and no families: absent, never old.
//
// A hanging source costs one round its deadline. From then on the collector is asked again only once it has
// returned, and until it has answered well again it is waited for 250 ms at most, so that later rounds are quick
// and the first good answer is seen at once.
//
// Each collector's failure is logged when it begins and when it ends, not each time. What a collector throws is a
// failure of that collector.
class CollectorScheduler {
public:
    // Throws std::system_error without a descriptor to spare.
    explicit CollectorScheduler(std::vector<std::unique_ptr<collect::Collector>> collectors, WorkBudget budget = {},
                                util::ClockFunction clock = util::BootClock::now);
    ~CollectorScheduler();  // does not wait for a hung collector: its thread keeps what it needs, and ends when it
                            // returns
    CollectorScheduler(const CollectorScheduler&) = delete;
    CollectorScheduler& operator=(const CollectorScheduler&) = delete;

    // Starts the threads ahead of the first round, which starts those that could not be had.
    void start();

    // A whole round: the exposition of what is there when all have answered or the deadline has passed.
    [[nodiscard]] std::string gather(util::BootTime deadline);

    // The same in steps, for a loop that has other things to do. begin() ends a round that still runs.
    void begin(util::BootTime deadline, snapshot::RefreshReason reason = snapshot::RefreshReason::scrape);
    // When the round is over if nobody answers any more: in the past once all have. Asked again when the bell rings.
    [[nodiscard]] util::BootTime over_at() const;
    void end();  // whoever has not answered now is late
    [[nodiscard]] int event_fd()
        const noexcept;  // readable (level) when answers have come in; begin() and clear_event() clear it
    void clear_event() noexcept;

    // What is there now: the families of the collectors in their order, then for each ceymail_collector_success,
    // ceymail_collector_duration_seconds (of the last run; of one that hangs: since it was asked) and, where there
    // is a value, ceymail_collector_age_seconds.
    [[nodiscard]] std::string text() const;
    // The same for people: how each collector fares, in their order.
    [[nodiscard]] std::vector<snapshot::CollectorState> report() const;
    // Of the last begun round and what text() says of it.
    [[nodiscard]] snapshot::SnapshotTimes times() const;

private:
    struct State;
    std::shared_ptr<State> m_state;  // the threads' as well
};

}  // namespace ceymail::scheduler
