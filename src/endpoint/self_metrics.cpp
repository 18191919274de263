// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/self_metrics.hpp"

#include <array>
#include <atomic>

#include "ceymail/exposition/metric_family.hpp"
#include "ceymail/exposition/text_format.hpp"

namespace ceymail::endpoint {

namespace {

using exposition::MetricFamily;
using exposition::MetricType;
using exposition::PreparedFamily;
using exposition::Sample;
using exposition::Value;

// These families are in every answer. Prepared once, they cost a tenth of the time.
PreparedFamily gauge(const char* name, const char* help) {
    return PreparedFamily(exposition::single(name, help, MetricType::gauge, std::uint64_t{}));
}

const PreparedFamily& snapshot_age() {
    static const auto s_family = gauge("ceymail_snapshot_age_seconds", "Age of the host's metrics in this answer.");
    return s_family;
}

const PreparedFamily& database_up() {
    static const auto s_family = gauge("ceymail_database_up", "Whether MariaDB answered when the token was checked.");
    return s_family;
}

const PreparedFamily& auth_stale() {
    static const auto s_family =
        gauge("ceymail_auth_stale", "Whether the token was accepted from memory because MariaDB could not be reached.");
    return s_family;
}

const PreparedFamily& token_created() {
    static const auto s_family =
        gauge("ceymail_token_created_timestamp_seconds", "When the active token was made, in seconds since 1970.");
    return s_family;
}

const PreparedFamily& requests() {
    static const PreparedFamily s_family([] {
        MetricFamily family{"ceymail_requests_total",
                            "Answers by HTTP status, over all workers, before this one.",
                            MetricType::counter,
                            {}};
        for (const int code : shared::k_status_codes)
            family.samples.push_back({{{"code", std::to_string(code)}}, std::uint64_t{}});
        return family;
    }());
    return s_family;
}

const PreparedFamily& rate_limit_refusals() {
    static const PreparedFamily s_family(MetricFamily{
        "ceymail_rate_limit_refused_total",
        "Requests refused though their address had not spent its minute, by reason.",
        MetricType::counter,
        {Sample{{{"reason", "table_full"}}, std::uint64_t{}}, Sample{{{"reason", "lock"}}, std::uint64_t{}}}});
    return s_family;
}

const PreparedFamily& build_info() {
    static const PreparedFamily s_family(MetricFamily{"ceymail_build_info",
                                                      "Which ceymail-metrics this is.",
                                                      MetricType::gauge,
                                                      {Sample{{{"version", CEYMAIL_VERSION}}, std::uint64_t{}}}});
    return s_family;
}

void append(std::string& out, const PreparedFamily& family, Value value) { family.append(out, {&value, 1}); }

Value flag(bool value) { return std::uint64_t{value ? 1U : 0U}; }

Value count(const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

void append_counters(std::string& out, const shared::SegmentLayout& segment) {
    std::array<Value, shared::k_status_codes.size()> answers;
    for (std::size_t i = 0; i < answers.size(); ++i) answers[i] = count(segment.answers[i]);
    requests().append(out, answers);
    const std::array refusals{count(segment.rate.full_total), count(segment.rate.undecided_total)};
    rate_limit_refusals().append(out, refusals);
}

}  // namespace

void append_self_metrics(std::string& out, const SelfMetrics& metrics) {
    if (metrics.snapshot_age) append(out, snapshot_age(), std::chrono::duration<double>(*metrics.snapshot_age).count());
    append(out, database_up(), flag(metrics.database_up));
    append(out, auth_stale(), flag(metrics.auth_stale));
    if (metrics.token_created_at) append(out, token_created(), *metrics.token_created_at);
    if (metrics.segment != nullptr) append_counters(out, *metrics.segment);
    append(out, build_info(), std::uint64_t{1});
}

}  // namespace ceymail::endpoint
