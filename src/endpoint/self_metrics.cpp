// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/self_metrics.hpp"

#include <algorithm>
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

PreparedFamily gauge(const char* name, const char* help) {
    return PreparedFamily(exposition::single(name, help, MetricType::gauge, std::uint64_t{}));
}

MetricFamily answers_by_status() {
    MetricFamily family{"ceymail_requests_total",
                        "Answers by HTTP status, over all workers, before this one.",
                        MetricType::counter,
                        {}};
    for (const int code : shared::k_status_codes)
        family.samples.push_back({{{"code", std::to_string(code)}}, std::uint64_t{}});
    return family;
}

// These families are in every answer. Prepared once, they cost a tenth of the time.
struct Families {
    PreparedFamily snapshot_age = gauge("ceymail_snapshot_age_seconds", "Age of the host's metrics in this answer.");
    PreparedFamily database_up = gauge("ceymail_database_up", "Whether MariaDB answered when the token was checked.");
    PreparedFamily auth_stale =
        gauge("ceymail_auth_stale", "Whether the token was accepted from memory because MariaDB could not be reached.");
    PreparedFamily token_created =
        gauge("ceymail_token_created_timestamp_seconds", "When the active token was made, in seconds since 1970.");
    PreparedFamily requests{answers_by_status()};
    PreparedFamily rate_limit_refusals{MetricFamily{
        "ceymail_rate_limit_refused_total",
        "Requests refused though their address had not spent its minute, by reason.",
        MetricType::counter,
        {Sample{{{"reason", "table_full"}}, std::uint64_t{}}, Sample{{{"reason", "lock"}}, std::uint64_t{}}}}};
    PreparedFamily build_info{MetricFamily{"ceymail_build_info",
                                           "Which ceymail-metrics this is.",
                                           MetricType::gauge,
                                           {Sample{{{"version", CEYMAIL_VERSION}}, std::uint64_t{}}}}};
};

void append(std::string& out, const PreparedFamily& family, Value value) { family.append(out, {&value, 1}); }

Value flag(bool value) { return std::uint64_t{value ? 1U : 0U}; }

Value count(const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

}  // namespace

void append_self_metrics(std::string& out, const SelfMetrics& metrics) {
    static const Families s_families;
    if (metrics.snapshot_age)
        append(out, s_families.snapshot_age, std::chrono::duration<double>(*metrics.snapshot_age).count());
    append(out, s_families.database_up, flag(metrics.database_up));
    append(out, s_families.auth_stale, flag(metrics.auth_stale));
    if (metrics.token_created_at) append(out, s_families.token_created, *metrics.token_created_at);
    if (metrics.segment != nullptr) {
        std::array<Value, shared::k_status_codes.size()> answers;
        std::ranges::transform(metrics.segment->answers, answers.begin(), count);
        s_families.requests.append(out, answers);
        const std::array refusals{count(metrics.segment->rate.full_total),
                                  count(metrics.segment->rate.undecided_total)};
        s_families.rate_limit_refusals.append(out, refusals);
    }
    append(out, s_families.build_info, std::uint64_t{1});
}

}  // namespace ceymail::endpoint
