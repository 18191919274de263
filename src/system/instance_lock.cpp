// SPDX-License-Identifier: MIT
#include "ceymail/system/instance_lock.hpp"

#include <cerrno>
#include <string>

#include <fcntl.h>

namespace ceymail::system {

namespace {

constexpr const char* k_name = "lock";

struct flock whole_file() noexcept {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

}  // namespace

util::Result<util::Fd> lock_instance(const std::filesystem::path& directory, const std::string& program,
                                     const std::string& key) {
    const std::string path = (directory / k_name).string();
    util::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    if (!file)
        return util::fail_errno(errno, "cannot open " + path,
                                "the directory must be there and belong to the user that the service runs as");
    auto lock = whole_file();
    if (::fcntl(file.get(), F_SETLK, &lock) == 0) return file;
    if (errno != EAGAIN && errno != EACCES) return util::fail_errno(errno, "cannot lock " + path);
    return util::fail(util::ErrorKind::conflict, "another " + program + " runs with " + directory.string() +
                                                     "; stop it, or name another directory by " + key + " =");
}

std::optional<pid_t> find_instance(const std::filesystem::path& directory) {
    const util::Fd file(
        ::open((directory / k_name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    auto lock = whole_file();
    if (!file || ::fcntl(file.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
    return lock.l_pid;
}

}  // namespace ceymail::system
