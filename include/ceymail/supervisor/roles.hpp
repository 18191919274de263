// SPDX-License-Identifier: MIT
// The main functions of two roles under the supervisor; the others are maillog::serve_log_reader() and
// journal::serve_reader(). Each runs in its own process.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/endpoint/time_budget.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/snapshot/snapshot_buffer.hpp"
#include "ceymail/supervisor/mail_log_resources.hpp"

namespace ceymail::supervisor {

// The longest time a worker takes for one request, and so for a stop: the peer sends it, the worker answers, the peer
// reads the answer, and the worker records the use of the token.
inline constexpr std::chrono::milliseconds k_longest_request =
    fastcgi::k_peer_timeout + endpoint::k_longest_answer + fastcgi::k_peer_timeout + endpoint::k_longest_touch;

// The worker. Answers one request after the other until `stop_fd` is readable, and then finishes the current request.
// `busy`: it stores the start of the current request there.
// Security: it parses untrusted requests, so it holds no capability. An attacker who controls it can read the buffer,
// lock or damage the segment, and query MariaDB within the service's column grants. That is not enough to create a
// token or to read mail.
void work(const config::Configuration& configuration, int listener, shared::Segment& segment,
          const snapshot::SnapshotBuffer& buffer, fastcgi::BusySince& busy, int stop_fd);

struct GathererListeners {
    int workers;
    int reports;  // -1: none
};

// The gatherer. Serves until `stop_fd` is readable. `cpu`: the processor times, which continue across restarts.
// Security: it holds CAP_DAC_READ_SEARCH. So it gets no data from outside except the fixed-size requests of workers.
// It ignores what a client of `reports` sends, and checks what the log reader leaves.
void gather(const config::Configuration& configuration, GathererListeners listeners, snapshot::SnapshotBuffer& buffer,
            util::KeptRecord& cpu, const MailLogResources& mail_log, int stop_fd);

}  // namespace ceymail::supervisor
