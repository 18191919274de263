// SPDX-License-Identifier: MIT
// JournalFollower: has the journal reader read on, and gives its lines to the parser.
// Process: the log reader.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ceymail/journal/protocol.hpp"
#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

// Threads: one.
class JournalFollower {
public:
    enum class Outcome { at_end, at_limit, no_journal };

    // `socket`: the log reader's end. Lines go through `block`, which has room for Journal::k_space bytes, and which
    // others may use in between. Requires: kept.start() was called.
    JournalFollower(int socket, KeptReading& kept, std::span<std::byte> block) noexcept;

    // Reads one batch. Where the mail log was a file before, the journal is read from the time of that file's last line
    // on; else a first reader begins at its end.
    // Errors: timed_out: the journal reader does not answer until `deadline`; unavailable: it cannot read the journal.
    [[nodiscard]] util::Result<Outcome> read(std::uint64_t& limit, util::BootTime deadline, util::BootTime now);

    // Returns: CPU time of the journal reader since the last call.
    [[nodiscard]] std::chrono::nanoseconds take_cpu_time() noexcept;

private:
    [[nodiscard]] journal::Position place() const noexcept;
    util::Result<journal::ReceivedLines> ask(const journal::Position& from, util::BootTime deadline);
    void count(const journal::ReceivedLines& received, util::BootTime now);

    int m_socket;
    KeptReading& m_kept;
    std::span<std::byte> m_block;
    std::uint64_t m_number;
    std::chrono::nanoseconds m_cpu_time{};
};

}  // namespace ceymail::maillog
