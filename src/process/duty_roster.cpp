// SPDX-License-Identifier: MIT
#include "ceymail/process/duty_roster.hpp"

#include <utility>

namespace ceymail::process {

namespace {

static_assert(fastcgi::BusySince::is_always_lock_free, "a lock inside shared memory would outlive its holder");

struct alignas(4096) Place {  // a page, so that each worker can be left with its own
    fastcgi::BusySince since;
};

}  // namespace

DutyRoster::DutyRoster(util::MappedMemory memory) noexcept : m_memory(std::move(memory)) {}

util::Result<DutyRoster> DutyRoster::make(std::size_t workers) {
    auto memory = util::MappedMemory::allocate(workers * sizeof(Place));
    if (!memory) return std::unexpected(std::move(memory.error()));
    return DutyRoster(std::move(*memory));
}

fastcgi::BusySince& DutyRoster::place(std::size_t worker) noexcept {
    // Fresh pages are zeros, which are valid atomics that hold AwakeTime{}.
    return reinterpret_cast<Place*>(m_memory.data())[worker].since;
}

void DutyRoster::keep_only(const fastcgi::BusySince* place) noexcept {
    if (place == nullptr) return m_memory.keep_only(0, 0);
    const auto offset = reinterpret_cast<const std::byte*>(place) - m_memory.data();
    m_memory.keep_only(static_cast<std::size_t>(offset), sizeof(Place));
}

}  // namespace ceymail::process
