// SPDX-License-Identifier: MIT
// CollectorSlot: one collector, and its state across rounds.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ceymail/collect/collector.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::scheduler {

// How long a round waits for a collector whose source did not answer in time in its last run.
inline constexpr std::chrono::nanoseconds k_suspect_timeout = std::chrono::milliseconds(250);

// The result of one run of a collector.
struct Run {
    util::Result<std::string> families;      // as exposition text
    std::optional<util::Error> shortfall{};  // what is missing from the families
    std::chrono::nanoseconds cost{};         // CPU time
};

// Calls collector.prepare(). Ignores exceptions: the first run reports the failure.
void prepare_guarded(collect::Collector& collector) noexcept;

// Runs the collector once.
// Errors: those of the collector; internal: it threw an exception.
[[nodiscard]] Run run_once(collect::Collector& collector, util::BootTime deadline) noexcept;

// The last run of a collector.
enum class RunState {
    outdated,  // it ended, but its result is not for this round; also before the first round
    current,   // it ended, and its result is for this round or stands in for it
    awaited,   // it goes on, and this round waits for it
    overdue,   // it goes on, and its round ended without it
};

// Owned by a CollectorScheduler.
// Threads: `collector` belongs to the slot's thread while busy(). The scheduler's mutex protects everything else.
struct CollectorSlot {
    std::unique_ptr<collect::Collector> collector;
    std::size_t index = 0;
    std::optional<pthread_t> thread{};
    std::condition_variable run_requested{};
    RunState run_state = RunState::outdated;
    bool suspect = false;                           // the last run was too slow
    std::optional<util::BootTime> failing_since{};  // none while it succeeds; set once the failure is logged
    util::BootTime asked_at{};
    util::BootTime deadline{};
    util::Result<std::string> result{};  // of the last run that ended
    std::optional<util::Error> shortfall{};
    std::chrono::nanoseconds duration{};  // of that run

    [[nodiscard]] bool busy() const noexcept {
        return run_state == RunState::awaited || run_state == RunState::overdue;
    }

    // Returns: whether its metrics may be served.
    [[nodiscard]] bool good(util::BootTime now, std::chrono::nanoseconds maximum_age) const;

    [[nodiscard]] snapshot::CollectorState state(util::BootTime now, std::chrono::nanoseconds maximum_age) const;

    // The run has ended.
    void record_result(Run run, util::BootTime now);
    // The round has ended, and the run has not.
    void record_timeout(util::BootTime now);

    // Logs the first failure after a success.
    void log_failure(std::string_view cause,
                     std::string_view effect = "its metrics are absent until it succeeds") noexcept;

private:
    // Logs the first success after a failure.
    void log_recovery() noexcept;
};

}  // namespace ceymail::scheduler
