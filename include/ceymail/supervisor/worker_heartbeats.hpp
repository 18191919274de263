// SPDX-License-Identifier: MIT
// WorkerHeartbeats: since when each worker has had a request in hand, told by itself and read by the supervisor.
#pragma once

#include <cstddef>

#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/supervisor/roles.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// From then on a worker counts as stuck. Twice what any request takes: a host that swaps is slow, not stuck.
inline constexpr std::chrono::milliseconds k_stuck_after = 2 * k_longest_request;

// `since`: what a place of the roster holds.
[[nodiscard]] constexpr bool is_overdue(util::AwakeTime since, util::AwakeTime now) noexcept {
    return since != util::AwakeTime{} && now - since > k_stuck_after;
}

// Shared memory, made by the supervisor and inherited over fork(2). A place belongs to one worker at a time, and is a
// page of its own: a worker can reach no other, the gatherer none.
// SECURITY: a worker that was taken over can write what it likes there, and so have itself kept; nobody draws anything
// else from it.
class WorkerHeartbeats {
public:
    // exhausted: no memory.
    [[nodiscard]] static util::Result<WorkerHeartbeats> make(std::size_t workers);

    // Stays where it is when the roster is moved.
    [[nodiscard]] fastcgi::BusySince& slot(std::size_t worker) noexcept;

    // In a child, for good: all but this place, null for none, is out of its reach. place() must not be called after.
    void keep_only(const fastcgi::BusySince* slot) noexcept;

private:
    explicit WorkerHeartbeats(util::MappedMemory memory) noexcept;

    util::MappedMemory m_memory;
};

}  // namespace ceymail::supervisor
