// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/respawn_throttle.hpp"

#include <algorithm>

namespace ceymail::supervisor {

util::AwakeTime RespawnThrottle::due(util::AwakeTime started, util::AwakeTime exited) noexcept {
    if (exited - started >= k_minimum_lifetime) return exited;
    const auto due =
        m_last_early_exit_due ? std::max<util::AwakeTime>(exited, *m_last_early_exit_due + k_minimum_lifetime) : exited;
    m_last_early_exit_due = due;
    return due;
}

}  // namespace ceymail::supervisor
