// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/client.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "ceymail/snapshot/gatherer.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::snapshot {

namespace {

using util::BootTime;

constexpr auto k_pause = std::chrono::milliseconds(10);

// Sets SO_SNDTIMEO or SO_RCVTIMEO to what is left; false when nothing is.
bool set_timeout(int fd, int option, BootTime deadline) noexcept {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - util::BootClock::now());
    if (left <= left.zero()) return false;  // and a time-out of 0 would mean for ever
    const timeval time{left.count() / 1'000'000, left.count() % 1'000'000};
    return setsockopt(fd, SOL_SOCKET, option, &time, sizeof time) == 0;
}

// Calls `act` until it was not interrupted, with what is left of the time as its time-out.
template <class Act>
auto within(int fd, int option, BootTime deadline, Act act) noexcept -> decltype(act()) {
    while (set_timeout(fd, option, deadline)) {
        const auto result = act();
        if (result >= 0 || errno != EINTR) return result;
    }
    errno = ETIMEDOUT;
    return -1;
}

enum class Asked { answered, nobody, broken_off };

// A blocking connect(2) and not a non-blocking one: it waits for room in the backlog of a stopped gatherer, while a
// non-blocking one fails with EAGAIN and poll(2) cannot wait for a Unix socket that is not connected.
Asked ask(const sockaddr_un& address, const GatherRequest& request, BootTime deadline) noexcept {
    const util::Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd) return Asked::broken_off;
    const auto* const to = reinterpret_cast<const sockaddr*>(&address);
    if (within(fd.get(), SO_SNDTIMEO, deadline, [&] { return connect(fd.get(), to, sizeof address); }) != 0)
        return errno == EAGAIN || errno == ETIMEDOUT ? Asked::broken_off : Asked::nobody;
    if (send(fd.get(), &request, sizeof request, MSG_NOSIGNAL) != sizeof request) return Asked::broken_off;
    char byte = 0;
    const auto got = within(fd.get(), SO_RCVTIMEO, deadline, [&] { return recv(fd.get(), &byte, 1, 0); });
    return got == 1 ? Asked::answered : Asked::broken_off;
}

bool good(const SnapshotTimes& times) noexcept {
    return times.taken_at != BootTime{} && util::BootClock::now() <= times.good_until;
}

}  // namespace

SnapshotClient::SnapshotClient(const Board& board, std::filesystem::path socket)
    : m_board(&board), m_socket(std::move(socket)) {}

BootTime SnapshotClient::fetch(std::string& text, BootTime not_before, BootTime deadline, Occasion occasion) {
    auto times = m_board->read(text);
    if (occasion == Occasion::scrape && times.taken_at >= not_before && good(times)) return times.taken_at;
    request(not_before, deadline, occasion);
    times = m_board->read(text);
    if (good(times)) return times.taken_at;
    text.clear();
    return {};
}

void SnapshotClient::request(BootTime not_before, BootTime deadline, Occasion occasion) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (m_socket.native().size() >= sizeof address.sun_path) return;  // nobody could have made it either
    std::memcpy(address.sun_path, m_socket.c_str(), m_socket.native().size());
    const GatherRequest request{not_before.time_since_epoch().count(), deadline.time_since_epoch().count(), occasion,
                                0};
    // A gatherer that dies with our question in hand has a successor on the same socket: ask that one.
    while (ask(address, request, deadline) == Asked::broken_off) {
        const auto left = deadline - util::BootClock::now();
        if (left <= left.zero()) return;
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, k_pause));
    }
}

}  // namespace ceymail::snapshot
