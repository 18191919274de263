// SPDX-License-Identifier: MIT
#include "ceymail/maillog/open_log.hpp"

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ceymail::maillog {
namespace {

using util::ErrorKind;

constexpr uid_t k_system_accounts = 1000;  // SYS_UID_MAX of login.defs(5) is 999

std::string_view type_of(mode_t mode) noexcept {
    if (S_ISLNK(mode)) return "a symbolic link";
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

util::Result<void> check(const struct stat& status, const std::string& path) {
    const auto refused = [&](const std::string& reason) {
        return util::fail(ErrorKind::conflict, "cannot follow " + path + ": " + reason);
    };
    if (!S_ISREG(status.st_mode))
        return refused("it is " + std::string(type_of(status.st_mode)) + "; name the regular file itself");
    if (status.st_uid >= k_system_accounts && status.st_uid != ::geteuid())
        return refused("it belongs to user " + std::to_string(status.st_uid) +
                       ", who can write any line into it; chown root:adm " + path);
    if ((status.st_mode & S_IWOTH) != 0) return refused("every user can write any line into it; chmod o-w " + path);
    return {};
}

std::unexpected<util::Error> cannot_open(int error, const std::string& path) {
    std::string_view remedy;
    if (error == ENOENT) remedy = "it comes with the first line that syslog writes, if rsyslog is installed";
    if (error == EACCES) remedy = "give the unit CAP_DAC_READ_SEARCH, or its user the group adm";
    return util::fail_errno(error, "cannot follow " + path, remedy);
}

// A log that was never looked at has no file yet.
bool is_file_of(const util::Fd& file, const Position& last) {
    if (last.state == PositionState::none) return true;
    const auto status = status_of(file.get());
    return status && status->is_same_file(last.file);
}

}  // namespace

util::Result<util::Fd> open_log(const std::filesystem::path& path) {
    struct stat status{};
    // Looked at first: to open a device can have effects.
    if (::lstat(path.c_str(), &status) != 0) return cannot_open(errno, path.string());
    CEYMAIL_TRY(check(status, path.string()));
    util::Fd fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC)};
    if (!fd) return cannot_open(errno, path.string());
    // Another file may have the name by now.
    if (::fstat(fd.get(), &status) != 0) return cannot_open(errno, path.string());
    CEYMAIL_TRY(check(status, path.string()));
    return fd;
}

util::Result<std::vector<util::Fd>> open_log_files(const std::filesystem::path& path, const Position& last) {
    // In this order: a rotation in between shows one file twice, but passes over none.
    auto log = open_log(path);  // model: mail-log/open-log
    if (!log && log.error().kind != ErrorKind::not_found) return std::unexpected(std::move(log.error()));
    auto rotated = open_log(path.string() + ".1");  // model: mail-log/open-rotated
    std::vector<util::Fd> files;
    if (rotated && (log || is_file_of(*rotated, last))) files.push_back(std::move(*rotated));
    if (log) files.push_back(std::move(*log));
    return files;
}

}  // namespace ceymail::maillog
