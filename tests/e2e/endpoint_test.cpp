// SPDX-License-Identifier: MIT
// The endpoint as the internet sees it: through nginx with TLS.
#include <boost/test/unit_test.hpp>

#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

constexpr const char* k_unknown_token =
    "Authorization: Bearer ceymail_metrics_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

void check_guarded(const HttpAnswer& answer) {
    BOOST_TEST(answer.header("cache-control") == "no-store");
    BOOST_TEST(answer.header("x-content-type-options") == "nosniff");
}

BOOST_AUTO_TEST_SUITE(endpoint_over_https)

BOOST_AUTO_TEST_CASE(answers_a_scrape_with_the_exposition) {
    const auto answer = fetch(Miniature::shared().request());
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
    BOOST_TEST(answer.header("content-length") == std::to_string(answer.body.size()));
    BOOST_TEST(answer.body.starts_with("# HELP ceymail_cpu_idle_jiffies "));
    check_guarded(answer);
}

BOOST_AUTO_TEST_CASE(answers_head_without_a_body) {
    auto request = Miniature::shared().request();
    request.method = "HEAD";
    const auto answer = fetch(request);
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.body.empty());
    BOOST_TEST(std::stoul(answer.header("content-length")) > 2000U);
    check_guarded(answer);
}

BOOST_AUTO_TEST_CASE(compresses_for_those_who_ask) {
    auto request = Miniature::shared().request();
    const auto plain = fetch(request);
    request.headers.emplace_back("Accept-Encoding: gzip");
    const auto answer = fetch(request);
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.header("content-encoding") == "gzip");
    BOOST_TEST(answer.body.starts_with("\x1f\x8b"));
    BOOST_TEST(answer.body.size() < plain.body.size() / 3);
}

BOOST_AUTO_TEST_CASE(never_answers_openmetrics) {
    auto request = Miniature::shared().request();
    request.headers.emplace_back("Accept: application/openmetrics-text;version=1.0.0");
    BOOST_TEST(fetch(request).header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
}

struct Refused {
    const char* label;
    const char* method;
    const char* header;
    long status;
    const char* answer_header;
    const char* value;
};

constexpr Refused k_refused[] = {
    {"no token", "GET", "", 401, "www-authenticate", "Bearer realm=\"ceymail-metrics\""},
    {"a wrong token", "GET", k_unknown_token, 401, "www-authenticate",
     "Bearer realm=\"ceymail-metrics\", error=\"invalid_token\""},
    {"another scheme", "GET", "Authorization: Basic Y2V5bWFpbDpjZXltYWls", 400, "www-authenticate",
     "Bearer realm=\"ceymail-metrics\", error=\"invalid_request\""},
    {"a post", "POST", "", 405, "allow", "GET, HEAD"},
    {"a delete", "DELETE", k_unknown_token, 405, "allow", "GET, HEAD"},
};

BOOST_AUTO_TEST_CASE(refuses_whoever_may_not) {
    for (const auto& refused : k_refused) {
        BOOST_TEST_CONTEXT(refused.label) {
            auto request = Miniature::shared().anonymous_request();
            request.method = refused.method;
            if (*refused.header != '\0') request.headers.emplace_back(refused.header);
            const auto answer = fetch(request);
            BOOST_TEST(answer.status == refused.status);
            BOOST_TEST(answer.header(refused.answer_header) == refused.value);
            BOOST_TEST(answer.body.ends_with(".\n"));
            check_guarded(answer);
        }
    }
}

BOOST_AUTO_TEST_CASE(knows_no_other_path) {
    auto request = Miniature::shared().request();
    const auto origin = request.url.substr(0, request.url.find("/api/"));
    for (const char* path :
         {"/", "/api/stats", "/api/stats/metrics/", "/api/stats/metrics.json", "/api/stats/Metrics"}) {
        request.url = origin + path;
        BOOST_TEST(fetch(request).status == 404, path);
    }
    // nginx takes these for the location; the responder reads what was really asked.
    for (const char* path : {"/api/stats/%6detrics", "/api//stats/metrics", "/api/stats/x/../metrics"}) {
        request.url = origin + path;
        const auto answer = fetch(request);
        BOOST_TEST(answer.status == 404, path);
        check_guarded(answer);
    }
}

BOOST_AUTO_TEST_CASE(looks_at_no_query) {
    auto request = Miniature::shared().request();
    request.url += "?name[]=ceymail_queue_hold";
    BOOST_TEST(fetch(request).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(limiter_over_https)

BOOST_AUTO_TEST_CASE(answers_twelve_and_tells_the_thirteenth_when_to_come_back) {
    const auto request = Miniature::shared().request();
    const auto start = std::chrono::steady_clock::now();
    for (int number = 1; number <= 12; ++number) BOOST_TEST(fetch(request).status == 200, "request " << number);
    const auto answer = fetch(request);
    const auto passed = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    BOOST_TEST(answer.status == 429);
    BOOST_TEST(std::stol(answer.header("retry-after")) <= 60);
    BOOST_TEST(std::stol(answer.header("retry-after")) >= 60 - passed);
    check_guarded(answer);
}

BOOST_AUTO_TEST_CASE(counts_refused_tokens_too) {
    auto request = Miniature::shared().anonymous_request();
    request.headers.emplace_back(k_unknown_token);
    for (int number = 1; number <= 12; ++number) BOOST_TEST(fetch(request).status == 401, "request " << number);
    BOOST_TEST(fetch(request).status == 429);
}

BOOST_AUTO_TEST_CASE(takes_no_header_for_the_address) {
    auto request = Miniature::shared().anonymous_request();
    const auto bare = request.headers;
    for (int number = 1; number <= 13; ++number) {
        const auto address = "203.0.113." + std::to_string(number);
        request.headers = bare;
        for (const char* name :
             {"X-Forwarded-For: ", "X-Real-IP: ", "Forwarded: for=", "Remote-Addr: ", "REMOTE_ADDR: "})
            request.headers.push_back(name + address);
        BOOST_TEST(fetch(request).status == (number <= 12 ? 401 : 429), "request " << number);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
