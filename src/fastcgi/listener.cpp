// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/listener.hpp"

#include "ceymail/util/unix_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace ceymail::fastcgi {
namespace {

using util::ErrorKind;
using util::fail;
using util::fail_errno;
using util::Fd;
using util::Result;

constexpr mode_t k_mode = 0660;
constexpr int k_type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr std::size_t k_max_path = sizeof(sockaddr_un::sun_path) - 1;

template <class Address>
const sockaddr* generic(const Address& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<gid_t> find_group(const std::string& name) {
    std::vector<char> buffer(1024);
    struct group entry{};
    struct group* found = nullptr;
    int error = 0;
    while ((error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE) {
        buffer.resize(buffer.size() * 2);
    }
    if (found != nullptr) return found->gr_gid;
    if (error != 0) return fail_errno(error, "cannot look up the group '" + name + "' of the socket");
    return fail(ErrorKind::not_found,
                "there is no group '" + name + "' for the socket; set listen_group to the group of the web server");
}

// True when the process that made the socket, to which `probe` is connected, still runs. If it has exited, a child that
// hangs in the kernel may still have the socket. Then it accepts connections, and no process answers.
// Source: unix(7).
bool creator_runs(const Fd& probe) noexcept {
    ucred creator{};
    socklen_t size = sizeof creator;
    if (getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &creator, &size) != 0 || creator.pid <= 0) return true;
    return kill(creator.pid, 0) == 0 || errno != ESRCH;
}

// Removes a socket on which no process answers.
// Errors: conflict: another program answers, or the path is no socket.
Result<void> clear_path(const std::string& path, const sockaddr_un& address) {
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return fail_errno(errno, "cannot look at '" + path + "'");
    }
    if (!S_ISSOCK(status.st_mode)) {
        return fail(ErrorKind::conflict, "'" + path + "' is there and is no socket; remove it or listen elsewhere");
    }
    const Fd probe(socket(AF_UNIX, k_type, 0));
    if (!probe) return fail_errno(errno, "cannot make a socket");
    const bool connected = util::connect_unix(probe.get(), address) == 0;
    if (connected ? creator_runs(probe) : errno != ECONNREFUSED) {
        return fail(ErrorKind::conflict, "another program answers on '" + path + "'; stop it or listen elsewhere");
    }
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail_errno(errno, "cannot remove the socket '" + path + "' on which no process answers");
    }
    return {};
}

// The steps between bind(2) and the first connection. Group before mode, because chown(2) may clear mode bits.
Result<void> open_to_group(const Fd& listener, const std::string& path, std::optional<gid_t> group) {
    if (group && lchown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
        return fail_errno(errno, "cannot give the socket '" + path + "' to its group",
                          "start as root, or leave listen_group empty");
    }
    if (chmod(path.c_str(), k_mode) != 0) return fail_errno(errno, "cannot set the mode of '" + path + "'");
    if (listen(listener.get(), SOMAXCONN) != 0) return fail_errno(errno, "cannot listen on '" + path + "'");
    return {};
}

Result<Fd> listen_on_path(const std::string& path, const std::string& group_name) {
    if (path.empty() || path.front() != '/' || path.size() > k_max_path || path.find('\0') != path.npos) {
        return fail(ErrorKind::invalid, "cannot listen on '" + path +
                                            "': a socket's path starts with '/' and has at most " +
                                            std::to_string(k_max_path) + " characters");
    }
    std::optional<gid_t> group;
    if (!group_name.empty()) {
        CEYMAIL_TRY_ASSIGN(group, find_group(group_name));
    }
    CEYMAIL_TRY_ASSIGN(const sockaddr_un address, util::unix_address(path));
    CEYMAIL_TRY(clear_path(path, address));

    Fd listener(socket(AF_UNIX, k_type, 0));
    if (!listener) return fail_errno(errno, "cannot make a socket");
    // bind(2) gives the file the mode of the unbound socket, less the umask. So other users never have access.
    if (fchmod(listener.get(), k_mode) != 0) return fail_errno(errno, "cannot set the mode of a socket");
    if (util::bind_unix(listener.get(), address) != 0) {
        return fail_errno(errno, "cannot make the socket '" + path + "'",
                          "its directory must exist and be writable for us");
    }
    if (const auto opened = open_to_group(listener, path, group); !opened) {
        unlink(path.c_str());
        return std::unexpected(opened.error());
    }
    return listener;
}

