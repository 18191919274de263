// SPDX-License-Identifier: MIT
// DatabaseProxy: stands between a client and MariaDB, and does to the conversation what a test wants done.
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <thread>
#include <vector>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {

enum class DatabaseFault {
    none,
    drip,     // a byte of the server's every half second
    silence,  // nothing of the server's any more
    hang_up,  // both connections end
    error,    // the server's answer ends with an error here: "table is marked as crashed"
    garbage,  // the contents of the server's packet are replaced
};

// A Unix socket at `path`, open to everybody, that leads to the one at `upstream`. Works on threads of its own; the
// functions are one thread's.
class DatabaseProxy {
public:
    DatabaseProxy(const std::filesystem::path& path, std::filesystem::path upstream);
    ~DatabaseProxy();
    DatabaseProxy(const DatabaseProxy&) = delete;
    DatabaseProxy& operator=(const DatabaseProxy&) = delete;

    // In each connection the fault begins behind this many of the server's packets. Connections that were open end
    // first, but for a drip or a silence, which come over them as well.
    void inject(DatabaseFault fault, std::size_t behind_packets = 0);

    [[nodiscard]] std::size_t faults() const noexcept { return m_faults; }

private:
    class Relay;
    void accept_all(const std::stop_token& stop);

    std::filesystem::path m_upstream;
    util::Fd m_listener;
    std::atomic<DatabaseFault> m_fault{DatabaseFault::none};
    std::atomic<std::size_t> m_behind{0};
    std::atomic<unsigned> m_generation{0};
    std::atomic<std::size_t> m_faults{0};
    std::vector<std::jthread> m_relays;
    std::jthread m_acceptor;
};

}  // namespace ceymail::testing
