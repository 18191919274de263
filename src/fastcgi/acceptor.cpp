// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/acceptor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "ceymail/util/log.hpp"

namespace ceymail::fastcgi {
namespace {

constexpr int k_pause_ms = 100;
constexpr std::chrono::minutes k_between_warnings{1};

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void watch(int epoll, int fd, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("cannot wait on the listening socket");
}

// An eventfd, because a worker may not open files.
util::Fd open_spare() { return util::Fd(eventfd(0, EFD_CLOEXEC)); }

bool out_of_descriptors(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

bool is_listener_unusable(int error) {
    return error == EBADF || error == EINVAL || error == ENOTSOCK || error == EOPNOTSUPP || error == EFAULT;
}

// Returns: the time-out for epoll_wait(2).
int run(const Chore& chore) {
    const auto again = chore ? chore() : util::BootTime::max();
    return again == util::BootTime::max() ? -1 : util::remaining_ms(again);
}

}  // namespace

Acceptor::Acceptor(int listener, int stop_fd)
    : m_listener(listener), m_stop_fd(stop_fd), m_epoll(epoll_create1(EPOLL_CLOEXEC)), m_spare(open_spare()) {
    const int flags = fcntl(listener, F_GETFL);
    if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0) throw_errno("cannot use the listening socket");
    // Exclusive: a connection wakes one of the workers, not all of them.
    watch(m_epoll.get(), listener, EPOLLIN | EPOLLEXCLUSIVE);
    watch(m_epoll.get(), stop_fd, EPOLLIN);
}

std::optional<util::Fd> Acceptor::next(const Chore& chore) {
    if (!m_spare) m_spare = open_spare();
    while (wait_for_connection(chore)) {
        util::Fd connection(accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (connection) return connection;
        if (is_listener_unusable(errno)) throw_errno("cannot accept on the listening socket");
        // Otherwise the peer has closed the connection, or another worker has accepted it.
        if (out_of_descriptors(errno)) free_descriptor();
    }
    return std::nullopt;
}

// False when asked to stop.
bool Acceptor::wait_for_connection(const Chore& chore) {
    std::array<epoll_event, 2> events{};
    const int count = epoll_wait(m_epoll.get(), events.data(), static_cast<int>(events.size()), run(chore));
    if (count < 0 && errno != EINTR) throw_errno("cannot wait for connections");
    for (int i = 0; i < count; ++i) {
        if (events[static_cast<std::size_t>(i)].data.fd == m_stop_fd) return false;
    }
    return true;
}

// A waiting connection ends epoll_wait(2) at once, so this closes the spare descriptor or pauses.
void Acceptor::free_descriptor() {
    if (const auto now = util::BootClock::now(); now >= m_warn_again) {
        m_warn_again = now + k_between_warnings;
        util::log(util::LogLevel::warning,
                  "out of file descriptors or memory for connections: requests are served more slowly; raise "
                  "LimitNOFILE= or fs.file-max, or look for what leaks them");
    }
    if (m_spare) return m_spare.reset();
    pollfd stop{.fd = m_stop_fd, .events = POLLIN, .revents = 0};
    poll(&stop, 1, k_pause_ms);
}

}  // namespace ceymail::fastcgi
