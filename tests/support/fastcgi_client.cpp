// SPDX-License-Identifier: MIT
#include "support/fastcgi_client.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "ceymail/util/clock.hpp"

namespace ceymail::testing {
namespace {

util::Fd connect_to(const sockaddr& address, socklen_t size) {
    util::Fd socket(::socket(address.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    while (connect(socket.get(), &address, size) != 0) {
        if (errno == EINTR) continue;
        throw std::system_error(errno, std::generic_category(), "connect");
    }
    return socket;
}

util::Fd connect_to(const std::string& address) {
    if (address.starts_with("unix:")) {
        sockaddr_un unix_address{.sun_family = AF_UNIX, .sun_path = {}};
        std::strncpy(unix_address.sun_path, address.c_str() + 5, sizeof unix_address.sun_path - 1);
        return connect_to(reinterpret_cast<const sockaddr&>(unix_address), sizeof unix_address);
    }
    sockaddr_in internet{};
    internet.sin_family = AF_INET;
    internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    internet.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    return connect_to(reinterpret_cast<const sockaddr&>(internet), sizeof internet);
}

}  // namespace

FastcgiClient::FastcgiClient(const std::string& address) : m_socket(connect_to(address)) {}

bool FastcgiClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(m_socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void FastcgiClient::half_close() { shutdown(m_socket.get(), SHUT_WR); }

std::string FastcgiClient::receive(std::chrono::milliseconds timeout) {
    const auto deadline = util::BootClock::now() + timeout;
    std::string received;
    char buffer[16384];
    while (!m_closed) {
        pollfd readable{.fd = m_socket.get(), .events = POLLIN, .revents = 0};
        const int ready = poll(&readable, 1, util::remaining_ms(deadline));
        if (ready < 0 && errno == EINTR) continue;  // a child of the test's has died, say
        if (ready <= 0) break;
        const ssize_t size = recv(m_socket.get(), buffer, sizeof buffer, 0);
        m_closed = size <= 0;
        if (size > 0) received.append(buffer, static_cast<std::size_t>(size));
    }
    return received;
}

Answer ask(const std::string& address, const Parameters& parameters) {
    FastcgiClient client(address);
    client.send(request(parameters));
    return read_answer(client.receive());
}

}  // namespace ceymail::testing
