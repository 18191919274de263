// SPDX-License-Identifier: MIT
// SenderWindow: how many accounts sent mail within the last hour, and how much the busiest of them sent. Fixed size.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/siphash.hpp"

namespace ceymail::maillog {

// Twelve slots of five minutes, so a window of 55 to 60 minutes. Each slot has a bitmap for the number of different
// accounts (linear counting; exact for some ten accounts, within 2 % up to 20,000) and a count-min sketch for the
// messages of each (never too low; too high by a few where an hour has 10,000 messages of as many accounts). The 16
// busiest at their last message are remembered: where they have stopped, and a 17th sent less but later, the busiest is
// told too low until that sends again.
//
// Security: accounts enter as SipHash values under a random key of this host; no name is kept. `--check`, run by root,
// looks for the name of the busiest in the log itself: busiest_account.hpp.
// Trivially copyable and without pointers: it lives in shared memory, and all bytes zero is an empty one.
class SenderWindow {
public:
    static constexpr std::chrono::minutes k_slot{5};
    static constexpr std::size_t k_slots = 12;

    struct Summary {
        std::uint64_t senders = 0;           // different accounts
        std::uint64_t busiest_messages = 0;  // of the busiest account
    };

    // Requires: a random key, before the first add().
    void set_key(const util::SipKey& key) noexcept { m_key = key; }
    [[nodiscard]] const util::SipKey& key() const noexcept { return m_key; }

    // Counts messages of an account. `name`: any bytes. A time before the last one counts as the last one.
    void add(std::string_view name, std::uint64_t messages, util::BootTime now) noexcept;

    [[nodiscard]] Summary summary(util::BootTime now) const noexcept;

private:
    static constexpr std::size_t k_rows = 4;
    static constexpr std::size_t k_columns = 1024;
    static constexpr std::size_t k_bits = 8192;
    static constexpr std::size_t k_candidates = 16;

    using Cell = std::array<std::uint16_t, k_slots>;

    [[nodiscard]] static std::size_t column_of(std::uint64_t hash, unsigned row) noexcept;
    [[nodiscard]] std::int64_t newest() const noexcept;
    [[nodiscard]] bool is_within(std::size_t position, std::int64_t slot) const noexcept;
    [[nodiscard]] std::uint64_t estimate(std::uint64_t hash, std::int64_t slot) const noexcept;
    void advance(std::int64_t slot) noexcept;
    void nominate(std::uint64_t hash) noexcept;

    util::SipKey m_key{};
    std::int64_t m_slot = 0;  // number of the newest; position m_slot % k_slots
    std::array<std::array<std::uint64_t, k_bits / 64>, k_slots> m_seen{};
    // The slots of a cell stand side by side, so that an estimate touches four cache lines. A count saturates.
    std::array<std::array<Cell, k_columns>, k_rows> m_messages{};
    std::array<std::uint64_t, k_candidates> m_candidates{};  // hashes of the busiest; 0 is none
};

}  // namespace ceymail::maillog
