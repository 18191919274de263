// SPDX-License-Identifier: MIT
// AdmissionHistory: the times of decisions, logged by many processes, and what a checker reads from them.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "ceymail/util/clock.hpp"

namespace ceymail::testing {

using Times = std::vector<std::int64_t>;  // nanoseconds of BootClock, sorted

// Times that any process may add to, in the order of the array only roughly; a death may leave a 0. For shared
// memory: all zeroes is an empty one.
template <std::size_t capacity>
class AdmissionHistory {
public:
    // False when it is full.
    bool add(util::BootTime time) noexcept {
        const auto index = m_size.fetch_add(1);
        if (index >= capacity) return false;
        m_times[index] = time.time_since_epoch().count();
        return true;
    }
    [[nodiscard]] Times sorted() const {
        const auto size = static_cast<std::ptrdiff_t>(std::min(m_size.load(), capacity));
        Times times(m_times.begin(), m_times.begin() + size);
        std::erase(times, 0);
        std::ranges::sort(times);
        return times;
    }

private:
    std::atomic<std::size_t> m_size;
    std::array<std::atomic<std::int64_t>, capacity> m_times;
};

// The most that any window, closed at its start and open at its end, holds.
inline std::size_t most_in_a_window(const Times& times, std::chrono::nanoseconds window) {
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
        while (times[last] - times[first] >= window.count()) ++first;
        most = std::max(most, last - first + 1);
    }
    return most;
}

// How many of `times` lie less than a window before `moment`, or at it.
inline std::size_t in_window_before(const Times& times, std::int64_t moment, std::chrono::nanoseconds window) {
    return static_cast<std::size_t>(std::ranges::upper_bound(times, moment) -
                                    std::ranges::upper_bound(times, moment - window.count()));
}

}  // namespace ceymail::testing
