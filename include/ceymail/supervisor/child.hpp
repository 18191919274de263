// SPDX-License-Identifier: MIT
// A process of the supervisor's from its fork to its end: which rights it gives up before it plays its role.
#pragma once

#include <sys/types.h>

#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/supervisor/shared_resources.hpp"

namespace ceymail::supervisor {

enum class Role { gatherer, worker };

[[nodiscard]] const char* name_of(Role role) noexcept;

// In the child, right after fork(2). `busy`: a worker's place in the roster, else null. Drops what its role does not
// need: descriptors, capabilities, files; dies with its supervisor (PR_SET_PDEATHSIG). Never returns into the
// supervisor's code, and runs no destructor of what is the supervisor's.
[[noreturn]] void run_child(SharedResources& resources, Role role, fastcgi::BusySince* busy, pid_t supervisor) noexcept;

}  // namespace ceymail::supervisor
