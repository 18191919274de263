// SPDX-License-Identifier: MIT
// KeptReading: positions and counters in shared memory, which survive the death of their reader together.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "ceymail/journal/position.hpp"
#include "ceymail/maillog/counters.hpp"
#include "ceymail/maillog/position.hpp"
#include "ceymail/util/siphash.hpp"

namespace ceymail::maillog {

enum class Log : std::uint8_t { mail, fail2ban };
inline constexpr std::size_t k_logs = 2;

// What was counted, and up to where: one is nothing without the other.
struct Reading {
    Counters counters;
    std::array<Position, k_logs> positions{};
    std::array<std::uint64_t, k_logs> unread_bytes{};
    std::uint64_t fail2ban_skipped_bytes = 0;  // those of the mail log are among the counters
    ceymail::journal::Position journal{};      // `none` while the mail log is a file; else that file's position is none
    std::uint64_t journal_behind_us = 0;       // from there to the newest entry

    [[nodiscard]] Position& position(Log log) noexcept { return positions[static_cast<std::size_t>(log)]; }
    [[nodiscard]] const Position& position(Log log) const noexcept { return positions[static_cast<std::size_t>(log)]; }
    [[nodiscard]] std::uint64_t& unread(Log log) noexcept { return unread_bytes[static_cast<std::size_t>(log)]; }
    [[nodiscard]] std::uint64_t unread(Log log) const noexcept { return unread_bytes[static_cast<std::size_t>(log)]; }
    [[nodiscard]] std::uint64_t& skipped(Log log) noexcept {
        return log == Log::mail ? counters.skipped_bytes : fail2ban_skipped_bytes;
    }
};

static_assert(std::is_trivially_copyable_v<Reading> && std::has_unique_object_representations_v<Reading>);

// Plain data in a shared mapping; zeros are an empty one. It has two readings, and a number that selects one of them.
// The reader of the log may be killed at any instruction:
//   1. begin() copies the selected reading over the other one;
//   2. lines are parsed into that copy;
//   3. their end becomes its position;
//   4. commit() selects it by one store of 8 bytes.
// Before 4 the lines are not counted and will be read again; after 4 they are counted and their end is known:
// tests/model/mail_log.pml proves it, and `model:` in the code names its steps.
// Processes: one writes, which the caller ensures. Any may load().
// Security: the writer parses lines of strangers. Whatever it leaves here is safe to load and to go on from.
class KeptReading {
public:
    // Makes an empty reading where there is none, or one of another version. `key`: random, for the sender window.
    // Returns: whether it made one. Requires: it is called before the functions below.
    bool start(const util::SipKey& key) noexcept;
    // Makes one whatever there is.
    void make_empty(util::SipKey key) noexcept;

    // The writer's view of what was committed last.
    [[nodiscard]] const Reading& committed() const noexcept { return m_readings[number() % 2]; }

    // Returns: a copy of committed() to be changed. The next begin() discards what was not committed.
    [[nodiscard]] Reading& begin() noexcept;
    void commit() noexcept;

    // Returns: how many times in a row a writer began from committed() and did not commit, this one included.
    [[nodiscard]] std::uint64_t attempts() const noexcept { return m_attempts.load(std::memory_order_relaxed); }

    // Copies what was committed last. Any process.
    // Returns: false before start(), and where the writer commits all the time, which only a taken-over one does.
    [[nodiscard]] bool load(Reading& copy) const noexcept;

private:
    [[nodiscard]] std::uint64_t number() const noexcept { return m_number.load(std::memory_order_relaxed); }

    std::atomic<std::uint64_t> m_number;  // of the last commit(); its reading is m_number % 2. 0: none
    std::atomic<std::uint64_t> m_begun;   // the number that the last begin() is to become
    std::atomic<std::uint64_t> m_attempts;
    std::array<Reading, 2> m_readings;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a lock in shared memory would survive its holder");

}  // namespace ceymail::maillog
