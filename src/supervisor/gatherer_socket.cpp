// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/gatherer_socket.hpp"

#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/unix_socket.hpp"

#include <cerrno>
#include <string>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ceymail::supervisor {

namespace {

using util::ErrorKind;
using util::Result;

util::Fd make_socket() noexcept {
    return util::Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int bind_with_mode(int fd, const sockaddr_un& address, mode_t mode) noexcept {
    const mode_t before = ::umask(~mode & 0777);
    const int result = util::bind_unix(fd, address);
    ::umask(before);
    return result;
}

Result<util::Fd> listen_on(const std::string& path, const sockaddr_un& address, mode_t mode) {
    ::unlink(path.c_str());
    auto fd = make_socket();
    if (!fd || bind_with_mode(fd.get(), address, mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
        return util::fail_errno(errno, "cannot listen on " + path,
                                "the directory must belong to the user that ceymail-metrics runs as");
    }
    return fd;
}

Result<util::Fd> listen_for_page(const std::filesystem::path& path) {
    struct stat directory{};
    if (::stat(path.parent_path().c_str(), &directory) != 0) return util::Fd();
    const auto address = util::unix_address(path.string());
    if (!address) return std::unexpected(address.error());
    return listen_on(path.string(), *address, 0660);
}

}  // namespace

Result<util::Fd> make_gatherer_socket(const config::Configuration& configuration) {
    const std::string path = snapshot::gatherer_socket_path(configuration).string();
    const auto address = util::unix_address(path);
    if (!address) return std::unexpected(address.error());
    return listen_on(path, *address, 0600);
}

Result<util::Fd> make_report_socket(const config::Configuration& configuration) {
    return listen_for_page(snapshot::report_socket_path(configuration));
}

Result<util::Fd> make_forget_socket(const config::Configuration& configuration) {
    return listen_for_page(snapshot::forget_socket_path(configuration));
}

}  // namespace ceymail::supervisor
