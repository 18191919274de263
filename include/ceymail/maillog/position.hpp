// SPDX-License-Identifier: MIT
// Position: up to where a log was read, and how its place is found again among the files that the log consists of.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <sys/stat.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

// What fstat(2) says of a file. Units: bytes, nanoseconds of the wall clock.
struct FileStatus {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;

    [[nodiscard]] bool is_same_file(const FileStatus& other) const noexcept {
        return device == other.device && inode == other.inode;
    }
    friend bool operator==(const FileStatus&, const FileStatus&) = default;
};

[[nodiscard]] FileStatus file_status(const struct stat& status) noexcept;

// Errors: the kind of the errno.
[[nodiscard]] util::Result<FileStatus> status_of(int fd);

enum class PositionState : std::uint32_t {
    none,        // the log was never looked at
    waiting,     // there was no log: the one that comes is read from its start
    at_line,     // `offset` is at the start of a line
    within_line  // `offset` is within a line that is too long; its rest is skipped
};

// Plain data without padding; all bytes zero is `none`. Any value of its bytes is safe to use.
struct Position {
    FileStatus file;  // when it was last read
    std::uint64_t offset = 0;
    std::uint64_t start_hash = 0;    // of the first `start_length` bytes
    std::uint32_t start_length = 0;  // min(offset, FileStart::k_bytes)
    PositionState state = PositionState::none;

    [[nodiscard]] bool is_in_file() const noexcept {
        return state == PositionState::at_line || state == PositionState::within_line;
    }
    [[nodiscard]] std::uint64_t unread_bytes() const noexcept { return file.size - std::min(file.size, offset); }

    friend bool operator==(const Position&, const Position&) = default;
};

static_assert(std::is_trivially_copyable_v<Position> && std::has_unique_object_representations_v<Position>);

// The first bytes of a file. Inode numbers come back after some rotations, and a truncated file keeps its own. The
// first line has a stamp, so other contents begin otherwise.
class FileStart {
public:
    static constexpr std::size_t k_bytes = 128;
    // Fewer bytes do not tell two logs apart: of so short a start only the file itself is recognized, no copy of it.
    static constexpr std::size_t k_bytes_of_copy = 32;

    // Of the first bytes of a file, of which there may be more than are needed.
    explicit FileStart(std::span<const std::byte> bytes) noexcept;

    // Errors: the kind of the errno.
    [[nodiscard]] static util::Result<FileStart> read(int fd);

    // Returns: whether the file begins as the file of the position did.
    [[nodiscard]] bool is_of(const Position& position) const noexcept;
    // The same; false where the position knows too little of the start.
    [[nodiscard]] bool is_copy_of(const Position& position) const noexcept;

    // Sets hash and length for the offset of the position.
    void mark(Position& position) const noexcept;

private:
    [[nodiscard]] std::uint64_t hash(std::size_t length) const noexcept;

    std::array<std::byte, k_bytes> m_bytes{};
    std::size_t m_length = 0;
};

// pread(2), again after a signal, until `block` is full or the file ends. Returns: bytes. Errors: the kind of the
// errno.
[[nodiscard]] util::Result<std::size_t> read_at(int fd, std::span<std::byte> block, std::uint64_t offset);

// An open file of a log.
struct LogFile {
    util::Fd fd;
    FileStatus status;  // when it was opened
};

struct Place {
    std::size_t file = 0;             // its index; the files behind it follow
    Position position;                // in that file
    std::uint64_t skipped_bytes = 0;  // known to be lost
    bool is_lost = false;             // `last` is in none of the files
};

// Finds the place of `last` again: in the same file, else in a copy of it, else at the start of the first file that was
// written after it. A first reader begins at the end of the last file.
// `files`: oldest first, not empty. `older`: so many of them in front are known to be older than the file of `last`,
// whatever their time says. `block`: to search for the end of a line in.
// Errors: the kind of the errno of a file that cannot be read.
[[nodiscard]] util::Result<Place> find_place(const std::vector<LogFile>& files, std::size_t older, const Position& last,
                                             std::span<std::byte> block);

// Returns: where to begin in a file that follows the one of `last`: at its start, except in a copy.
[[nodiscard]] util::Result<Position> begin_of_next(int fd, const Position& last);

}  // namespace ceymail::maillog
