// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/connection.hpp"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace ceymail::fastcgi {
namespace {

constexpr std::size_t k_capacity = k_max_request + 1;  // one more, to detect a request above the limit

}  // namespace

// The bytes are not initialised, so that unused pages need no memory.
RequestReader::RequestReader()
    : m_bytes(std::make_unique_for_overwrite<std::byte[]>(k_capacity)), m_epoll(epoll_create1(EPOLL_CLOEXEC)) {
    if (!m_epoll) throw std::system_error(errno, std::generic_category(), "cannot wait for requests");
}

std::optional<RequestReader::Received> RequestReader::receive(int connection, util::BootTime deadline) {
    std::size_t written = 0;
    const auto received = peek(connection, deadline, written);
    OPENSSL_cleanse(m_bytes.get(), written);
    return received;
}

std::optional<RequestReader::Received> RequestReader::peek(int connection, util::BootTime deadline,
                                                           std::size_t& written) {
    bool watched = false;  // not before it is needed: most requests have arrived already
    for (SocketEvent event = SocketEvent::bytes; event != SocketEvent::none;) {
        const ssize_t received = recv(connection, m_bytes.get(), k_capacity, MSG_PEEK | MSG_DONTWAIT);
        if (received == 0) return std::nullopt;
        if (received < 0 && errno != EAGAIN && errno != EINTR) return std::nullopt;
        const auto size = static_cast<std::size_t>(std::max<ssize_t>(received, 0));
        written = std::max(written, size);
        const Validation validation = validate({m_bytes.get(), size});
        if (validation.verdict != Verdict::incomplete) return Received{validation, size};
        if (event == SocketEvent::end || (!watched && !watch(connection))) return std::nullopt;
        watched = true;
        event = wait_for_event(deadline);
    }
    return std::nullopt;
}

// Peeked bytes stay readable, so poll(2) would always return at once. Edge-triggered epoll(7) reports each arrival
// once. The first wait reports the bytes that have arrived already, so none is missed between recv(2) and the wait.
// Closing the connection removes it.
bool RequestReader::watch(int connection) const {
    epoll_event interest{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {}};
    return epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, connection, &interest) == 0;
}

RequestReader::SocketEvent RequestReader::wait_for_event(util::BootTime deadline) const {
    epoll_event event{};
    const int left = util::remaining_ms(deadline);
    const int count = left > 0 ? epoll_wait(m_epoll.get(), &event, 1, left) : 0;
    if (count < 0 && errno == EINTR) return SocketEvent::bytes;
    if (count <= 0) return SocketEvent::none;
    return (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ? SocketEvent::end : SocketEvent::bytes;
}

void discard_input(int connection) noexcept {
    std::array<std::byte, 4096> bytes;
    ssize_t left = k_capacity;  // a limit, for a peer that keeps sending
    while (left > 0) {
        const ssize_t received = recv(connection, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (received <= 0) break;
        left -= received;
    }
    OPENSSL_cleanse(bytes.data(), bytes.size());
}

bool send_all(int connection, std::string_view bytes, util::BootTime deadline) noexcept {
    while (!bytes.empty()) {
        const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        if (sent >= 0 || errno == EINTR) continue;
        if (errno != EAGAIN) return false;
        pollfd room{.fd = connection, .events = POLLOUT, .revents = 0};
        const int left = util::remaining_ms(deadline);
        if (left == 0 || poll(&room, 1, left) == 0) return false;
    }
    return true;
}

}  // namespace ceymail::fastcgi
