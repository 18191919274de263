// SPDX-License-Identifier: MIT
// WorkerHeartbeats: when each worker began its current request. Workers write it, the supervisor reads it.
#pragma once

#include <chrono>
#include <cstddef>

#include "ceymail/endpoint/time_budget.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// The longest time a worker takes for one request, and so for a stop: the peer sends it, the worker answers, the peer
// reads the answer, and the worker records the use of the token.
inline constexpr std::chrono::milliseconds k_longest_request =
    fastcgi::k_peer_timeout + endpoint::k_longest_answer + fastcgi::k_peer_timeout + endpoint::k_longest_touch;

// The age of a request at which its worker counts as stuck. It is twice the longest time, because a swapping host is
// slow, not stuck.
inline constexpr std::chrono::milliseconds k_stuck_after = 2 * k_longest_request;

// Returns: whether a worker is stuck. `since`: the value of its slot, AwakeTime{} while it waits for a request.
[[nodiscard]] constexpr bool is_overdue(util::AwakeTime since, util::AwakeTime now) noexcept {
    return since != util::AwakeTime{} && now - since > k_stuck_after;
}

// Shared memory: the supervisor allocates it, its children inherit it. A slot belongs to one worker at a time.
// Security: each slot is a page. A worker can access only its own, and the gatherer none. A worker under an attacker's
// control can write any value to it, and so avoid being killed as stuck. It has no other use.
class WorkerHeartbeats {
public:
    // Errors: exhausted: no memory.
    [[nodiscard]] static util::Result<WorkerHeartbeats> make(std::size_t workers) {
        WorkerHeartbeats made;
        CEYMAIL_TRY_ASSIGN(made.m_memory, util::MappedMemory::allocate(workers * sizeof(Slot)));
        return made;
    }

    // Returns: the slot of a worker. It stays valid when this object is moved.
    // Requires: worker < workers, and no call of keep_only().
    [[nodiscard]] fastcgi::BusySince& slot(std::size_t worker) noexcept {
        // New pages are zeros, which are valid atomics with the value AwakeTime{}.
        return reinterpret_cast<Slot*>(m_memory.data())[worker].since;
    }

    // Unmaps everything except this slot (null: everything). Processes: children.
    void keep_only(const fastcgi::BusySince* slot) noexcept {
        if (slot == nullptr) return m_memory.keep_only(0, 0);
        const auto offset = reinterpret_cast<const std::byte*>(slot) - m_memory.data();
        m_memory.keep_only(static_cast<std::size_t>(offset), sizeof(Slot));
    }

private:
    struct alignas(4096) Slot {  // a page, so that a worker can unmap the others
        fastcgi::BusySince since;
    };
    static_assert(fastcgi::BusySince::is_always_lock_free,
                  "a lock in shared memory would stay locked when its holder dies");

    util::MappedMemory m_memory;
};

}  // namespace ceymail::supervisor
