// SPDX-License-Identifier: MIT
// SecretFile: O_EXCL, fsync(2), rename(2), fsync(2) of the directory.
#include "ceymail/token/secret_file.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ceymail/util/file.hpp"

namespace ceymail::token {
namespace {

constexpr const char* k_acl = "system.posix_acl_access";
constexpr mode_t k_permissions = S_IRWXU | S_IRWXG | S_IRWXO;

std::string failed_to(std::string_view what, const std::filesystem::path& path) {
    return "cannot " + std::string(what) + " " + path.string();
}

// Errors: conflict: the existing file must not be replaced. `status` is from lstat(2).
util::Result<void> check_replaceable(const std::filesystem::path& path, Existing existing, const struct stat& status) {
    if (existing == Existing::refuse)
        return util::fail(util::ErrorKind::conflict,
                          path.string() + " is there already; name another file, or use --force to replace it", EEXIST);
    if (S_ISREG(status.st_mode)) return {};
    const char* const what = S_ISDIR(status.st_mode)   ? "a directory"
                             : S_ISLNK(status.st_mode) ? "a symbolic link; name the file that it leads to"
                                                       : "no regular file";
    return util::fail(util::ErrorKind::conflict, failed_to("replace", path) + ": it is " + what);
}

int rename_to_new_name(const char* from, const char* to) {
    const int failed = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    const bool unknown_here = failed != 0 && (errno == EINVAL || errno == ENOSYS);  // NFS among others
    return unknown_here ? ::rename(from, to) : failed;
}

constexpr std::array k_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

std::array<char, PATH_MAX> s_file{};
std::atomic<bool> s_armed{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// Calls only unlink(2) and raise(3). Source: signal-safety(7).
void on_signal(int number) {
    if (s_armed) ::unlink(s_file.data());
    ::raise(number);  // SA_RESETHAND restored the default action, which ends the process
}

void install() {
    struct sigaction handler{};
    handler.sa_handler = on_signal;
    handler.sa_flags = SA_RESETHAND;
    for (const int number : k_signals) {
        struct sigaction before{};
        const bool ignored = ::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
        if (!ignored) ::sigaction(number, &handler, nullptr);
    }
}

// Until the next call SIGINT, SIGTERM, SIGHUP or SIGQUIT removes `file` and ends the process. Empty: no file. One file
// at a time. A signal that was ignored at the start of the process (nohup) stays ignored.
void remove_on_signal(const std::filesystem::path& file) {
    s_armed = false;
    const auto& name = file.native();
    if (name.empty() || name.size() >= s_file.size()) return;  // open(2) refuses a longer one
    std::memcpy(s_file.data(), name.c_str(), name.size() + 1);
    install();
    s_armed = true;
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
    const bool exists = ::lstat(path.c_str(), &status) == 0;
    if (exists) CEYMAIL_TRY(check_replaceable(path, existing, status));
    auto written = path;
    written += ".new";
    util::Fd fd(::open(written.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd && errno == EEXIST)
        return util::fail(util::ErrorKind::conflict,
                          written.string() +
                              " is there: another ceymail-token is at work, or one was killed; if none "
                              "runs, remove that file and run this again",
                          EEXIST);
    if (!fd) return util::fail_errno(errno, failed_to("make", written));
    remove_on_signal(written);
    SecretFile file(path, std::move(written), std::move(fd));
    if (exists) CEYMAIL_TRY(file.copy_target_attributes());
    return file;
}

util::Result<void> SecretFile::write_new(const std::filesystem::path& path, const std::vector<std::string_view>& parts,
                                         const passwd* reader) {
    CEYMAIL_TRY_ASSIGN(auto file, make(path, Existing::refuse));
    CEYMAIL_TRY(file.write(parts));
    if (reader != nullptr && ::fchown(file.m_fd.get(), reader->pw_uid, reader->pw_gid) != 0)
        return util::fail_errno(errno, failed_to("change the owner of", file.m_written));
    return file.keep();
}

// Readers of the old file must be able to read the new one. The file is still empty, so no secret is exposed early.
util::Result<void> SecretFile::copy_target_attributes() {
    m_replaces = true;
    struct stat old{};
    struct stat own{};
    if (::lstat(m_target.c_str(), &old) != 0) return util::fail_errno(errno, failed_to("look at", m_target));
    if (::fstat(m_fd.get(), &own) != 0) return util::fail_errno(errno, failed_to("look at", m_written));
    if ((old.st_uid != own.st_uid || old.st_gid != own.st_gid) && ::fchown(m_fd.get(), old.st_uid, old.st_gid) != 0)
        return util::fail_errno(errno, failed_to("keep owner and group of", m_target),
                                "run this as root, or name another file");
    std::array<char, 4096> acl{};
    const auto size = ::lgetxattr(m_target.c_str(), k_acl, acl.data(), acl.size());
    if (size <= 0)
        ::fremovexattr(m_fd.get(), k_acl);  // possibly inherited from the directory
    else if (::fsetxattr(m_fd.get(), k_acl, acl.data(), static_cast<std::size_t>(size), 0) != 0)
        return util::fail_errno(errno, failed_to("keep the access list of", m_target));
    if (::fchmod(m_fd.get(), old.st_mode & k_permissions) != 0)
        return util::fail_errno(errno, failed_to("keep the mode of", m_target));
    return {};
}

util::Result<void> SecretFile::write(const std::vector<std::string_view>& parts) {
    if (auto done = write_all(m_fd.get(), parts, m_written.string()); !done) return done;
    if (::fsync(m_fd.get()) != 0) return util::fail_errno(errno, failed_to("write", m_written));
    return {};
}

util::Result<void> SecretFile::keep() {
    const auto written = release();
    const int failed = m_replaces ? ::rename(written.c_str(), m_target.c_str())
                                  : rename_to_new_name(written.c_str(), m_target.c_str());
    if (failed != 0)
        return util::fail_errno(errno, failed_to("put " + written.string() + " in the place of", m_target),
                                "what was written is in " + written.string() + "; move it by hand");
    return util::sync_directory_of(m_target);
}

std::filesystem::path SecretFile::release() noexcept {
    remove_on_signal({});
    return std::exchange(m_written, {});
}

bool SecretFile::open_to_others() const noexcept {
    struct stat status{};
    return ::fstat(m_fd.get(), &status) == 0 && (status.st_mode & (S_IRWXO | S_IWGRP)) != 0;
}

void hold_signals() noexcept {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int number : k_signals) ::sigaddset(&held, number);
    ::sigprocmask(SIG_BLOCK, &held, nullptr);
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
