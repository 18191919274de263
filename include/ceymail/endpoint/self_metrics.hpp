// SPDX-License-Identifier: MIT
// SelfMetrics: what the responder says of itself and of the answer at hand, behind the snapshot of the host.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "ceymail/shared/segment.hpp"

namespace ceymail::endpoint {

struct SelfMetrics {
    std::optional<std::chrono::nanoseconds> snapshot_age{};  // none: there is no snapshot, and so no age
    bool database_up = false;
    bool auth_stale = false;
    const shared::SegmentLayout* segment = nullptr;  // none: no counters
};

// Appends the families in the text format. Counters start anew with each boot. ceymail_requests_total tells of the
// answers before this one: an answer is counted once it is whole.
void append_self_metrics(std::string& out, const SelfMetrics& metrics);

}  // namespace ceymail::endpoint
