// SPDX-License-Identifier: MIT
// Used and total space of one file system, as df(1) prints them.
#pragma once

#include <sys/statvfs.h>

#include <cstdint>
#include <filesystem>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

struct DiskUsage {
    std::uint64_t used_bytes = 0;   // (f_blocks - f_bfree) * f_frsize: blocks reserved for root count as free
    std::uint64_t total_bytes = 0;  // f_blocks * f_frsize
};

// f_blocks and f_bfree are in units of f_frsize, not f_bsize, statvfs(3).
// Errors: invalid: no blocks (as in proc), more free blocks than blocks, or more bytes than 2^64-1.
[[nodiscard]] util::Result<DiskUsage> disk_usage(const struct statvfs& status);

// Returns: ceymail_disk_used_bytes, ceymail_disk_total_bytes of the file system that holds `path`.
// statvfs(3) blocks on a dead mount regardless of the deadline, so `path` should be on the root file system.
[[nodiscard]] util::Result<Families> disk_families(const std::filesystem::path& path);

}  // namespace ceymail::collect
