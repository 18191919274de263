// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/snapshot_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/unix_socket.hpp"

namespace ceymail::snapshot {

namespace {

using util::BootTime;

constexpr auto k_pause = std::chrono::milliseconds(10);
// How long before the caller's deadline the gatherer shall answer, at most a quarter of the time: on a loaded host a
// process wakes up that much later.
constexpr std::chrono::nanoseconds k_margin = std::chrono::milliseconds(200);

// Sets SO_SNDTIMEO to the time left. Returns: false if there is none.
bool set_timeout(int fd, BootTime deadline) noexcept {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - util::BootClock::now());
    if (left <= left.zero()) return false;  // a time-out of 0 would mean none
    const timeval time{left.count() / 1'000'000, left.count() % 1'000'000};
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) == 0;
}

// connect(2) is blocking, because it then waits for room in the backlog of a stopped gatherer. A non-blocking one fails
// with EAGAIN, and poll(2) cannot wait for a Unix socket that is not connected.
bool connect_by(int fd, const sockaddr_un& address, BootTime deadline) noexcept {
    while (set_timeout(fd, deadline)) {
        if (util::connect_unix(fd, address) == 0) return true;
        if (errno != EINTR) return false;
    }
    errno = ETIMEDOUT;
    return false;
}

// Returns: false where the answer may still come from the next gatherer.
bool send_request(const sockaddr_un& address, const SnapshotRequest& request, BootTime deadline) noexcept {
    const util::Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd) return false;
    if (!connect_by(fd.get(), address, deadline)) return errno != EAGAIN && errno != ETIMEDOUT;  // else none listens
    if (send(fd.get(), &request, sizeof request, MSG_NOSIGNAL) != sizeof request) return false;
    // poll(2), because SO_RCVTIMEO is up to an eighth too late: half a second of 5 s.
    pollfd answer{.fd = fd.get(), .events = POLLIN, .revents = 0};
    while (poll(&answer, 1, util::remaining_ms(deadline)) < 0 && errno == EINTR) continue;
    char byte = 0;
    return recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 1;
}

}  // namespace

SnapshotClient::SnapshotClient(const SnapshotBuffer& buffer, std::filesystem::path socket)
    : m_buffer(&buffer), m_socket(std::move(socket)) {}

BootTime SnapshotClient::fetch(std::string& text, BootTime not_before, BootTime deadline, RefreshReason reason) {
    auto times = m_buffer->read(text);
    if (reason == RefreshReason::scrape && times.taken_at >= not_before && times.finished &&
        times.good(util::BootClock::now()))
        return times.taken_at;
    request(not_before, deadline, reason);
    times = m_buffer->read(text);
    if (times.good(util::BootClock::now())) return times.taken_at;
    text.clear();
    return {};
}

void SnapshotClient::request(BootTime not_before, BootTime deadline, RefreshReason reason) const {
    const auto address = util::unix_address(m_socket);
    if (!address) return;  // so the supervisor could not make the socket
    const auto margin = std::min(k_margin, (deadline - util::BootClock::now()) / 4);
    const SnapshotRequest request{not_before.time_since_epoch().count(), (deadline - margin).time_since_epoch().count(),
                                  reason, 0};
    // When the gatherer dies during the request, the next one listens on the same socket.
    while (!send_request(*address, request, deadline)) {
        const auto left = deadline - util::BootClock::now();
        if (left <= left.zero()) return;
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, k_pause));
    }
}

}  // namespace ceymail::snapshot
