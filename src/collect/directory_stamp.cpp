// SPDX-License-Identifier: MIT
#include "ceymail/collect/directory_stamp.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "ceymail/util/clock.hpp"

namespace ceymail::collect {
namespace {

// Twice the longest tick (HZ=100), for clocks that differ a little.
constexpr FileTime k_tick = std::chrono::milliseconds(20);
constexpr FileTime k_coarse_tick = std::chrono::seconds(2);

// Older versions of linux/magic.h lack these. ext2 and ext3 have the number of ext4.
constexpr std::uint32_t k_xfs = 0x58465342;
constexpr std::uint32_t k_zfs = 0x2fc12fc1;
constexpr std::uint32_t k_bcachefs = 0xca451a4e;
constexpr std::array<std::uint32_t, 9> k_local{EXT4_SUPER_MAGIC, k_xfs,       BTRFS_SUPER_MAGIC,
                                               TMPFS_MAGIC,      RAMFS_MAGIC, OVERLAYFS_SUPER_MAGIC,
                                               F2FS_SUPER_MAGIC, k_zfs,       k_bcachefs};

FileTime tick_of(FileTime time) noexcept {
    return time % std::chrono::seconds(1) == FileTime::zero() ? k_coarse_tick : k_tick;
}

}  // namespace

FileTime file_clock_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return util::file_time(now);
}

DirectoryStamp stamp_of(const struct stat& status) noexcept {
    return {status.st_dev, status.st_ino, util::file_time(status.st_mtim), util::file_time(status.st_ctim)};
}

std::optional<DirectoryStamp> stamp_at(const std::filesystem::path& path) noexcept {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? std::optional(stamp_of(status)) : std::nullopt;
}

bool is_settled(const DirectoryStamp& stamp, FileTime before) noexcept {
    return std::max(stamp.modified + tick_of(stamp.modified), stamp.changed + tick_of(stamp.changed)) < before;
}

bool has_local_timestamps(int fd) noexcept {
    struct statfs file_system{};
    return ::fstatfs(fd, &file_system) == 0 &&
           std::ranges::find(k_local, static_cast<std::uint32_t>(file_system.f_type)) != k_local.end();
}

}  // namespace ceymail::collect
