// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/worker_heartbeats.hpp"

#include <utility>

namespace ceymail::supervisor {

namespace {

static_assert(fastcgi::BusySince::is_always_lock_free, "a lock inside shared memory would outlive its holder");

struct alignas(4096) Slot {  // a page, so that each worker can be left with its own
    fastcgi::BusySince since;
};

}  // namespace

WorkerHeartbeats::WorkerHeartbeats(util::MappedMemory memory) noexcept : m_memory(std::move(memory)) {}

util::Result<WorkerHeartbeats> WorkerHeartbeats::make(std::size_t workers) {
    auto memory = util::MappedMemory::allocate(workers * sizeof(Slot));
    if (!memory) return std::unexpected(std::move(memory.error()));
    return WorkerHeartbeats(std::move(*memory));
}

fastcgi::BusySince& WorkerHeartbeats::slot(std::size_t worker) noexcept {
    // Fresh pages are zeros, which are valid atomics that hold AwakeTime{}.
    return reinterpret_cast<Slot*>(m_memory.data())[worker].since;
}

void WorkerHeartbeats::keep_only(const fastcgi::BusySince* slot) noexcept {
    if (slot == nullptr) return m_memory.keep_only(0, 0);
    const auto offset = reinterpret_cast<const std::byte*>(slot) - m_memory.data();
    m_memory.keep_only(static_cast<std::size_t>(offset), sizeof(Slot));
}

}  // namespace ceymail::supervisor
