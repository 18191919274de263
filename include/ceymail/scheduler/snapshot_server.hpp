// SPDX-License-Identifier: MIT
// The gatherer process: the only one with CAP_DAC_READ_SEARCH. Gathers when asked, pins the snapshot up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "ceymail/scheduler/collector_scheduler.hpp"
#include "ceymail/snapshot/snapshot_buffer.hpp"

namespace ceymail::scheduler {

inline constexpr std::size_t k_clients = 256;  // connections at a time

// Serves `listener` (a non-blocking listening SOCK_SEQPACKET Unix socket, which the supervisor keeps open) until
// `stop_fd` is readable. One gathering at a time: whoever asks meanwhile waits for it, or, if it began too early for
// him, for the next one. Who has less time than the gathering needs gets what there is by then, which from 250 ms on
// includes what this gathering has so far. That is marked as unfinished on the buffer; who has more time waits for the
// end of the gathering. Where the board has nothing to serve it is shown after 250 ms in any case, so that a caller
// that the answer reaches too late finds it. Callers of a gatherer that died wait in the listener for its successor.
// Asleep without a time-out while nobody asks. SECURITY: callers may be taken-over workers. Requests of a wrong size
// and second requests end the connection, a silent one ends after 1 s; k_clients are served at a time, the others wait
// in the listener's backlog; the work budget bounds what they can make the collectors do.
// `report_listener`: a second such socket, or -1. Who connects to it gets a report (report/inquiry.hpp) and has nothing
// to say: not a byte is read from there. Four are served at a time.
void serve_gatherer(int listener, int stop_fd, snapshot::SnapshotBuffer& buffer, CollectorScheduler& scheduler,
                    int report_listener = -1);

}  // namespace ceymail::scheduler
