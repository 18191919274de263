// SPDX-License-Identifier: MIT
// The gatherer's socket, to which a compromised worker may write any bytes. A message of the valid size is answered by
// one byte. Any other message ends the connection. The input: one message.
// fuzz: -max_len=64
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ceymail/scheduler/snapshot_server.hpp"
#include "ceymail/util/fd.hpp"
#include "fuzz/fuzz.hpp"

using namespace ceymail;
using fuzz::require;

namespace {

struct AtOnce : collect::Collector {
    [[nodiscard]] std::string_view name() const noexcept override { return "quick"; }
    [[nodiscard]] util::Result<collect::Families> collect(util::BootTime) override { return collect::Families{}; }
};

// Serves on a name that the kernel selects, until the program exits.
class Gatherer {
public:
    Gatherer() : m_listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un none{};
        none.sun_family = AF_UNIX;
        require(::bind(m_listener.get(), reinterpret_cast<sockaddr*>(&none), sizeof none.sun_family) == 0, "bind");
        require(::listen(m_listener.get(), 16) == 0, "listen");
        require(::getsockname(m_listener.get(), reinterpret_cast<sockaddr*>(&m_address), &m_size) == 0, "getsockname");
        std::thread([this] {
            auto buffer = snapshot::SnapshotBuffer::make().value();
            std::vector<std::unique_ptr<collect::Collector>> collectors;
            collectors.push_back(std::make_unique<AtOnce>());
            scheduler::CollectorScheduler gathering(std::move(collectors), {.share = 0});
            scheduler::serve_gatherer(m_listener.get(), m_stop.get(), buffer, gathering);
        }).detach();
    }

    [[nodiscard]] util::Fd connect() const {
        util::Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        require(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&m_address), m_size) == 0, "connect");
        return fd;
    }

private:
    util::Fd m_listener;
    util::Fd m_stop{::eventfd(0, EFD_CLOEXEC)};
    sockaddr_un m_address{};
    socklen_t m_size = sizeof m_address;
};

// libFuzzer's timer interrupts a call now and then.
ssize_t receive(const util::Fd& fd) {
    char bytes[2];
    for (;;)
        if (const auto got = ::recv(fd.get(), bytes, sizeof bytes, 0); got >= 0 || errno != EINTR) return got;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto* const gatherer = new Gatherer;
    const auto fd = gatherer->connect();
    // The server may close the connection before it reads.
    static_cast<void>(::send(fd.get(), data, size, MSG_NOSIGNAL));
    const bool answered = receive(fd) == 1;
    require(answered == (size == sizeof(snapshot::SnapshotRequest)),
            "what has the right size is answered, and no more");
    require(receive(fd) == 0, "and the connection ends");
    return 0;
}