struct InternetAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

// "ADDRESS:PORT" or "[ADDRESS]:PORT" with a loopback address and a port of 1 to 65535.
std::optional<InternetAddress> parse_loopback(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;

    std::string host(text.substr(0, colon));
    InternetAddress result;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        auto& address = reinterpret_cast<sockaddr_in6&>(result.storage);
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(port);
        result.size = sizeof address;
        host = host.substr(1, host.size() - 2);
        if (inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return std::nullopt;
        return IN6_IS_ADDR_LOOPBACK(&address.sin6_addr) ? std::optional(result) : std::nullopt;
    }
    auto& address = reinterpret_cast<sockaddr_in&>(result.storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    result.size = sizeof address;
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
    return ntohl(address.sin_addr.s_addr) >> 24 == 127 ? std::optional(result) : std::nullopt;
}

Result<Fd> listen_on_loopback(const std::string& text) {
    const auto address = parse_loopback(text);
    if (!address) {
        return fail(ErrorKind::invalid, "cannot listen on 'tcp:" + text +
                                            "': only loopback addresses are allowed, as in tcp:127.0.0.1:9000 or "
                                            "tcp:[::1]:9000, because a process that reaches the socket can state any "
                                            "client's address");
    }
    Fd listener(socket(address->storage.ss_family, k_type, 0));
    if (!listener) return fail_errno(errno, "cannot make a socket");
    const int on = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.get(), generic(address->storage), address->size) != 0 || listen(listener.get(), SOMAXCONN) != 0) {
        const int error = errno;
        if (error != EADDRINUSE) return fail_errno(error, "cannot listen on 'tcp:" + text + "'");
        return fail(ErrorKind::conflict, "another program listens on 'tcp:" + text + "'; stop it or listen elsewhere",
                    error);
    }
    return listener;
}

Result<Fd> take_from_systemd(int count) {
    const int fd = SD_LISTEN_FDS_START;
    if (count > 1) {
        return fail(ErrorKind::invalid, "systemd hands in " + std::to_string(count) +
                                            " sockets; leave one ListenStream= in the socket unit");
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
        return fail(
            ErrorKind::invalid,
            "what systemd hands in is no listening stream socket; the socket unit needs ListenStream= and Accept=no");
    }
    return Fd(fd);
}

}  // namespace

Result<Fd> make_listener(const std::string& address, const std::string& group) {
    if (address.starts_with("unix:")) return listen_on_path(address.substr(5), group);
    if (address.starts_with("tcp:")) return listen_on_loopback(address.substr(4));
    return fail(ErrorKind::invalid, "cannot listen on '" + address + "': write unix:/path or tcp:127.0.0.1:PORT");
}

Result<Fd> inherited_listener() {
    const int count = sd_listen_fds(1);
    if (count > 0) return take_from_systemd(count);
    if (count < 0) return fail_errno(-count, "cannot read LISTEN_FDS");
    if (listens(STDIN_FILENO)) return clear_standard_input(Fd(STDIN_FILENO));
    return fail(ErrorKind::not_found,
                "no socket was handed in; start through the socket unit or spawn-fcgi, or set listen");
}

Result<Fd> clear_standard_input(Fd listener) {
    Fd moved(fcntl(listener.get(), F_DUPFD_CLOEXEC, 3));
    const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!moved || !null || dup2(null.get(), STDIN_FILENO) < 0)
        return fail_errno(errno, "cannot put /dev/null in the place of standard input");
    if (listener.get() == STDIN_FILENO) static_cast<void>(listener.release());
    return moved;
}

bool listens(int fd) noexcept {
    int listening = 0;
    socklen_t size = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

}  // namespace ceymail::fastcgi
