// SPDX-License-Identifier: MIT
// RespawnThrottle: when a process that exited may be replaced.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

#include "ceymail/util/clock.hpp"

namespace ceymail::supervisor {

inline constexpr std::chrono::seconds k_minimum_lifetime{1};

// One for each role. A process that lived for k_minimum_lifetime is replaced at once. Of those that exited earlier, one
// is replaced every k_minimum_lifetime, the first of them at once. So a role whose processes cannot start is tried once
// a second, whatever the number of processes.
class RespawnThrottle {
public:
    // Returns: when to replace a process that ran from `started` to `exited`; not before `exited`.
    [[nodiscard]] util::AwakeTime due(util::AwakeTime started, util::AwakeTime exited) noexcept {
        if (exited - started >= k_minimum_lifetime) return exited;
        m_next_early_exit = std::max(exited, m_next_early_exit);
        return std::exchange(m_next_early_exit, m_next_early_exit + k_minimum_lifetime);
    }

private:
    util::AwakeTime m_next_early_exit{};  // before this one no process that exited early is replaced
};

}  // namespace ceymail::supervisor
