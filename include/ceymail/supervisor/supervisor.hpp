// SPDX-License-Identifier: MIT
// Supervisor: holds the sockets and the shared memory, forks one gatherer and the workers, replaces what dies.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::supervisor {

// Runs until SIGTERM or SIGINT; returns the exit code (sysexits(3)). Never sees a request, and no byte of one.
// A child that dies is replaced at once, but no role more often than once a second when it dies young.
// On stop: workers end after the request in hand, then the gatherer, whom they may need until then; workers that are
// left after k_longest_request are killed, and nobody who is still at work is. A gatherer that hangs in the kernel is
// left behind. It holds nothing that the next start needs. systemd is told READY, STOPPING and a status line
// (sd_notify(3)); its unit needs KillMode=mixed, so that the supervisor alone gets SIGTERM, and a TimeoutStopSec=
// beyond that time. Its watchdog, where the unit has one, is stroked while workers make progress; whoever is stopped,
// or stuck in one request for twice k_longest_request, is then killed and replaced, and so is a process that has
// ended but for a thread that hangs in the kernel. Without it nobody looks. SIGHUP
// only says that a restart reads the configuration anew: with the socket held outside a restart loses no request.
// Children die with the supervisor (PR_SET_PDEATHSIG). Started as root it becomes configuration.user and keeps
// CAP_DAC_READ_SEARCH alone, which the gatherer needs and the workers drop. Requires a single thread and
// prepare_runtime_directory(). The configuration outlives the call.
[[nodiscard]] int supervise(const config::Configuration& configuration, util::Fd listener);

}  // namespace ceymail::supervisor
