// SPDX-License-Identifier: MIT
#include "ceymail/maillog/position.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/siphash.hpp"

namespace ceymail::maillog {
namespace {

constexpr util::SipKey k_no_secret{};  // the hash tells files apart, no more

}  // namespace

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
    return length == 0 ? 0 : util::siphash(std::span(m_bytes).first(length), k_no_secret);
}

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

}  // namespace ceymail::maillog
