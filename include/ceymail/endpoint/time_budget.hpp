// SPDX-License-Identifier: MIT
// TimeBudget: how long one answer may take, and how much of that the token check gets.
#pragma once

#include <chrono>
#include <string_view>

#include "ceymail/util/clock.hpp"

namespace ceymail::endpoint {

inline constexpr std::chrono::milliseconds k_longest_answer{5000};
inline constexpr std::chrono::milliseconds k_shortest_answer{100};  // below it every scrape would be without metrics
inline constexpr std::chrono::milliseconds k_way_back{500};         // what the scraper's time-out is to leave us
inline constexpr std::chrono::milliseconds k_longest_token_check{1200};
inline constexpr std::chrono::milliseconds k_wording{100};
inline constexpr std::chrono::milliseconds k_longest_touch{
    1500};  // of last_used_at: a lock wait of 1 s, and there and back

// The smaller of k_longest_answer and the scraper's time-out less k_way_back; never under k_shortest_answer.
// `scrape_timeout`: X-Prometheus-Scrape-Timeout-Seconds, foreign; whatever is no positive decimal counts as missing.
[[nodiscard]] std::chrono::nanoseconds answer_time(std::string_view scrape_timeout) noexcept;

struct TimeBudget {
    util::BootTime token;  // by then the token is known or unknown: a stalled database leaves time for the metrics
    util::BootTime latest_token;  // the same without the scraper's wish, see admission::TokenCheck
    util::BootTime snapshot;      // by then what there is of the host is taken; the rest is for wording and sending
};

[[nodiscard]] TimeBudget time_budget(util::BootTime start, std::string_view scrape_timeout) noexcept;

}  // namespace ceymail::endpoint
