// SPDX-License-Identifier: MIT
// FolderStamp: by what one tells that a folder has not changed since it was read.
#include "ceymail/collect/folder_stamp.hpp"

#include <algorithm>
#include <ctime>

namespace ceymail::collect {
namespace {

// Twice the longest tick (HZ=100): a network file system stamps with a clock that is not quite ours.
constexpr FileTime k_tick = std::chrono::milliseconds(20);
constexpr FileTime k_coarse_tick = std::chrono::seconds(2);

FileTime file_time(const timespec& time) noexcept {
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

FileTime tick_of(FileTime time) noexcept {
    return time % std::chrono::seconds(1) == FileTime::zero() ? k_coarse_tick : k_tick;
}

}  // namespace

FileTime file_clock_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return file_time(now);
}

FolderStamp stamp_of(const struct stat& status) noexcept {
    return {status.st_dev, status.st_ino, file_time(status.st_mtim), file_time(status.st_ctim)};
}

bool is_settled(const FolderStamp& stamp, FileTime before) noexcept {
    return std::max(stamp.modified + tick_of(stamp.modified), stamp.changed + tick_of(stamp.changed)) < before;
}

}  // namespace ceymail::collect
