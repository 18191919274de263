// SPDX-License-Identifier: MIT
// Board: the last snapshot, in shared memory, where the gatherer pins it up and the workers read it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

inline constexpr std::size_t k_board_capacity = 64 * 1024;  // bytes of exposition text

// Made once by the supervisor as a memfd(2), inherited over fork(2). One writer, any number of readers; a writer
// that dies at any instruction leaves the snapshot before it readable.
class Board {
public:
    [[nodiscard]] static util::Result<Board> make();

    // The gatherer's. `text` longer than k_board_capacity fails with ErrorKind::exhausted.
    [[nodiscard]] util::Result<void> publish(std::string_view text, util::BootTime taken_at) noexcept;

    // Replaces `text` (its capacity is kept) and returns when it was taken; BootTime{} and an empty text while
    // there is none. Never waits for the writer.
    [[nodiscard]] util::BootTime read(std::string& text) const;

    // When the last snapshot was taken; BootTime{} while there is none. No copy.
    [[nodiscard]] util::BootTime taken_at() const noexcept;

private:
    util::MappedMemory m_memory;
};

}  // namespace ceymail::snapshot
