// SPDX-License-Identifier: MIT
// DiskCollector: space in use and in all of one file system, as df(1) prints them.
#pragma once

#include <sys/statvfs.h>

#include <cstdint>
#include <filesystem>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

struct DiskUsage {
    std::uint64_t used_bytes = 0;   // (f_blocks - f_bfree) * f_frsize: what is reserved for root counts as free
    std::uint64_t total_bytes = 0;  // f_blocks * f_frsize

    bool operator==(const DiskUsage&) const = default;
};

// statvfs(3): f_blocks and f_bfree are counted in f_frsize, not in f_bsize.
// Fails with ErrorKind::invalid where the file system has no blocks (proc and its kin), more free than there are,
// or more bytes than 2^64-1.
[[nodiscard]] util::Result<DiskUsage> disk_usage(const struct statvfs& status);

// ceymail_disk_used_bytes, ceymail_disk_total_bytes of the file system that holds `path`.
// A dead mount hangs in statvfs(3), whatever the deadline: hand in a path of the root file system.
class DiskCollector : public Collector {
public:
    explicit DiskCollector(std::filesystem::path path);

    [[nodiscard]] std::string_view name() const noexcept override { return "disk"; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

private:
    std::filesystem::path m_path;
};

}  // namespace ceymail::collect
