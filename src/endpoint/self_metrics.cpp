// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/self_metrics.hpp"

#include <atomic>

#include "ceymail/exposition/metric_family.hpp"
#include "ceymail/exposition/text_format.hpp"

namespace ceymail::endpoint {

namespace {

using exposition::MetricFamily;
using exposition::MetricType;

exposition::Value flag(bool value) { return std::uint64_t{value ? 1U : 0U}; }

MetricFamily requests(const gate::SegmentLayout& segment) {
    MetricFamily family{"ceymail_requests_total",
                        "Answers by HTTP status, over all workers, before this one.",
                        MetricType::counter,
                        {}};
    for (std::size_t i = 0; i < gate::k_status_codes.size(); ++i) {
        family.samples.push_back(
            {{{"code", std::to_string(gate::k_status_codes[i])}}, segment.answers[i].load(std::memory_order_relaxed)});
    }
    return family;
}

MetricFamily rate_limit_refusals(const gate::RateStorage& rate) {
    return {"ceymail_rate_limit_refused_total",
            "Requests refused though their address had not spent its minute, by reason.",
            MetricType::counter,
            {{{{"reason", "table_full"}}, rate.full_total.load(std::memory_order_relaxed)},
             {{{"reason", "lock"}}, rate.undecided_total.load(std::memory_order_relaxed)}}};
}

MetricFamily build_info() {
    return {"ceymail_build_info",
            "Which ceymail-metrics this is.",
            MetricType::gauge,
            {{{{"version", CEYMAIL_VERSION}}, std::uint64_t{1}}}};
}

}  // namespace

void append_self_metrics(std::string& out, const SelfMetrics& metrics) {
    using exposition::append_family;
    using exposition::single;
    if (metrics.snapshot_age) {
        append_family(out, single("ceymail_snapshot_age_seconds", "Age of the host's metrics in this answer.",
                                  MetricType::gauge, std::chrono::duration<double>(*metrics.snapshot_age).count()));
    }
    append_family(out, single("ceymail_database_up", "Whether MariaDB answered when the token was checked.",
                              MetricType::gauge, flag(metrics.database_up)));
    append_family(out, single("ceymail_auth_stale",
                              "Whether the token was accepted from memory because MariaDB could not be reached.",
                              MetricType::gauge, flag(metrics.auth_stale)));
    if (metrics.segment != nullptr) {
        append_family(out, requests(*metrics.segment));
        append_family(out, rate_limit_refusals(metrics.segment->rate));
    }
    append_family(out, build_info());
}

}  // namespace ceymail::endpoint
