// SPDX-License-Identifier: MIT
// A storm over the limiter: processes that crowd on a few keys and are stopped, killed and restarted meanwhile.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

#include "support/admission_history.hpp"

namespace ceymail::testing {

// Short, so that a storm of seconds goes over thousands of windows.
inline constexpr std::chrono::milliseconds k_storm_window{20};
inline constexpr std::size_t k_storm_keys = 3;

// What is promised; not asked of the code that is to keep it.
inline constexpr std::size_t k_promised = 12;

struct StormPlan {
    std::size_t kills;
    std::size_t kills_of_holders;  // at least so many of the kills shall hit a process with a lock
    std::size_t stops_of_holders;  // so many holders are stopped for longer than others wait
    std::size_t restarts;          // all processes gone, the segment attached again
    std::chrono::seconds longest;
};

struct Span {
    std::int64_t begin;
    std::int64_t end;
};

struct KeyHistory {
    Times admitted;
    Times refused;               // as spent
    std::vector<Span> possible;  // one admission may lie in each: whoever asked was killed before he could log it
};

struct StormReport {
    std::array<KeyHistory, k_storm_keys> keys;
    std::size_t kills = 0;
    std::size_t kills_of_holders = 0;
    std::size_t stops_of_holders = 0;
    std::size_t restarts = 0;
    std::size_t clock_steps = 0;
    std::size_t undecided = 0;
    std::size_t foreign_times = 0;  // decisions whose time is not of the clock that nobody can set
};

// Meanwhile `date -s` goes back and forth by up to a day: for this program alone, which has a clock_gettime(2) of its
// own.
[[nodiscard]] StormReport storm(const StormPlan& plan);

}  // namespace ceymail::testing
