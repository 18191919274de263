// SPDX-License-Identifier: MIT
// The protocol between the gatherer and its clients: the request of a worker, and the paths of the sockets.
// This room: the last snapshot in shared memory, and how a process gets a new one, or the state of the collectors.
// Processes: workers, gatherer, supervisor (which makes sockets and memory), ceymail-settings and --check.
// May touch: the snapshot buffer and the sockets below the runtime directory.
// Attackers: a worker under an attacker's control sends any request. A gatherer under one publishes and answers
// anything. So each side validates what it reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::snapshot {

// The reason of a request. In an outage of MariaDB the collectors that depend on it run even if they are not due.
enum class RefreshReason : std::uint32_t { scrape = 0, outage = 1 };

// The times of a snapshot.
struct SnapshotTimes {
    util::BootTime taken_at{};    // start of its round; BootTime{}: there is no snapshot
    util::BootTime good_until{};  // when its oldest value reaches the maximum age; it is not served after that
    bool finished = true;         // false: published before the end of its round, without the missing answers

    // Returns: whether there is a snapshot that may be served.
    [[nodiscard]] bool good(util::BootTime now) const noexcept {
        return taken_at != util::BootTime{} && now <= good_until;
    }
};

// A worker's request to the gatherer: one SOCK_SEQPACKET message, one connection for each request.
// The answer is one byte. It comes when the buffer holds a snapshot at least as new as `not_before`, at the latest at
// `deadline` with the newest one there is.
// Security: the gatherer does not trust it. It limits `not_before` to now and `deadline` to k_longest_round from now,
// and takes an unknown reason as scrape.
struct SnapshotRequest {
    std::int64_t not_before_ns;  // BootClock
    std::int64_t deadline_ns;    // BootClock
    RefreshReason reason = RefreshReason::scrape;
    std::uint32_t reserved = 0;
};

inline constexpr std::chrono::nanoseconds k_longest_round = std::chrono::seconds(5);

// The socket for the requests of workers.
[[nodiscard]] inline std::filesystem::path gatherer_socket_path(const config::Configuration& configuration) {
    return configuration.runtime_directory / "gatherer.sock";
}

// The directory of the two sockets below. tmpfiles.d(5) makes it with the group of ceymail-settings, in which the
// service is not. Its setgid bit gives the sockets that group.
[[nodiscard]] inline std::filesystem::path page_socket_directory(const config::Configuration& configuration) {
    return configuration.runtime_directory / "page";
}

// The socket of the gatherer for reports, and the socket of the supervisor that clears the remembered token.
[[nodiscard]] inline std::filesystem::path report_socket_path(const config::Configuration& configuration) {
    return page_socket_directory(configuration) / "collectors.sock";
}
[[nodiscard]] inline std::filesystem::path forget_socket_path(const config::Configuration& configuration) {
    return page_socket_directory(configuration) / "forget.sock";
}

}  // namespace ceymail::snapshot
