// SPDX-License-Identifier: MIT
#include "ceymail/collect/disk.hpp"

#include <cerrno>

namespace ceymail::collect {
namespace {

constexpr std::string_view k_remedy = "set `disk` to a directory of the root file system";

util::Result<struct statvfs> status_of(const std::filesystem::path& path) {
    struct statvfs status{};
    int outcome = 0;
    do {
        outcome = ::statvfs(path.c_str(), &status);
    } while (outcome != 0 && errno == EINTR);
    if (outcome != 0) return util::fail_errno(errno, "cannot ask the space of " + path.string(), k_remedy);
    return status;
}

}  // namespace

util::Result<DiskUsage> disk_usage(const struct statvfs& status) {
    DiskUsage usage;
    if (status.f_blocks == 0 || status.f_bfree > status.f_blocks ||
        __builtin_mul_overflow(status.f_blocks, status.f_frsize, &usage.total_bytes)) {
        return util::fail(util::ErrorKind::invalid,
                          "the file system tells no plausible size; " + std::string(k_remedy));
    }
    usage.used_bytes = (status.f_blocks - status.f_bfree) * status.f_frsize;
    return usage;
}

util::Result<Families> disk_families(const std::filesystem::path& path) {
    CEYMAIL_TRY_ASSIGN(const auto status, status_of(path));
    CEYMAIL_TRY_ASSIGN(const auto usage, disk_usage(status));

    using enum exposition::MetricType;
    return Families{
        single("ceymail_disk_used_bytes", "Space in use on the root file system, as df prints it.", gauge,
               usage.used_bytes),
        single("ceymail_disk_total_bytes", "Size of the root file system, as df prints it.", gauge, usage.total_bytes),
    };
}

}  // namespace ceymail::collect
