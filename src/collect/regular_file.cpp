// SPDX-License-Identifier: MIT
#include "ceymail/collect/regular_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace ceymail::collect {

namespace {

std::unexpected<util::Error> failed(int error) {
    return util::fail(util::kind_of_errno(error), std::generic_category().message(error), error);
}

std::unexpected<util::Error> not_regular(mode_t mode) {
    return util::fail(util::ErrorKind::invalid,
                      S_ISDIR(mode) ? "it is a directory, not a regular file" : "it is not a regular file");
}

}  // namespace

util::Result<RegularFile> open_regular(const std::filesystem::path& path) {
    RegularFile file;
    if (::stat(path.c_str(), &file.status) != 0) return failed(errno);
    if (!S_ISREG(file.status.st_mode)) return not_regular(file.status.st_mode);
    // O_NONBLOCK and the second look: a FIFO may have taken the place meanwhile.
    file.fd = util::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file.fd || ::fstat(file.fd.get(), &file.status) != 0) return failed(errno);
    if (!S_ISREG(file.status.st_mode)) return not_regular(file.status.st_mode);
    return file;
}

util::Result<std::size_t> read_into(const util::Fd& fd, std::span<char> buffer) {
    std::size_t used = 0;
    while (used < buffer.size()) {
        const ssize_t got = ::read(fd.get(), buffer.data() + used, buffer.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(errno);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    return used;
}

util::Result<std::string> read_regular(const RegularFile& file, std::size_t limit) {
    const auto size = static_cast<std::size_t>(file.status.st_size);
    std::string text(std::min(size, limit) + 1, '\0');  // one more: it may grow meanwhile
    CEYMAIL_TRY_ASSIGN(const auto got, read_into(file.fd, text));
    if (got > limit)
        return util::fail(util::ErrorKind::exhausted, "it is longer than " + std::to_string(limit) + " bytes");
    text.resize(got);
    return text;
}

}  // namespace ceymail::collect
