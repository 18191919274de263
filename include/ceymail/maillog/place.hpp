// SPDX-License-Identifier: MIT
// Place: where to go on reading, among the files that a log consists of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ceymail/maillog/position.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::maillog {

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
