// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/connection.hpp"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace ceymail::fastcgi {
namespace {

constexpr std::size_t k_capacity = k_max_request + 1;  // one more, so that too much is seen to be too much

// Wipes as much as was ever written.
class WipeAfter {
public:
    explicit WipeAfter(std::byte* bytes) : m_bytes(bytes) {}
    ~WipeAfter() { OPENSSL_cleanse(m_bytes, m_size); }
    WipeAfter(const WipeAfter&) = delete;
    WipeAfter& operator=(const WipeAfter&) = delete;
    void grow_to(std::size_t size) { m_size = std::max(m_size, size); }

private:
    std::byte* m_bytes;
    std::size_t m_size = 0;
};

}  // namespace

// Not initialised: pages that no request reaches are never touched.
Intake::Intake() : m_bytes(std::make_unique_for_overwrite<std::byte[]>(k_capacity)) {}

std::optional<Intake::Request> Intake::receive(int connection, util::BootTime deadline) {
    WipeAfter wipe(m_bytes.get());
    util::Fd epoll;  // made only for those whose request is not there at once
    for (News news = News::bytes; news != News::none; news = await_news(connection, epoll, deadline)) {
        const ssize_t received = recv(connection, m_bytes.get(), k_capacity, MSG_PEEK | MSG_DONTWAIT);
        if (received == 0) return std::nullopt;
        if (received < 0 && errno != EAGAIN && errno != EINTR) return std::nullopt;
        const auto size = static_cast<std::size_t>(std::max<ssize_t>(received, 0));
        wipe.grow_to(size);
        const Vetting vetting = vet({m_bytes.get(), size});
        if (vetting.verdict != Verdict::incomplete) return Request{vetting, size};
        if (news == News::end) return std::nullopt;
    }
    return std::nullopt;
}

// Peeked bytes stay readable, so that poll(2) would return at once for ever; edge-triggered, epoll(7) tells of each
// arrival once. The first wait tells of what is there already: nothing is missed between the look and the wait.
Intake::News Intake::await_news(int connection, util::Fd& epoll, util::BootTime deadline) const {
    if (!epoll) {
        epoll.reset(epoll_create1(EPOLL_CLOEXEC));
        epoll_event interest{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {}};
        if (!epoll || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, connection, &interest) != 0) return News::none;
    }
    epoll_event event{};
    const int left = util::remaining_ms(deadline);
    const int count = left > 0 ? epoll_wait(epoll.get(), &event, 1, left) : 0;
    if (count < 0 && errno == EINTR) return News::bytes;
    if (count <= 0) return News::none;
    return (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ? News::end : News::bytes;
}

void discard_input(int connection) noexcept {
    std::array<std::byte, 4096> bytes;
    ssize_t left = k_capacity;  // whoever goes on sending shall not keep us
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
