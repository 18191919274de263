// SPDX-License-Identifier: MIT
// Micro-benchmarks: what every request runs through, and each parser, on what a real machine gives them.
#include <array>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/admission/bearer.hpp"
#include "ceymail/admission/rate_table.hpp"
#include "ceymail/collect/cpu.hpp"
#include "ceymail/collect/memory.hpp"
#include "ceymail/collect/process_table.hpp"
#include "ceymail/collect/queue_id.hpp"
#include "ceymail/endpoint/request_path.hpp"
#include "ceymail/endpoint/self_metrics.hpp"
#include "ceymail/endpoint/time_budget.hpp"
#include "ceymail/exposition/text_format.hpp"
#include "ceymail/fastcgi/request_validation.hpp"
#include "ceymail/fastcgi/response.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/secret.hpp"
#include "support/fastcgi_records.hpp"

namespace {

using namespace ceymail;
using benchmark::DoNotOptimize;
using benchmark::State;

// range(0): addresses in the table, one after the other.
void limiter(State& state) {
    const auto storage = std::make_unique<admission::RateStorage>();
    admission::init_rate_locks(*storage);
    admission::RateTable table(*storage, std::chrono::seconds(60), util::BootClock::now);
    const auto addresses = static_cast<std::uint64_t>(state.range(0));
    std::uint64_t next = 0;
    for (std::uint64_t i = 0; i < addresses; ++i) DoNotOptimize(table.admit({i, admission::AddressFamily::ipv4}));
    for (auto _ : state) DoNotOptimize(table.admit({next++ % addresses, admission::AddressFamily::ipv4}));
}
BENCHMARK(limiter)->RangeMultiplier(2)->Range(1, 8192);

void vetting(State& state) {
    const auto bytes = testing::request(testing::scrape_parameters("Bearer ceymail_" + std::string(43, 'x')));
    for (auto _ : state) DoNotOptimize(fastcgi::validate(testing::bytes_of(bytes)));
}
BENCHMARK(vetting);

void exposition_of_a_family(State& state) {
    exposition::MetricFamily family{
        "ceymail_service_up", "Whether the service runs.", exposition::MetricType::gauge, {}};
    for (const char* name :
         {"postfix", "dovecot", "opendkim", "unbound", "mariadb", "spamassassin", "nginx", "rsyslog"})
        family.samples.push_back({{{"name", name}}, std::uint64_t{1}});
    std::string text;
    for (auto _ : state) {
        text.clear();
        exposition::append_family(text, family);
        DoNotOptimize(text.data());
    }
}
BENCHMARK(exposition_of_a_family);

void exposition_of_the_responder_itself(State& state) {
    const auto segment = std::make_unique<shared::SegmentLayout>();
    std::string text;
    for (auto _ : state) {
        text.clear();
        endpoint::append_self_metrics(
            text, {.snapshot_age = std::chrono::seconds(1), .database_up = true, .segment = segment.get()});
        DoNotOptimize(text.data());
    }
}
BENCHMARK(exposition_of_the_responder_itself);

void cgi_of_a_refusal(State& state) {
    const fastcgi::Response response{.status = 429, .headers = {{"Retry-After", "42"}}, .body = "Too many.\n"};
    std::string text;
    for (auto _ : state) {
        text.clear();
        fastcgi::append_cgi(response, text);
        DoNotOptimize(text.data());
    }
}
BENCHMARK(cgi_of_a_refusal);

void digest_of_a_token(State& state) {
    const std::string token = "ceymail_metrics_" + std::string(43, 'x');
    for (auto _ : state) DoNotOptimize(util::sha256(token));
}
BENCHMARK(digest_of_a_token);

template <class Parse>
void parser(State& state, Parse parse, const std::string& text) {
    for (auto _ : state) DoNotOptimize(parse(text));
}
BENCHMARK_CAPTURE(parser, cpu, collect::parse_cpu, util::read_file("/proc/stat").value());
BENCHMARK_CAPTURE(parser, memory, collect::parse_memory, util::read_file("/proc/meminfo").value());
BENCHMARK_CAPTURE(parser, process, collect::parse_stat, util::read_file("/proc/self/stat").value());
BENCHMARK_CAPTURE(parser, master_pid, collect::parse_master_pid, "      1234\n");
BENCHMARK_CAPTURE(parser, long_queue_id, collect::arrival_of, "3Pt2mN2VXxznjll");
BENCHMARK_CAPTURE(parser, short_queue_id, collect::arrival_of, "1D9F84A2C31");
BENCHMARK_CAPTURE(parser, address_ipv4, admission::parse_address_key, "192.0.2.7");
BENCHMARK_CAPTURE(parser, address_ipv6, admission::parse_address_key, "2001:db8:1:2::7");
BENCHMARK_CAPTURE(parser, bearer, admission::parse_bearer, "Bearer ceymail_" + std::string(43, 'x'));
BENCHMARK_CAPTURE(parser, request_path, endpoint::request_path, "/api/stats/metrics?name=value");
BENCHMARK_CAPTURE(parser, scrape_timeout, endpoint::answer_time, "10.000000");

}  // namespace

BENCHMARK_MAIN();
