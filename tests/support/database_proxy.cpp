// SPDX-License-Identifier: MIT
#include "support/database_proxy.hpp"

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr int k_look_up_ms = 20;  // how soon a thread sees that it is to end
constexpr auto k_drip = 500ms;
constexpr std::size_t k_header = 4;  // of a packet: 3 bytes of length, 1 of sequence

sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
}

util::Fd make_socket() { return util::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

util::Fd listen_at(const std::filesystem::path& path) {
    auto fd = make_socket();
    const auto address = address_of(path);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), 0777) != 0 || ::listen(fd.get(), 64) != 0)
        throw std::system_error(errno, std::generic_category(), path.string());
    return fd;
}

bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::size_t packet_size(std::string_view bytes) {
    const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])); };
    return k_header + byte(0) + (byte(1) << 8) + (byte(2) << 16);
}

std::string error_packet(char sequence) {
    const std::string payload = std::string("\xff\x93\x04", 3) + "#HY000Table is marked as crashed";  // 1171
    return std::string{static_cast<char>(payload.size()), 0, 0, sequence} + payload;
}

}  // namespace

// One conversation.
class DatabaseProxy::Relay {
public:
    Relay(DatabaseProxy& proxy, util::Fd client, util::Fd server)
        : m_proxy(proxy), m_generation(proxy.m_generation), m_client(std::move(client)), m_server(std::move(server)) {}

    void run(const std::stop_token& stop) {
        while (!stop.stop_requested() && m_generation == m_proxy.m_generation && pass_on()) {
        }
    }

private:
    bool pass_on() {
        pollfd ready[] = {{m_client.get(), POLLIN, 0}, {m_server.get(), POLLIN, 0}};
        ::poll(ready, 2, k_look_up_ms);
        if (ready[0].revents != 0 && !forward()) return false;
        return ready[1].revents == 0 || backward();
    }

    bool forward() {
        char buffer[16384];
        const auto size = ::recv(m_client.get(), buffer, sizeof buffer, 0);
        m_ended = false;
        return size > 0 && send_all(m_server.get(), {buffer, static_cast<std::size_t>(size)});
    }

    bool backward() {
        char buffer[16384];
        const auto size = ::recv(m_server.get(), buffer, sizeof buffer, 0);
        if (size <= 0) return false;
        m_received.append(buffer, static_cast<std::size_t>(size));
        while (m_received.size() >= k_header && m_received.size() >= packet_size(m_received)) {
            auto packet = m_received.substr(0, packet_size(m_received));
            m_received.erase(0, packet.size());
            if (!answer(std::move(packet))) return false;
        }
        return true;
    }

    bool answer(std::string packet) {
        const auto fault = m_proxy.m_fault.load();
        if (fault == DatabaseFault::none || m_packets++ < m_proxy.m_behind) return send_all(m_client.get(), packet);
        ++m_proxy.m_faults;
        switch (fault) {
            case DatabaseFault::drip:
                return drip(packet);
            case DatabaseFault::silence:
                return true;
            case DatabaseFault::hang_up:
                return false;
            case DatabaseFault::error:
                // Nothing of an answer follows an error.
                return std::exchange(m_ended, true) || send_all(m_client.get(), error_packet(packet[3]));
            case DatabaseFault::garbage:
                break;
            case DatabaseFault::none:
                break;
        }
        for (auto at = k_header; at < packet.size(); ++at) packet[at] = static_cast<char>(packet[at] * 31 + 17);
        return send_all(m_client.get(), packet);
    }

    bool drip(std::string_view packet) {
        while (!packet.empty() && m_proxy.m_fault == DatabaseFault::drip) {
            if (m_generation != m_proxy.m_generation || !send_all(m_client.get(), packet.substr(0, 1))) return false;
            packet.remove_prefix(1);
            std::this_thread::sleep_for(k_drip);
        }
        return send_all(m_client.get(), packet);
    }

    DatabaseProxy& m_proxy;
    const unsigned m_generation;
    util::Fd m_client;
    util::Fd m_server;
    std::string m_received;
    std::size_t m_packets = 0;
    bool m_ended = false;
};

DatabaseProxy::DatabaseProxy(const std::filesystem::path& path, std::filesystem::path upstream)
    : m_upstream(std::move(upstream)),
      m_listener(listen_at(path)),
      m_acceptor([this](const std::stop_token& stop) { accept_all(stop); }) {}

DatabaseProxy::~DatabaseProxy() {
    ++m_generation;
    m_acceptor.request_stop();
    m_acceptor.join();
}

void DatabaseProxy::inject(DatabaseFault fault, std::size_t behind_packets) {
    m_behind = behind_packets;
    m_fault = fault;
    if (fault != DatabaseFault::drip && fault != DatabaseFault::silence) ++m_generation;
}

void DatabaseProxy::accept_all(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        pollfd ready{m_listener.get(), POLLIN, 0};
        if (::poll(&ready, 1, k_look_up_ms) <= 0) continue;
        util::Fd client(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        auto server = make_socket();
        const auto address = address_of(m_upstream);
        if (!client || ::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            continue;  // as when the database is down
        m_relays.emplace_back([relay = std::make_shared<Relay>(*this, std::move(client), std::move(server))](
                                  const std::stop_token& end) { relay->run(end); });
    }
    m_relays.clear();
}

}  // namespace ceymail::testing
