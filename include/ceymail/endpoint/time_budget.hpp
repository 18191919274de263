// SPDX-License-Identifier: MIT
// TimeBudget: how long one answer may take, and how much of that time the token check gets.
#pragma once

#include <chrono>
#include <string_view>

#include "ceymail/util/clock.hpp"

namespace ceymail::endpoint {

inline constexpr std::chrono::milliseconds k_longest_answer{5000};
inline constexpr std::chrono::milliseconds k_shortest_answer{100};  // below it no scrape would have metrics
// The part of the scraper's timeout that is left for the network.
inline constexpr std::chrono::milliseconds k_network_margin{500};
inline constexpr std::chrono::milliseconds k_longest_token_check{1200};
inline constexpr std::chrono::milliseconds k_format_time{100};
// For last_used_at: a lock wait of 1 s and the round trip.
inline constexpr std::chrono::milliseconds k_longest_touch{1500};

// Returns: the smaller of k_longest_answer and the scraper's timeout less k_network_margin; at least
// k_shortest_answer. `scrape_timeout` is X-Prometheus-Scrape-Timeout-Seconds.
// Security: untrusted input; a value that is no positive decimal number counts as missing.
[[nodiscard]] std::chrono::nanoseconds answer_time(std::string_view scrape_timeout) noexcept;

struct TimeBudget {
    util::BootTime token;         // end of the token check; a stalled database leaves time for the metrics
    util::BootTime latest_token;  // the same without the scraper's timeout, see admission::TokenCheck
    util::BootTime snapshot;      // end of the wait for a snapshot; the rest is for formatting and sending
};

[[nodiscard]] TimeBudget time_budget(util::BootTime start, std::string_view scrape_timeout) noexcept;

}  // namespace ceymail::endpoint
