// SPDX-License-Identifier: MIT
// SelfMetrics: the metrics of the responder and of the current answer, appended to the snapshot of the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ceymail/shared/segment.hpp"

namespace ceymail::endpoint {

struct SelfMetrics {
    std::optional<std::chrono::nanoseconds> snapshot_age{};  // none: there is no snapshot
    bool database_up = false;
    bool auth_stale = false;
    std::optional<std::uint64_t> token_created_at{};  // seconds since 1970; none: not known
    const shared::SegmentLayout* segment = nullptr;   // none: no counters
};

// Appends the families in the text format. Counters start at zero after each boot. ceymail_requests_total does not
// include the current answer, which is counted when it is complete.
void append_self_metrics(std::string& out, const SelfMetrics& metrics);

}  // namespace ceymail::endpoint
