// SPDX-License-Identifier: MIT
// RespawnThrottle: when a process that exited may be replaced.
#pragma once

#include <chrono>
#include <optional>

#include "ceymail/util/clock.hpp"

namespace ceymail::supervisor {

inline constexpr std::chrono::seconds k_minimum_lifetime{1};

// One for each role. A process that lived for k_minimum_lifetime is replaced at once. Of those that exited earlier, one
// is replaced every k_minimum_lifetime, the first of them at once. So a role whose processes cannot start is tried once
// a second, whatever the number of processes.
class RespawnThrottle {
public:
    // Returns: when to replace a process that ran from `started` to `exited`; not before `exited`.
    [[nodiscard]] util::AwakeTime due(util::AwakeTime started, util::AwakeTime exited) noexcept;

private:
    std::optional<util::AwakeTime> m_last_early_exit_due;  // what due() returned for the last early exit
};

}  // namespace ceymail::supervisor
