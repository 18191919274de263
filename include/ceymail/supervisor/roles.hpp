// SPDX-License-Identifier: MIT
// The two roles under the supervisor, from their first line to their last. Each runs in a process of its own.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/endpoint/time_budget.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/snapshot/snapshot_buffer.hpp"

namespace ceymail::supervisor {

// The longest that a worker has one request in hand, and so what a stop waits for: the peer sends it, it is answered,
// the peer takes the answer, and the use of the token is noted.
inline constexpr std::chrono::milliseconds k_longest_request =
    fastcgi::k_peer_timeout + endpoint::k_longest_answer + fastcgi::k_peer_timeout + endpoint::k_longest_touch;

// Worker: parses what comes from outside, so it holds no capability. Answers one request after the other until
// `stop_fd` is readable; the request in hand is answered first. Tells `busy` since when it has had one.
// SECURITY: whoever takes it over can read the buffer, lock or damage the segment, and ask MariaDB what the
// service's column grants allow: neither mint a token nor read mail.
void work(const config::Configuration& configuration, int listener, shared::Segment& segment,
          const snapshot::SnapshotBuffer& buffer, fastcgi::BusySince& busy, int stop_fd);

struct GathererListeners {
    int workers;
    int reports;  // -1: nobody asks for them
};

// Gatherer: holds CAP_DAC_READ_SEARCH, so it sees nothing from outside but the workers' two numbers. From the settings
// page, which asks for reports, it reads not a byte. `cpu`: where the processor times go on from.
void gather(const config::Configuration& configuration, GathererListeners listeners, snapshot::SnapshotBuffer& buffer,
            util::KeptRecord& cpu, int stop_fd);

}  // namespace ceymail::supervisor
