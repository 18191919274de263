// SPDX-License-Identifier: MIT
#include "ceymail/maillog/place.hpp"

#include <algorithm>
#include <optional>

namespace ceymail::maillog {
namespace {

constexpr std::uint64_t beyond(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a - b : 0; }

Position start_position(const FileStatus& file) noexcept {
    Position start;
    start.file = file;
    start.state = PositionState::at_line;
    return start;
}

// Returns: where `last` is in a copy of its file. A copy may end earlier: then all of it was read.
Position position_in_copy(const FileStart& start, const FileStatus& copy, Position last) noexcept {
    if (copy.size < last.offset) last.state = PositionState::at_line;
    last.offset = std::min(last.offset, copy.size);
    last.file = copy;
    start.mark(last);
    return last;
}

util::Result<std::optional<Place>> find_in_same_file(const std::vector<LogFile>& files, const Position& last) {
    for (std::size_t i = files.size(); i-- > 0;) {
        const auto& status = files[i].status;
        if (!status.is_same_file(last.file) || status.size < last.offset) continue;
        CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(files[i].fd.get()));
        if (start.is_of(last)) return Place{.file = i, .position = last};
    }
    return std::nullopt;
}

// A log that is truncated in place is copied before. What was written between the two is in neither.
util::Result<std::optional<Place>> find_in_copy(const std::vector<LogFile>& files, const Position& last) {
    for (std::size_t i = files.size(); i-- > 0;) {
        const auto& status = files[i].status;
        CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(files[i].fd.get()));
        if (!start.is_copy_of(last)) continue;
        return Place{.file = i,
                     .position = position_in_copy(start, status, last),
                     .skipped_bytes = beyond(last.file.size, std::max(last.offset, status.size))};
    }
    return std::nullopt;
}

util::Result<Place> begin_of_later_file(const std::vector<LogFile>& files, std::size_t older, const Position& last) {
    const auto later =
        std::find_if(files.begin() + static_cast<std::ptrdiff_t>(std::min(older, files.size())), files.end(),
                     [&](const LogFile& file) { return file.status.modified_ns > last.file.modified_ns; });
    const auto first = std::min<std::size_t>(static_cast<std::size_t>(later - files.begin()), files.size() - 1);
    return Place{.file = first,
                 .position = start_position(files[first].status),
                 .skipped_bytes = beyond(last.file.size, last.offset),
                 .is_lost = true};
}

}  // namespace

util::Result<Place> find_place(const std::vector<LogFile>& files, std::size_t older, const Position& last,
                               std::span<std::byte> block) {
    if (last.state == PositionState::none) {
        const auto& newest = files.back();
        CEYMAIL_TRY_ASSIGN(const auto end, position_before(newest.fd.get(), newest.status.size, block));
        return Place{.file = files.size() - 1, .position = end};
    }
    CEYMAIL_TRY_ASSIGN(const auto same, find_in_same_file(files, last));
    if (same) return *same;
    CEYMAIL_TRY_ASSIGN(const auto copy, find_in_copy(files, last));
    if (copy) return *copy;
    return begin_of_later_file(files, older, last);
}

util::Result<Position> begin_of_next(int fd, const Position& last) {
    CEYMAIL_TRY_ASSIGN(const auto status, status_of(fd));
    CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(fd));
    return start.is_copy_of(last) ? position_in_copy(start, status, last) : start_position(status);
}

}  // namespace ceymail::maillog
