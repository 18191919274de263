// SPDX-License-Identifier: MIT
#include "ceymail/maillog/sender_window.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

namespace ceymail::maillog {
namespace {

std::int64_t slot_of(util::BootTime now) noexcept { return now.time_since_epoch() / SenderWindow::k_slot; }

// Parts of the hash that share no bit: 4 times 10 bits for the columns, 13 for the bitmap.
constexpr unsigned k_column_bits = 10;
constexpr unsigned k_bitmap_bits = 13;

constexpr std::int64_t k_last_slot = std::int64_t{1} << 40;

}  // namespace

// The gatherer reads what a process wrote that may have been taken over: any value is safe.
std::int64_t SenderWindow::newest() const noexcept { return std::clamp<std::int64_t>(m_slot, 0, k_last_slot); }

// Whether the slot at a position lies within the hour that ends at `slot`.
bool SenderWindow::is_within(std::size_t position, std::int64_t slot) const noexcept {
    if (slot == newest()) return true;  // advance() has cleared all others
    constexpr auto k_ring = static_cast<std::int64_t>(k_slots);
    const auto age = (newest() % k_ring - static_cast<std::int64_t>(position) + k_ring) % k_ring;
    return slot - k_ring < newest() - age;
}

std::size_t SenderWindow::column_of(std::uint64_t hash, unsigned row) noexcept {
    return hash >> row * k_column_bits & (k_columns - 1);
}

std::uint64_t SenderWindow::estimate(std::uint64_t hash, std::int64_t slot) const noexcept {
    std::array<bool, k_slots> is_counted{};
    for (std::size_t position = 0; position < k_slots; ++position) is_counted[position] = is_within(position, slot);
    auto least = std::numeric_limits<std::uint64_t>::max();
    for (unsigned row = 0; row < k_rows; ++row) {
        const auto& cell = m_messages[row][column_of(hash, row)];
        std::uint64_t sum = 0;
        for (std::size_t position = 0; position < k_slots; ++position) sum += is_counted[position] ? cell[position] : 0;
        least = std::min(least, sum);
    }
    return least;
}

void SenderWindow::advance(std::int64_t slot) noexcept {
    const auto steps = std::min<std::int64_t>(slot - newest(), k_slots);
    for (std::int64_t step = 0; step < steps; ++step) {
        const auto position = static_cast<std::size_t>(slot - step) % k_slots;
        m_seen[position] = {};
        for (auto& row : m_messages)
            for (auto& cell : row) cell[position] = 0;
    }
    m_slot = std::max(newest(), slot);
}

// The candidates are those that were among the busiest at their last message.
void SenderWindow::nominate(std::uint64_t hash) noexcept {
    if (std::ranges::find(m_candidates, hash) != m_candidates.end()) return;
    auto* least = &m_candidates[0];
    auto least_messages = std::numeric_limits<std::uint64_t>::max();
    for (auto& candidate : m_candidates) {
        const auto messages = candidate == 0 ? 0 : estimate(candidate, m_slot);
        if (messages >= least_messages) continue;
        least = &candidate;
        least_messages = messages;
    }
    // Of two with as many messages the later one has them for longer within the hour.
    if (estimate(hash, m_slot) >= least_messages) *least = hash;
}

void SenderWindow::add(std::string_view name, std::uint64_t messages, util::BootTime now) noexcept {
    const auto hash = std::max<std::uint64_t>(util::siphash(std::as_bytes(std::span(name)), m_key), 1);
    advance(slot_of(now));
    const auto position = static_cast<std::size_t>(newest()) % k_slots;
    const auto bit = hash >> k_rows * k_column_bits & (k_bits - 1);
    m_seen[position][bit / 64] |= std::uint64_t{1} << bit % 64;
    for (unsigned row = 0; row < k_rows; ++row) {
        auto& cell = m_messages[row][column_of(hash, row)][position];
        cell = static_cast<std::uint16_t>(
            std::min<std::uint64_t>(cell + messages, std::numeric_limits<std::uint16_t>::max()));
    }
    nominate(hash);
}

SenderWindow::Summary SenderWindow::summary(util::BootTime now) const noexcept {
    const auto slot = std::max(newest(), slot_of(now));
    std::size_t ones = 0;
    for (std::size_t word = 0; word < k_bits / 64; ++word) {
        std::uint64_t seen = 0;
        for (std::size_t position = 0; position < k_slots; ++position)
            if (is_within(position, slot)) seen |= m_seen[position][word];
        ones += static_cast<std::size_t>(std::popcount(seen));
    }
    std::uint64_t most = 0;
    for (const auto hash : m_candidates)
        if (hash != 0) most = std::max(most, estimate(hash, slot));
    // Linear counting: Whang, Vander-Zanden and Taylor, 1990.
    constexpr auto k_all = static_cast<double>(k_bits);
    const auto zeros = static_cast<double>(std::max<std::size_t>(k_bits - ones, 1));
    return {static_cast<std::uint64_t>(std::llround(k_all * std::log(k_all / zeros))), most};
}

static_assert(1U << k_bitmap_bits == 8192 && 4 * k_column_bits + k_bitmap_bits <= 64);

}  // namespace ceymail::maillog
