// SPDX-License-Identifier: MIT
// What another process can ask of ceymail-metrics by connecting: how its collectors fare, and to forget a token.
#pragma once

#include <filesystem>
#include <vector>

#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

// Connecting is the question, one SOCK_SEQPACKET message as of to_text() the answer, in which nothing is older than
// `k_freshness` but what rests within the work budget, and of that nothing which tells of MariaDB: it is gathered for
// this where that has not been done lately.
// unavailable, denied, timed_out: no gatherer there, none for this user, none that answers; invalid: see from_text().
[[nodiscard]] util::Result<std::vector<CollectorState>> ask_collectors(const std::filesystem::path& socket,
                                                                       util::BootTime deadline);

// Makes the responder forget the token that it remembers for an outage. Connecting is the order, and the end of the
// connection says that it is done: no byte goes either way.
// Errors: unavailable, denied, timed_out: no responder there, none for this user, none that does it in time.
[[nodiscard]] util::Result<void> order_to_forget(const std::filesystem::path& socket, util::BootTime deadline);

inline constexpr std::chrono::nanoseconds k_freshness = std::chrono::seconds(5);
inline constexpr std::chrono::nanoseconds k_time_to_answer = std::chrono::seconds(1);

}  // namespace ceymail::snapshot
