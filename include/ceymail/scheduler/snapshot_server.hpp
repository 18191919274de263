// SPDX-License-Identifier: MIT
// The main loop of the gatherer: runs a round of the collectors on request, and publishes the snapshot.
// Processes: the gatherer, the only process with CAP_DAC_READ_SEARCH.
#pragma once

#include <cstddef>

#include "ceymail/scheduler/collector_scheduler.hpp"
#include "ceymail/snapshot/snapshot_buffer.hpp"

namespace ceymail::scheduler {

inline constexpr std::size_t k_clients = 256;  // connections of workers at a time

// Serves `listener` until `stop_fd` is readable. Sleeps without a time-out while there is no connection.
// Requires: `listener` is a non-blocking, listening SOCK_SEQPACKET Unix socket. The supervisor keeps it open too, so
// the connections of a gatherer that died wait there for the next one.
//
// One round runs at a time. A client that asks during a round waits for its end. If that round began before
// `not_before`, the client waits for the next round.
// At its deadline a client gets what there is. From 250 ms on, that includes the results of the current round so far,
// published as unfinished; clients with more time still wait for the end of the round. If the buffer has nothing to
// serve, a round publishes its results after 250 ms in any case: a worker that got its answer too late can read them.
//
// `report_listener`: a second such socket, or -1. A client gets a report (report_client.hpp) by connecting to it.
// Security: a worker may be under an attacker's control. A request of a wrong size and a second request end the
// connection. So does 1 s without a request. At most k_clients workers and 4 readers of reports are served at a time;
// others wait in the backlog. The work budget limits how often the collectors run. A message from a
// reader of reports ends its connection.
void serve_gatherer(int listener, int stop_fd, snapshot::SnapshotBuffer& buffer, CollectorScheduler& scheduler,
                    int report_listener = -1);

}  // namespace ceymail::scheduler
