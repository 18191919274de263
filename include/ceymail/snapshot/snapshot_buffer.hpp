// SPDX-License-Identifier: MIT
// SnapshotBuffer: the last snapshot, in shared memory. The gatherer writes it, the workers read it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

inline constexpr std::size_t k_snapshot_capacity = 64 * 1024;  // bytes of exposition text

// The supervisor makes it as a memfd(2), and its children inherit it.
// Processes: one writer at a time, any number of readers. If a writer dies, at any instruction, the last snapshot
// stays readable, and the next writer can publish.
// Security: all pages are allocated, and the file is sealed against changes of its size and against new writable
// mappings. So no process can make a reader fault, and a process that gave up writing cannot get it back. An attacker
// may control the gatherer: readers limit the size that they read.
class SnapshotBuffer {
public:
    // Errors: exhausted: no memory or descriptors; unavailable: the kernel is older than 5.1 (F_SEAL_FUTURE_WRITE).
    [[nodiscard]] static util::Result<SnapshotBuffer> make();

    // From now on this process can only read. Processes: workers, after fork(2).
    void make_read_only() noexcept { m_writable = {}; }

    // Unmaps it. No other function may be called after it. Processes: the log reader, after fork(2).
    void drop() noexcept { *this = {}; }

    // Replaces the snapshot. On an error the old one stays. Processes: the gatherer.
    // Errors: exhausted: `text` is longer than k_snapshot_capacity; denied: after make_read_only().
    [[nodiscard]] util::Result<void> publish(std::string_view text, SnapshotTimes times);

    // Copies the snapshot to `text`, whose capacity is kept. Never waits for the writer and never gives a torn text:
    // after two publications during one copy it copies again, a limited number of times.
    // Returns: its times; SnapshotTimes{} and an empty text if there is no snapshot.
    [[nodiscard]] SnapshotTimes read(std::string& text) const;

    // Returns: the times of the last snapshot, without copying its text.
    [[nodiscard]] SnapshotTimes times() const noexcept;

private:
    SnapshotBuffer() noexcept = default;

    util::MappedMemory m_writable;  // empty in a process that only reads
    util::MappedMemory m_readable;
};

}  // namespace ceymail::snapshot
