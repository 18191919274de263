// SPDX-License-Identifier: MIT
#include "ceymail/maillog/position.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/siphash.hpp"

namespace ceymail::maillog {

FileStatus file_status(const struct stat& status) noexcept {
    return {.device = status.st_dev,
            .inode = status.st_ino,
            .size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0)),
            .modified_ns = util::file_time(status.st_mtim).count()};
}

util::Result<FileStatus> status_of(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return util::fail_errno(errno, "cannot look at the log");
    return file_status(status);
}

util::Result<std::size_t> read_at(int fd, std::span<std::byte> block, std::uint64_t offset) {
    std::size_t filled = 0;
    while (filled < block.size()) {
        const auto got = ::pread(fd, block.data() + filled, block.size() - filled, static_cast<off_t>(offset + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return util::fail_errno(errno, "cannot read the log");
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    return filled;
}

util::Result<FileStart> FileStart::read(int fd) {
    std::array<std::byte, k_bytes> bytes;
    CEYMAIL_TRY_ASSIGN(const auto length, read_at(fd, bytes, 0));
    return FileStart(std::span(bytes).first(length));
}

FileStart::FileStart(std::span<const std::byte> bytes) noexcept : m_length(std::min(bytes.size(), k_bytes)) {
    std::copy_n(bytes.begin(), m_length, m_bytes.begin());
}

bool FileStart::is_of(const Position& position) const noexcept {
    return position.start_length <= m_length && hash(position.start_length) == position.start_hash;
}

bool FileStart::is_copy_of(const Position& position) const noexcept {
    return position.start_length >= k_bytes_of_copy && is_of(position);
}

void FileStart::mark(Position& position) const noexcept {
    const auto length = std::min<std::uint64_t>(position.offset, m_length);
    position.start_length = static_cast<std::uint32_t>(length);
    position.start_hash = hash(length);
}

// Nothing has the hash 0, so that a position of zeros is right for offset 0.
std::uint64_t FileStart::hash(std::size_t length) const noexcept {
    constexpr util::SipKey k_no_secret{};  // the hash tells files apart, no more
    return length == 0 ? 0 : util::siphash(std::span(m_bytes).first(length), k_no_secret);
}

namespace {

Position start_position(const FileStatus& file) noexcept { return {.file = file, .state = PositionState::at_line}; }

// Returns: where `last` is in a copy of its file. A copy may end earlier: then all of it was read.
Position position_in_copy(const FileStart& start, const FileStatus& copy, Position last) noexcept {
    if (copy.size < last.offset) last.state = PositionState::at_line;
    last.offset = std::min(last.offset, copy.size);
    last.file = copy;
    start.mark(last);
    return last;
}

// Looks backwards for the start of the line that `end` is in, as far as `block` reaches.
// Returns: `position` with offset, state and marks; where there is no LF it is within a line.
util::Result<Position> position_before(int fd, std::uint64_t end, std::span<std::byte> block) {
    Position found;
    found.state = PositionState::at_line;
    CEYMAIL_TRY_ASSIGN(found.file, status_of(fd));
    const auto begin = end - std::min<std::uint64_t>(end, block.size());
    CEYMAIL_TRY_ASSIGN(const auto got, read_at(fd, block.first(static_cast<std::size_t>(end - begin)), begin));
    if (const auto* const last = static_cast<const std::byte*>(memrchr(block.data(), '\n', got)); last != nullptr) {
        found.offset = begin + static_cast<std::uint64_t>(last - block.data()) + 1;
    } else if (begin > 0) {
        found.offset = begin + got;
        found.state = PositionState::within_line;
    }
    CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(fd));
    start.mark(found);
    return found;
}

}  // namespace

util::Result<Place> find_place(const std::vector<LogFile>& files, std::size_t older, const Position& last,
                               std::span<std::byte> block) {
    if (last.state == PositionState::none) {
        const auto& newest = files.back();
        CEYMAIL_TRY_ASSIGN(const auto end, position_before(newest.fd.get(), newest.status.size, block));
        return Place{.file = files.size() - 1, .position = end};
    }
    for (std::size_t i = files.size(); i-- > 0;) {
        const auto& status = files[i].status;
        if (!status.is_same_file(last.file) || status.size < last.offset) continue;
        CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(files[i].fd.get()));
        if (start.is_of(last)) return Place{.file = i, .position = last};
    }
    // A log that is truncated in place is copied before. What was written between the two is in neither.
    for (std::size_t i = files.size(); i-- > 0;) {
        const auto& status = files[i].status;
        CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(files[i].fd.get()));
        if (!start.is_copy_of(last)) continue;
        return Place{.file = i,
                     .position = position_in_copy(start, status, last),
                     .skipped_bytes = last.file.size - std::min(last.file.size, std::max(last.offset, status.size))};
    }
    const auto later =
        std::find_if(files.begin() + static_cast<std::ptrdiff_t>(older), files.end(),
                     [&](const LogFile& file) { return file.status.modified_ns > last.file.modified_ns; });
    const auto first = std::min<std::size_t>(static_cast<std::size_t>(later - files.begin()), files.size() - 1);
    return Place{.file = first,
                 .position = start_position(files[first].status),
                 .skipped_bytes = last.unread_bytes(),
                 .is_lost = true};
}

util::Result<Position> begin_of_next(int fd, const Position& last) {
    CEYMAIL_TRY_ASSIGN(const auto status, status_of(fd));
    CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(fd));
    return start.is_copy_of(last) ? position_in_copy(start, status, last) : start_position(status);
}

}  // namespace ceymail::maillog
