// SPDX-License-Identifier: MIT
#include "ceymail/process/respawn_throttle.hpp"

#include <algorithm>

namespace ceymail::process {

util::AwakeTime RespawnThrottle::due(util::AwakeTime started, util::AwakeTime died) noexcept {
    if (died - started >= k_young) return died;
    const auto due = m_last_young ? std::max<util::AwakeTime>(died, *m_last_young + k_young) : died;
    m_last_young = due;
    return due;
}

}  // namespace ceymail::process
