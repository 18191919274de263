// SPDX-License-Identifier: MIT
#include "ceymail/util/file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace ceymail::util {

Result<Fd> open_to_read(const std::filesystem::path& path) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno(errno, "cannot read " + path.string());
    return fd;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
    auto fd = open_to_read(path);
    if (!fd) return std::unexpected(std::move(fd.error()));
    std::string content;
    std::size_t used = 0;
    for (;;) {  // files of /proc say nothing of their size: read until the end
        content.resize(used + 4096);
        const ssize_t got = ::read(fd->get(), content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(errno, "cannot read " + path.string());
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
        if (used > limit) {
            return fail(ErrorKind::exhausted,
                        "cannot read " + path.string() + ": it is longer than " + std::to_string(limit) + " bytes");
        }
    }
    content.resize(used);
    return content;
}

Result<std::string> read_start(const std::filesystem::path& path, std::size_t most) {
    auto fd = open_to_read(path);
    if (!fd) return std::unexpected(std::move(fd.error()));
    std::string content(most, '\0');
    std::size_t used = 0;
    while (used < most) {  // files of /proc give less at a time than is asked for
        const ssize_t got = ::read(fd->get(), content.data() + used, most - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(errno, "cannot read " + path.string());
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    content.resize(used);
    return content;
}

}  // namespace ceymail::util
