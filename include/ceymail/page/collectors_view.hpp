// SPDX-License-Identifier: MIT
// The section of the page that shows the state of each collector and the remedy for a failure.
#pragma once

#include <cstdint>
#include <vector>

#include "ceymail/page/html.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

// An age below this is shown as "just now".
inline constexpr std::uint64_t k_just_now_seconds = 10;

// `collectors`: the answer of the metrics service, or the error. Units: `now` in seconds since 1970. Pure function.
[[nodiscard]] Html collectors_card(const util::Result<std::vector<snapshot::CollectorState>>& collectors,
                                   std::uint64_t now);

}  // namespace ceymail::page
