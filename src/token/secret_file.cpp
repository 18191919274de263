// SPDX-License-Identifier: MIT
// SecretFile: O_EXCL, fsync(2), rename(2), fsync(2) of the directory.
#include "ceymail/token/secret_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ceymail/token/interrupt.hpp"

namespace ceymail::token {
namespace {

constexpr const char* k_acl = "system.posix_acl_access";
constexpr mode_t k_permissions = S_IRWXU | S_IRWXG | S_IRWXO;

std::string words(std::string_view what, const std::filesystem::path& path) {
    return "cannot " + std::string(what) + " " + path.string();
}

// Conflict where what is there must not be replaced. `status` is the file's own, never that of what a link leads to.
util::Result<void> may_take_the_place(const std::filesystem::path& path, Existing existing, const struct stat& status) {
    if (existing == Existing::refuse)
        return util::fail(util::ErrorKind::conflict,
                          path.string() + " is there already; name another file, or use --force to replace it", EEXIST);
    if (S_ISREG(status.st_mode)) return {};
    const char* const what = S_ISDIR(status.st_mode)   ? "a directory"
                             : S_ISLNK(status.st_mode) ? "a symbolic link; name the file that it leads to"
                                                       : "no regular file";
    return util::fail(util::ErrorKind::conflict, words("replace", path) + ": it is " + what);
}

int rename_to_new_name(const char* from, const char* to) {
    const int failed = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    const bool unknown_here = failed != 0 && (errno == EINVAL || errno == ENOSYS);  // NFS among others
    return unknown_here ? ::rename(from, to) : failed;
}

util::Result<void> sync_directory_of(const std::filesystem::path& file) {
    auto directory = file.parent_path();
    if (directory.empty()) directory = ".";
    const util::Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Not every file system can; a directory that may be written but not read cannot be opened for it.
    if (!fd || ::fsync(fd.get()) == 0 || errno == EINVAL || errno == ENOTSUP) return {};
    return util::fail_errno(errno, words("write", directory) + " down to the disk");
}

}  // namespace

SecretFile::SecretFile(std::filesystem::path target, std::filesystem::path written, util::Fd fd) noexcept
    : m_target(std::move(target)), m_written(std::move(written)), m_fd(std::move(fd)) {}

SecretFile::SecretFile(SecretFile&& other) noexcept
    : m_target(std::move(other.m_target)),
      m_written(std::exchange(other.m_written, {})),
      m_fd(std::move(other.m_fd)),
      m_replaces(other.m_replaces) {}

SecretFile::~SecretFile() {
    if (m_written.empty()) return;
    ::unlink(m_written.c_str());
    remove_on_signal({});
}

util::Result<SecretFile> SecretFile::make(const std::filesystem::path& path, Existing existing) {
    struct stat status{};
    const bool there = ::lstat(path.c_str(), &status) == 0;
    if (there)
        if (auto allowed = may_take_the_place(path, existing, status); !allowed)
            return std::unexpected(std::move(allowed.error()));
    auto written = path;
    written += ".new";
    util::Fd fd(::open(written.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd && errno == EEXIST)
        return util::fail(util::ErrorKind::conflict,
                          written.string() +
                              " is there: another ceymail-token is at work, or one was killed; if none "
                              "runs, remove that file and run this again",
                          EEXIST);
    if (!fd) return util::fail_errno(errno, words("make", written));
    remove_on_signal(written);
    SecretFile file(path, std::move(written), std::move(fd));
    if (there)
        if (auto alike = file.be_like_target(); !alike) return std::unexpected(std::move(alike.error()));
    return file;
}

// Whoever reads the old file must be able to read the new one. Empty still, so that nothing can be read too early.
util::Result<void> SecretFile::be_like_target() {
    m_replaces = true;
    struct stat old{};
    struct stat own{};
    if (::lstat(m_target.c_str(), &old) != 0) return util::fail_errno(errno, words("look at", m_target));
    if (::fstat(m_fd.get(), &own) != 0) return util::fail_errno(errno, words("look at", m_written));
    if ((old.st_uid != own.st_uid || old.st_gid != own.st_gid) && ::fchown(m_fd.get(), old.st_uid, old.st_gid) != 0)
        return util::fail_errno(errno, words("keep owner and group of", m_target),
                                "run this as root, or name another file");
    std::array<char, 4096> acl{};
    const auto size = ::lgetxattr(m_target.c_str(), k_acl, acl.data(), acl.size());
    if (size <= 0)
        ::fremovexattr(m_fd.get(), k_acl);  // the directory's default may have given it one
    else if (::fsetxattr(m_fd.get(), k_acl, acl.data(), static_cast<std::size_t>(size), 0) != 0)
        return util::fail_errno(errno, words("keep the access list of", m_target));
    if (::fchmod(m_fd.get(), old.st_mode & k_permissions) != 0)
        return util::fail_errno(errno, words("keep the mode of", m_target));
    return {};
}

util::Result<void> SecretFile::write(const std::vector<std::string_view>& parts) {
    if (auto done = write_all(m_fd.get(), parts, m_written.string()); !done) return done;
    if (::fsync(m_fd.get()) != 0) return util::fail_errno(errno, words("write", m_written));
    return {};
}

util::Result<void> SecretFile::keep() {
    const auto written = leave();
    const int failed = m_replaces ? ::rename(written.c_str(), m_target.c_str())
                                  : rename_to_new_name(written.c_str(), m_target.c_str());
    if (failed != 0)
        return util::fail_errno(errno, words("put " + written.string() + " in the place of", m_target),
                                "what was written is in " + written.string() + "; move it by hand");
    return sync_directory_of(m_target);
}

std::filesystem::path SecretFile::leave() noexcept {
    remove_on_signal({});
    return std::exchange(m_written, {});
}

util::Result<void> SecretFile::give_to(unsigned uid, unsigned gid) {
    if (::fchown(m_fd.get(), uid, gid) != 0) return util::fail_errno(errno, words("change the owner of", m_written));
    return {};
}

bool SecretFile::open_to_others() const noexcept {
    struct stat status{};
    return ::fstat(m_fd.get(), &status) == 0 && (status.st_mode & (S_IRWXO | S_IWGRP)) != 0;
}

util::Result<void> write_all(int fd, const std::vector<std::string_view>& parts, std::string_view what) {
    for (std::string_view part : parts) {
        while (!part.empty()) {
            const ssize_t written = ::write(fd, part.data(), part.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return util::fail_errno(errno, "cannot write to " + std::string(what));
            part.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    return {};
}

}  // namespace ceymail::token
