// SPDX-License-Identifier: MIT
// RespawnThrottle: when a role's process that died may be replaced.
#pragma once

#include <chrono>
#include <optional>

#include "ceymail/util/clock.hpp"

namespace ceymail::supervisor {

inline constexpr std::chrono::seconds k_young{1};

// One per role. What lived k_young is replaced at once. What died younger is replaced at once too, but then the next
// such one not before another k_young: a program that cannot live is started once a second, however many it has of it.
class RespawnThrottle {
public:
    [[nodiscard]] util::AwakeTime due(util::AwakeTime started, util::AwakeTime died) noexcept;

private:
    std::optional<util::AwakeTime> m_last_young;  // when the last one that died young was due for replacement
};

}  // namespace ceymail::supervisor
