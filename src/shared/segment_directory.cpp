// SPDX-License-Identifier: MIT
#include "ceymail/shared/segment_directory.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ceymail/util/file.hpp"

namespace ceymail::shared {

using util::ErrorKind;
using util::Fd;
using util::Result;

SegmentDirectory::SegmentDirectory(std::filesystem::path path, Fd fd, uid_t owner) noexcept
    : m_path(std::move(path)), m_fd(std::move(fd)), m_owner(owner) {}

Result<SegmentDirectory> SegmentDirectory::open(const std::filesystem::path& path, std::string_view key) {
    const std::string what = "cannot use the runtime directory " + path.string();
    Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (!fd && (errno == ENOTDIR || errno == ELOOP))
        return util::fail(ErrorKind::denied,
                          what + ": it is no directory; remove it, or set another " + std::string(key));
    if (!fd || ::fstat(fd.get(), &status) != 0)
        return util::fail_errno(errno, what,
                                "systemd makes it (RuntimeDirectory=), else make it for the service's user");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return util::fail(ErrorKind::denied, what + ": others than its owner may write there; chmod go-w it");
    return SegmentDirectory(path, std::move(fd), status.st_uid);
}

Result<std::string> SegmentDirectory::boot_id() const {
    struct statfs status{};
    if (::fstatfs(m_fd.get(), &status) == 0 && status.f_type == TMPFS_MAGIC) return std::string();
    CEYMAIL_TRY_ASSIGN(const std::string line, util::read_file("/proc/sys/kernel/random/boot_id"));
    return line.substr(0, line.find('\n'));
}

Result<Fd> SegmentDirectory::open_file(const char* name, Missing missing) const {
    const std::string what = "cannot use " + path_of(name);
    // O_NONBLOCK: open(2) must not wait for the other end of a fifo of that name.
    const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    Fd fd(::openat(m_fd.get(), name, missing == Missing::is_created ? flags | O_CREAT : flags, 0600));
    struct stat status{};
    const bool special = !fd && (errno == ELOOP || errno == EISDIR || errno == ENXIO);
    if (!special && (!fd || ::fstat(fd.get(), &status) != 0)) return util::fail_errno(errno, what);
    if (special || !S_ISREG(status.st_mode))
        return util::fail(ErrorKind::denied, what + ": it is not a plain file; remove it");
    if (status.st_uid != m_owner)
        return util::fail(ErrorKind::denied, what + ": it belongs to user " + std::to_string(status.st_uid) +
                                                 ", its directory to user " + std::to_string(m_owner) + "; remove it");
    return fd;
}

Result<Fd> SegmentDirectory::open_to_read(const char* name) const {
    Fd fd(::openat(m_fd.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return util::fail_errno(errno, "cannot use " + path_of(name));
    return fd;
}

Result<util::MappedMemory> SegmentDirectory::map(const char* name, const Fd& file, std::size_t size) const {
    if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)); error != 0)
        return util::fail_errno(error, "cannot allocate " + std::to_string(size) + " bytes for " + path_of(name),
                                "make room on its file system");
    return util::MappedMemory::map(file.get(), size, util::Access::read_write);
}

bool SegmentDirectory::names(const char* name, int fd) const noexcept {
    struct stat by_name{};
    struct stat by_fd{};
    return ::fstatat(m_fd.get(), name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(fd, &by_fd) == 0 &&
           by_name.st_dev == by_fd.st_dev && by_name.st_ino == by_fd.st_ino;
}

Result<void> SegmentDirectory::rename(const char* from, const char* to, Existing existing) const {
    const unsigned flags = existing == Existing::kept ? RENAME_NOREPLACE : 0;
    if (::renameat2(m_fd.get(), from, m_fd.get(), to, flags) == 0) return {};
    return util::fail_errno(errno, "cannot rename " + path_of(from) + " to " + to);
}

void SegmentDirectory::remove(const char* name) const noexcept { ::unlinkat(m_fd.get(), name, 0); }

}  // namespace ceymail::shared
