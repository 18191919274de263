// SPDX-License-Identifier: MIT
// KeptRecord: a few words in shared memory that survive the process that writes them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "ceymail/util/clock.hpp"

namespace ceymail::util {

// Plain data in a shared mapping; zeros are an empty record. The caller defines the words.
// A writer killed at any instruction leaves the old record or the new one: store() fills the unused slot, then one
// 8-byte store selects it.
// Processes: one at a time, which the caller ensures.
class KeptRecord {
public:
    using Words = std::array<std::uint64_t, 12>;
    struct Content {
        Words words{};
        BootTime at{};  // set by the writer
    };

    // Returns: none before the first store().
    [[nodiscard]] std::optional<Content> load() const noexcept {
        const auto number = m_number.load(std::memory_order_acquire);
        if (number == 0) return std::nullopt;
        const Slot& slot = m_slots[number % 2];
        Content content;
        for (std::size_t i = 0; i < content.words.size(); ++i)
            content.words[i] = slot.words[i].load(std::memory_order_relaxed);
        content.at = BootTime(std::chrono::nanoseconds(slot.at_ns.load(std::memory_order_relaxed)));
        return content;
    }

    void store(const Content& content) noexcept {
        const auto number = m_number.load(std::memory_order_relaxed) + 1;
        Slot& slot = m_slots[number % 2];
        for (std::size_t i = 0; i < content.words.size(); ++i)
            slot.words[i].store(content.words[i], std::memory_order_relaxed);
        slot.at_ns.store(content.at.time_since_epoch().count(), std::memory_order_relaxed);
        m_number.store(number, std::memory_order_release);
    }

private:
    struct Slot {
        std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words;
        std::atomic<std::int64_t> at_ns;
    };

    std::atomic<std::uint64_t> m_number;  // of the last store(); its slot is m_number % 2. 0: none
    std::array<Slot, 2> m_slots;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a lock in shared memory would survive its holder");

}  // namespace ceymail::util
