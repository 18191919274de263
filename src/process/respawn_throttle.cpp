// SPDX-License-Identifier: MIT
#include "ceymail/process/respawn_throttle.hpp"

#include <algorithm>

namespace ceymail::process {

util::BootTime RespawnThrottle::due(util::BootTime started, util::BootTime died) noexcept {
    if (died - started >= k_young) return died;
    const auto due = m_last_young ? std::max<util::BootTime>(died, *m_last_young + k_young) : died;
    m_last_young = due;
    return due;
}

}  // namespace ceymail::process
