// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/respawn_throttle.hpp"

#include <algorithm>

namespace ceymail::supervisor {

util::AwakeTime RespawnThrottle::due(util::AwakeTime started, util::AwakeTime died) noexcept {
    if (died - started >= k_young) return died;
    const auto due = m_last_young ? std::max<util::AwakeTime>(died, *m_last_young + k_young) : died;
    m_last_young = due;
    return due;
}

}  // namespace ceymail::supervisor
