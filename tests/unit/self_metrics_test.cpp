// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/self_metrics.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>

using namespace std::chrono_literals;
using namespace ceymail;

namespace {

std::string text_of(const endpoint::SelfMetrics& metrics) {
    std::string out;
    endpoint::append_self_metrics(out, metrics);
    return out;
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// Zero memory, like a new segment.
std::unique_ptr<shared::SegmentLayout> empty_layout() { return std::make_unique<shared::SegmentLayout>(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(self_metrics)

BOOST_AUTO_TEST_CASE(has_the_age_of_the_snapshot_in_seconds) {
    BOOST_TEST(has_line(text_of({.snapshot_age = 1500ms}), "ceymail_snapshot_age_seconds 1.5"));
}

BOOST_AUTO_TEST_CASE(has_no_age_where_there_is_no_snapshot) {
    BOOST_TEST(text_of({}).find("ceymail_snapshot_age_seconds") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(has_the_state_of_the_database_and_of_the_grace_period) {
    const auto well = text_of({.database_up = true, .auth_stale = false});
    BOOST_TEST(has_line(well, "ceymail_database_up 1"));
    BOOST_TEST(has_line(well, "ceymail_auth_stale 0"));
    const auto outage = text_of({.database_up = false, .auth_stale = true});
    BOOST_TEST(has_line(outage, "ceymail_database_up 0"));
    BOOST_TEST(has_line(outage, "ceymail_auth_stale 1"));
}

BOOST_AUTO_TEST_CASE(has_the_time_of_the_token_where_it_is_known) {
    BOOST_TEST(
        has_line(text_of({.token_created_at = 1'800'000'000}), "ceymail_token_created_timestamp_seconds 1800000000"));
    BOOST_TEST(text_of({}).find("ceymail_token_created") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(counts_every_status_from_the_start) {
    const auto layout = empty_layout();
    layout->answers[0] = 7;
    const auto text = text_of({.segment = layout.get()});
    BOOST_TEST(has_line(text, R"(ceymail_requests_total{code="200"} 7)"));
    for (const int code : shared::k_status_codes)
        BOOST_TEST(text.find("ceymail_requests_total{code=\"" + std::to_string(code) + "\"} ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(counts_refusals_of_the_limiter_by_reason) {
    const auto layout = empty_layout();
    layout->rate.full_total = 3;
    layout->rate.undecided_total = 4;
    const auto text = text_of({.segment = layout.get()});
    BOOST_TEST(has_line(text, R"(ceymail_rate_limit_refused_total{reason="table_full"} 3)"));
    BOOST_TEST(has_line(text, R"(ceymail_rate_limit_refused_total{reason="lock"} 4)"));
}

BOOST_AUTO_TEST_CASE(has_no_counters_without_a_segment) { BOOST_TEST(text_of({}).find("_total") == std::string::npos); }

BOOST_AUTO_TEST_CASE(names_the_version) {
    BOOST_TEST(has_line(text_of({}), "ceymail_build_info{version=\"" CEYMAIL_VERSION "\"} 1"));
}

BOOST_AUTO_TEST_SUITE_END()
