// SPDX-License-Identifier: MIT
// DirectoryStamp: by what one tells that a directory has not changed since it was read.
#pragma once

#include <sys/stat.h>

#include <chrono>

namespace ceymail::collect {

// Nanoseconds since the epoch, as file systems stamp them.
using FileTime = std::chrono::nanoseconds;

// CLOCK_REALTIME_COARSE, the clock that the kernel stamps files with: it advances by ticks of 1 to 10 ms.
using FileClock = FileTime (*)() noexcept;
[[nodiscard]] FileTime file_clock_now() noexcept;

// Adding, removing and renaming an entry stamps both times of its directory, inode(7). The change time cannot be set
// by hand as the modification time can, the two numbers tell a directory that was made anew under the same name.
struct DirectoryStamp {
    dev_t device = 0;
    ino_t inode = 0;
    FileTime modified{};
    FileTime changed{};

    bool operator==(const DirectoryStamp&) const = default;
};

[[nodiscard]] DirectoryStamp stamp_of(const struct stat& status) noexcept;

// Whether the same stamp later on will prove that nothing changed. `before`: the file clock, read before the stamp,
// and the stamp before the directory. A directory that was changed within the clock's present tick could be changed
// once more without getting another stamp, so it must be read again: git calls such an entry racy. Times without a
// fraction come from file systems that stamp whole seconds; they are given two.
[[nodiscard]] bool is_settled(const DirectoryStamp& stamp, FileTime before) noexcept;

// Whether the file system of the open file `fd` takes its stamps from this kernel's clock, by its type, statfs(2). A
// server's clock may be late by any amount: a change made now could then bear a time that is_settled() takes for past.
// Those of NFS, SMB, 9P, FUSE and whatever is not known to be local are not: there no stamp proves anything, and a
// directory must be read each time.
[[nodiscard]] bool is_stamped_here(int fd) noexcept;

}  // namespace ceymail::collect
