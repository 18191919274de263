// SPDX-License-Identifier: MIT
// Clients of the two sockets for the settings page: the state of the collectors, and the order to forget a token.
// Processes: ceymail-settings and --check.
#pragma once

#include <filesystem>
#include <vector>

#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

// Connects to the gatherer, which answers with one SOCK_SEQPACKET message in the form of to_text().
// Returns: the state of the collectors, at most k_freshness old. Collectors that pause within the work budget may be
// older, except those that depend on MariaDB.
// Errors: unavailable: no gatherer; denied: not for this user; timed_out: no answer; invalid: see from_text().
[[nodiscard]] util::Result<std::vector<CollectorState>> ask_collectors(const std::filesystem::path& socket,
                                                                       util::BootTime deadline);

// Makes the responder forget the token that it remembers for an outage. Connecting is the order. The supervisor closes
// the connection when it is done. No byte is sent in either direction.
// Errors: unavailable: no responder; denied: not for this user; timed_out: the connection stays open.
[[nodiscard]] util::Result<void> order_to_forget(const std::filesystem::path& socket, util::BootTime deadline);

inline constexpr std::chrono::nanoseconds k_freshness = std::chrono::seconds(5);
inline constexpr std::chrono::nanoseconds k_time_to_answer = std::chrono::seconds(1);

}  // namespace ceymail::snapshot
