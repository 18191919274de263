// SPDX-License-Identifier: MIT
// Supervisor: opens sockets and shared memory, forks one gatherer and the workers, and replaces those that exit.
// This room: the processes of the service. child.hpp confines a child and runs its role.
// Processes: the supervisor, and its children from fork(2) on.
// May touch: the listening sockets, the snapshot buffer; segment, `mail-log`, `schema-missing` and the lock in the
// runtime directory; by a child the newest token's time in the state directory.
// Attackers: a worker under an attacker's control can write to the segment and to its heartbeat slot. The supervisor
// reads no request. The settings page can connect to it, and nothing more.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::supervisor {

// Runs until SIGTERM or SIGINT.
// Returns: the exit code, sysexits(3).
// Requires: a single thread; prepare_runtime_directory(). `configuration` outlives the call.
//
// Start: as root it changes to configuration.user and keeps only CAP_DAC_READ_SEARCH. The gatherer needs it, the
// workers drop it. It sends READY, a status line and STOPPING to systemd (sd_notify(3)).
// Replacement: a child that exits is replaced at once; respawn_throttle.hpp limits early exits to one a second.
// The journal reader starts with its first request, and is replaced with the next one.
// The kernel kills the children when the supervisor exits (PR_SET_PDEATHSIG).
// Watchdog: if the unit sets WatchdogSec=, it pings while a worker makes progress. It then kills and replaces children
// that are stopped (SIGSTOP) and workers that are stuck (worker_heartbeats.hpp). It also replaces a process that has
// exited except for a thread that hangs in the kernel. Without WatchdogSec= it does not check.
// Stop: workers finish their request, within k_longest_request, and are then killed. The gatherer stops after them,
// because they may need it. A process that hangs in the kernel is left behind. It holds nothing that the next start
// needs. The unit needs KillMode=mixed, so that only the supervisor gets SIGTERM, and a longer TimeoutStopSec=.
// SIGHUP: logs that a restart is needed to read the configuration. While systemd holds the socket, a restart loses no
// request.
[[nodiscard]] int supervise(const config::Configuration& configuration, util::Fd listener);

}  // namespace ceymail::supervisor
