// SPDX-License-Identifier: MIT
#include "ceymail/process/gatherer_socket.hpp"

#include "ceymail/report/inquiry.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ceymail::process {

namespace {

using util::ErrorKind;
using util::Result;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return util::fail(ErrorKind::invalid, path +
                                                  " is too long for the name of a socket; name a shorter folder by "
                                                  "runtime_directory =");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) noexcept { return reinterpret_cast<const sockaddr*>(&address); }

util::Fd make_socket() noexcept {
    return util::Fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int bind_with_mode(int fd, const sockaddr_un& address, mode_t mode) noexcept {
    const mode_t before = ::umask(~mode & 0777);
    const int result = ::bind(fd, generic(address), sizeof address);
    ::umask(before);
    return result;
}

Result<util::Fd> listen_on(const std::string& path, const sockaddr_un& address, mode_t mode) {
    ::unlink(path.c_str());
    auto fd = make_socket();
    if (!fd || bind_with_mode(fd.get(), address, mode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
        return util::fail_errno(errno, "cannot listen on " + path,
                                "the folder must belong to the user that ceymail-metrics runs as");
    }
    return fd;
}

Result<util::Fd> listen_for_page(const std::filesystem::path& path) {
    struct stat folder{};
    if (::stat(path.parent_path().c_str(), &folder) != 0) return util::Fd();
    const auto address = address_of(path.string());
    if (!address) return std::unexpected(address.error());
    return listen_on(path.string(), *address, 0660);
}

}  // namespace

std::filesystem::path gatherer_socket_path(const config::Configuration& configuration) {
    return configuration.runtime_directory / "gatherer.sock";
}

Result<util::Fd> make_gatherer_socket(const config::Configuration& configuration) {
    const std::string path = gatherer_socket_path(configuration).string();
    const auto address = address_of(path);
    if (!address) return std::unexpected(address.error());
    return listen_on(path, *address, 0600);
}

Result<util::Fd> make_report_socket(const config::Configuration& configuration) {
    return listen_for_page(report::socket_path(configuration));
}

Result<util::Fd> make_forget_socket(const config::Configuration& configuration) {
    return listen_for_page(report::forget_socket_path(configuration));
}

}  // namespace ceymail::process
