// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/worker_heartbeats.hpp"

#include <utility>

namespace ceymail::supervisor {

namespace {

static_assert(fastcgi::BusySince::is_always_lock_free,
              "a lock in shared memory would stay locked when its holder dies");

struct alignas(4096) Slot {  // a page, so that a worker can unmap the others
    fastcgi::BusySince since;
};

}  // namespace

WorkerHeartbeats::WorkerHeartbeats(util::MappedMemory memory) noexcept : m_memory(std::move(memory)) {}

util::Result<WorkerHeartbeats> WorkerHeartbeats::make(std::size_t workers) {
    CEYMAIL_TRY_ASSIGN(auto memory, util::MappedMemory::allocate(workers * sizeof(Slot)));
    return WorkerHeartbeats(std::move(memory));
}

fastcgi::BusySince& WorkerHeartbeats::slot(std::size_t worker) noexcept {
    // New pages are zeros, which are valid atomics with the value AwakeTime{}.
    return reinterpret_cast<Slot*>(m_memory.data())[worker].since;
}

void WorkerHeartbeats::keep_only(const fastcgi::BusySince* slot) noexcept {
    if (slot == nullptr) return m_memory.keep_only(0, 0);
    const auto offset = reinterpret_cast<const std::byte*>(slot) - m_memory.data();
    m_memory.keep_only(static_cast<std::size_t>(offset), sizeof(Slot));
}

}  // namespace ceymail::supervisor
