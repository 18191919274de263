// SPDX-License-Identifier: MIT
// CollectorSlot: one collector, and what is known of it between the rounds of a gathering.
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

// How long a round waits for a collector whose source did not answer the last time.
inline constexpr std::chrono::nanoseconds k_suspect_timeout = std::chrono::milliseconds(250);

// What one run of a collector came to.
struct Run {
    util::Result<std::string> families;  // already worded
    std::chrono::nanoseconds cost{};
};

// What the collector throws here is lost.
void prepare_guarded(collect::Collector& collector) noexcept;

// What the collector throws is a failure of the run.
[[nodiscard]] Run run_once(collect::Collector& collector, util::BootTime deadline) noexcept;

// Owned by a CollectorScheduler. The collector itself is its thread's while `busy`; all else is under the gathering's
// mutex.
struct CollectorSlot {
    std::unique_ptr<collect::Collector> collector;
    std::size_t index = 0;
    std::optional<pthread_t> thread{};
    std::condition_variable asked{};
    bool busy = false;      // asked, and has not answered yet
    bool in_round = false;  // busy with the question of this round
    bool counts = false;    // result answers this round, or stands in for it
    bool suspect = false;   // did not answer well in time when last asked
    bool failing = false;   // and that has been logged
    util::BootTime failing_since{};
    util::BootTime asked_at{};
    util::BootTime deadline{};
    util::Result<std::string> result{};   // of the last run that ended
    std::chrono::nanoseconds duration{};  // of that run

    // Whether its metrics are to be served.
    [[nodiscard]] bool good(util::BootTime now, std::chrono::nanoseconds maximum_age) const;

    [[nodiscard]] snapshot::CollectorState state(util::BootTime now, std::chrono::nanoseconds maximum_age) const;

    // Its source has answered, or the round has ended without.
    void record_result(util::Result<std::string> families, util::BootTime now);
    void record_timeout(util::BootTime now);

    // Logs the first failure after a success, and the first success after a failure.
    void log_failure(std::string_view why) noexcept;
    void log_recovery() noexcept;
};

}  // namespace ceymail::scheduler
