// SPDX-License-Identifier: MIT
// SnapshotBuffer: the last snapshot, in shared memory, where the gatherer pins it up and the workers read it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

inline constexpr std::size_t k_snapshot_capacity = 64 * 1024;  // bytes of exposition text

// Made once by the supervisor as a memfd(2), inherited over fork(2). One writer at a time, any number of readers.
// A writer that dies at any instruction leaves the snapshot before it readable, and its successor carries on.
// SECURITY: all pages are allocated and the file is sealed against change of size and against new writable
// mappings, so nobody who inherits the board can make a reader fault, and who gave up writing cannot get it back.
// What is on it comes from the gatherer, so readers check the size and copy nothing else into anything.
class SnapshotBuffer {
public:
    // exhausted: no memory or descriptors; unavailable: a kernel before 5.1, which lacks F_SEAL_FUTURE_WRITE.
    [[nodiscard]] static util::Result<SnapshotBuffer> make();

    // For workers, after the fork: from here on this process can only read.
    void make_read_only() noexcept;

    // The gatherer's. `text` longer than k_snapshot_capacity fails with ErrorKind::exhausted, a board made read-only
    // with denied; the snapshot before stays.
    [[nodiscard]] util::Result<void> publish(std::string_view text, SnapshotTimes times);

    // Replaces `text` (its capacity is kept). An empty text where there is none. Never waits for the writer, never
    // gives a torn text: only two publications during one copy disturb it, and then it copies again, boundedly.
    [[nodiscard]] SnapshotTimes read(std::string& text) const;

    // The times of the last snapshot, without a copy of its text.
    [[nodiscard]] SnapshotTimes times() const noexcept;
    [[nodiscard]] util::BootTime taken_at() const noexcept { return times().taken_at; }

private:
    SnapshotBuffer(util::MappedMemory writable, util::MappedMemory readable) noexcept;

    util::MappedMemory m_writable;  // empty in a process that only reads
    util::MappedMemory m_readable;
};

}  // namespace ceymail::snapshot
