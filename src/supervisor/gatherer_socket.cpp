// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/gatherer_socket.hpp"

#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/unix_socket.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ceymail::supervisor {

namespace {

using util::Result;

int bind_with_mode(int fd, const sockaddr_un& address, mode_t mode) noexcept {
    const mode_t before = ::umask(~mode & 0777);
    const int result = util::bind_unix(fd, address);
    ::umask(before);
    return result;
}

Result<util::Fd> listen_on(const std::filesystem::path& path, mode_t mode) {
    CEYMAIL_TRY_ASSIGN(const auto address, util::unix_address(path));
    ::unlink(path.c_str());
    util::Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || bind_with_mode(fd.get(), address, mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
        return util::fail_errno(errno, "cannot listen on " + path.string(),
                                "the directory must belong to the user that ceymail-metrics runs as");
    }
    return fd;
}

}  // namespace

Result<util::Fd> make_gatherer_socket(const config::Configuration& configuration) {
    return listen_on(snapshot::gatherer_socket_path(configuration), 0600);
}

Result<util::Fd> make_page_socket(const std::filesystem::path& path) {
    struct stat directory{};
    if (::stat(path.parent_path().c_str(), &directory) != 0) return util::Fd();
    return listen_on(path, 0660);
}

}  // namespace ceymail::supervisor
