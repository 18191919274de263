// SPDX-License-Identifier: MIT
#include "ceymail/util/file.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace ceymail::util {
namespace {

constexpr std::size_t k_step = 16 * 1024;

}  // namespace

Result<Fd> open_to_read(const std::filesystem::path& path) {
    Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) return fail_errno(errno, "cannot read " + path.string());
    return fd;
}

Result<std::string> read_start(const std::filesystem::path& path, std::size_t limit) {
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

}  // namespace ceymail::util
