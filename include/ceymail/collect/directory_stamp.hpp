// SPDX-License-Identifier: MIT
// DirectoryStamp: shows whether a directory has changed since it was read.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <optional>

namespace ceymail::collect {

// Nanoseconds since the epoch, as file systems stamp them.
using FileTime = std::chrono::nanoseconds;

// CLOCK_REALTIME_COARSE, the clock that the kernel stamps files with: it advances by ticks of 1 to 10 ms.
using FileClock = FileTime (*)() noexcept;
[[nodiscard]] FileTime file_clock_now() noexcept;

// Adding, removing and renaming an entry sets both times of its directory, inode(7). A process can set back the
// modification time, but not the change time. The two numbers differ for a new directory of the same name.
struct DirectoryStamp {
    dev_t device = 0;
    ino_t inode = 0;
    FileTime modified{};
    FileTime changed{};

    bool operator==(const DirectoryStamp&) const = default;
};

[[nodiscard]] DirectoryStamp stamp_of(const struct stat& status) noexcept;

// Returns: the stamp of the file or directory, behind any symbolic links; none if there is none.
[[nodiscard]] std::optional<DirectoryStamp> stamp_at(const std::filesystem::path& path) noexcept;

// Whether an equal stamp later proves that nothing changed. `before`: the file clock, read before the stamp, which was
// taken before the directory was read.
// A directory that changed within the clock's present tick can change again with the same stamp. So it must be read
// again; git calls such an entry racy. Times without a fraction come from file systems that stamp whole seconds: the
// tick is then two seconds.
[[nodiscard]] bool is_settled(const DirectoryStamp& stamp, FileTime before) noexcept;

// Whether the file system of the open file `fd` stamps with this kernel's clock, by its type, statfs(2).
// A server's clock may be late by any amount: a change could then get a time that is_settled() takes for past. So on
// NFS, SMB, 9P, FUSE and any type that is not known to be local, each directory must be read each time.
[[nodiscard]] bool has_local_timestamps(int fd) noexcept;

}  // namespace ceymail::collect
