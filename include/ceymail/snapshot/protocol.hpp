// SPDX-License-Identifier: MIT
// What crosses between the gatherer and the processes that ask it: the request of a worker, and where its sockets are.
// Processes: workers, gatherer, supervisor (which makes the sockets), ceymail-settings and --check.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::snapshot {

// Why a snapshot is asked for. In an outage of MariaDB the collectors that depend on it run although they are not due.
enum class RefreshReason : std::uint32_t { scrape = 0, outage = 1 };

// The times of a snapshot.
struct SnapshotTimes {
    util::BootTime taken_at{};    // when its round began; BootTime{}: there is no snapshot
    util::BootTime good_until{};  // when its oldest value reaches the maximum age; not to be served after that
    bool finished = true;         // false: its round went on, and some collectors had not answered yet

    // Whether there is a snapshot, and it may be served.
    [[nodiscard]] bool good(util::BootTime now) const noexcept {
        return taken_at != util::BootTime{} && now <= good_until;
    }
};

// A worker's request to the gatherer: one SOCK_SEQPACKET message on a connection of its own. The answer is one byte
// once the snapshot buffer holds a snapshot at least as new as `not_before`, or the newest that there is at `deadline`.
// Security: the gatherer does not trust it. It takes a `not_before` later than now for now, a `deadline` later than
// k_longest_round for that, and an unknown reason for scrape.
struct SnapshotRequest {
    std::int64_t not_before_ns;  // BootClock
    std::int64_t deadline_ns;    // BootClock
    RefreshReason reason = RefreshReason::scrape;
    std::uint32_t reserved = 0;
};

inline constexpr std::chrono::nanoseconds k_longest_round = std::chrono::seconds(5);

// Where the workers ask the gatherer.
[[nodiscard]] std::filesystem::path gatherer_socket_path(const config::Configuration& configuration);

// The directory of the two sockets below. A directory can have a group that its maker is not in: tmpfiles.d(5) gives it
// the settings page's, and by its setgid bit what is made in it has that group too.
[[nodiscard]] std::filesystem::path page_socket_directory(const config::Configuration& configuration);

// Where the gatherer reports the state of its collectors, and where the supervisor forgets a token.
[[nodiscard]] std::filesystem::path report_socket_path(const config::Configuration& configuration);
[[nodiscard]] std::filesystem::path forget_socket_path(const config::Configuration& configuration);

}  // namespace ceymail::snapshot
