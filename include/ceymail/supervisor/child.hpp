// SPDX-License-Identifier: MIT
// A child process from fork(2) to exit: it gives up the rights that its role does not need, then runs the role.
// Processes: gatherer, workers, log reader and journal reader, and the writer, which has no role.
#pragma once

#include <sys/types.h>

#include "ceymail/admission/token_history.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/supervisor/shared_resources.hpp"

namespace ceymail::supervisor {

enum class Role { gatherer, worker, log_reader, journal_reader };

// Returns: the name of the role in the log.
[[nodiscard]] const char* name_of(Role role) noexcept;

// Runs a child, from fork(2) until _exit(2). Runs no destructor of the supervisor's objects.
// `busy`: the heartbeat slot of a worker or a reader, null for the gatherer. `supervisor`: its process id.
// Security: closes descriptors, drops capabilities and confines access to files and system calls. The kernel kills the
// child when the supervisor exits (PR_SET_PDEATHSIG).
[[noreturn]] void run_child(SharedResources& resources, Role role, fastcgi::BusySince* busy, pid_t supervisor) noexcept;

// A short-lived child that writes the token's time to the state directory, from fork(2) until _exit(2). A disk that
// hangs then keeps this child, which holds nothing that the next start needs, and not the supervisor.
[[noreturn]] void run_writer(SharedResources& resources, admission::TokenMark mark) noexcept;

}  // namespace ceymail::supervisor
