// SPDX-License-Identifier: MIT
// Gathering: runs the collectors side by side, each on a thread of its own, and words the snapshot.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::snapshot {

// Owns the collectors and their threads. Used by the gatherer process and by --once. One caller at a time.
class Gathering {
public:
    explicit Gathering(std::vector<std::unique_ptr<collect::Collector>> collectors);
    ~Gathering();  // does not wait for a hung collector
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;

    // Asks every collector that is not still busy with an earlier request, waits until all have answered or the
    // deadline has passed, and returns the exposition of what is there: families of those that succeeded, then
    // ceymail_collector_success and ceymail_collector_duration_seconds for each. A collector that is late or
    // failed has success 0 and no families; one known to hang is not waited for again until it has returned.
    // A failure is logged when it begins and when it ends, not each time.
    [[nodiscard]] std::string gather(util::BootTime deadline);

private:
    struct Station;
    std::vector<std::shared_ptr<Station>> m_stations;
};

}  // namespace ceymail::snapshot
