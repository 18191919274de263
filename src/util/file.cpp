// SPDX-License-Identifier: MIT
#include "ceymail/util/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace ceymail::util {

Result<Fd> open_to_read(const std::filesystem::path& path) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno(errno, "cannot read " + path.string());
    return fd;
}

Result<std::string> read_start(const std::filesystem::path& path, std::size_t limit) {
    constexpr std::size_t k_step = 16 * 1024;
    CEYMAIL_TRY_ASSIGN(const auto fd, open_to_read(path));
    std::string content;
    std::size_t used = 0;
    while (used < limit) {  // files of /proc have no size, and may return less than requested
        content.resize(std::min(limit, used + k_step));
        const ssize_t got = ::read(fd.get(), content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(errno, "cannot read " + path.string());
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    content.resize(used);
    return content;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
    auto content = read_start(path, limit + 1);
    if (!content || content->size() <= limit) return content;
    return fail(ErrorKind::exhausted,
                "cannot read " + path.string() + ": it is longer than " + std::to_string(limit) + " bytes");
}

namespace {

// Returns: 0 or an errno.
int write_whole(const std::filesystem::path& path, std::string_view text) {
    const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644)};
    if (!fd) return errno;
    while (!text.empty()) {
        const ssize_t written = ::write(fd.get(), text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(fd.get()) == 0 ? 0 : errno;
}

}  // namespace

Result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
    auto draft = path;
    draft += ".new";
    int error = write_whole(draft, text);
    if (error == 0 && std::rename(draft.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return sync_directory_of(path);
    ::unlink(draft.c_str());
    return fail_errno(error, "cannot write " + path.string());
}

Result<void> sync_directory_of(const std::filesystem::path& file) {
    auto directory = file.parent_path();
    if (directory.empty()) directory = ".";
    const Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) == 0 || errno == EINVAL || errno == ENOTSUP) return {};
    return fail_errno(errno, "cannot write " + directory.string() + " down to the disk");
}

}  // namespace ceymail::util
