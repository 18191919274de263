// SPDX-License-Identifier: MIT
// The part of the page that says how the collectors fare, and what to do about one that fails.
#pragma once

#include <cstdint>
#include <vector>

#include "ceymail/page/html.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

// What the metrics service says of them, or why it could not be asked. `now`: seconds since 1970. Pure.
[[nodiscard]] Html collectors_card(const util::Result<std::vector<snapshot::CollectorState>>& collectors,
                                   std::uint64_t now);

}  // namespace ceymail::page
