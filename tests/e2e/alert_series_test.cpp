// SPDX-License-Identifier: MIT
// That the series which the alerts' tests are fed are such as the program emits at its defaults, and that a real
// responder without a gatherer emits what the alert for it asks for.
#include <algorithm>
#include <csignal>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "ceymail/config/configuration.hpp"
#include "support/live_responder.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

using Labels = std::map<std::string, std::string>;
using Values = std::vector<std::optional<double>>;  // one a minute; none: not scraped

struct Series {
    std::string metric;
    Labels labels;
    Values values;
};

Labels labels_of(const std::string& text) {
    static const std::regex s_label(R"x((\w+)="([^"]*)")x");
    Labels labels;
    for (std::sregex_iterator it(text.begin(), text.end(), s_label), end; it != end; ++it) labels[(*it)[1]] = (*it)[2];
    return labels;
}

// promtool's notation: A, AxN (N more of it), A+BxN, A-BxN, _ and _xN, stale (what Prometheus stores for a series that
// is missing from a scrape).
Values values_of(const std::string& text) {
    static const std::regex s_word(R"(^(_|stale|-?[0-9.]+)([+-][0-9.]+)?(?:x([0-9]+))?$)");
    Values values;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        std::smatch part;
        BOOST_TEST_REQUIRE(std::regex_match(word, part, s_word), word);
        const int more = part[3].matched ? std::stoi(part[3]) : 0;
        if (part[1] == "_" || part[1] == "stale") {
            values.insert(values.end(), static_cast<std::size_t>(std::max(more, 1)), std::nullopt);
            continue;
        }
        const double step = part[2].matched ? std::stod(part[2]) : 0;
        for (int i = 0; i <= more; ++i) values.emplace_back(std::stod(part[1]) + i * step);
    }
    return values;
}

std::vector<Series> series_of(const std::string& text) {
    static const std::regex s_series(R"(- \{series: '(\w+)\{([^}]*)\}', values: '([^']*)'\})");
    std::vector<Series> all;
    for (std::sregex_iterator it(text.begin(), text.end(), s_series), end; it != end; ++it)
        all.push_back({(*it)[1], labels_of((*it)[2]), values_of((*it)[3])});
    return all;
}

// What a scrape of the real responder shows: each metric's type, its labels, and the values of these.
class Exposition {
public:
    explicit Exposition(const std::string& text) {
        std::istringstream lines(text);
        static const std::regex s_type(R"(^# TYPE (\w+) (\w+)$)");
        static const std::regex s_sample(R"(^(\w+)(?:\{(.*)\})? .*$)");
        for (std::string line; std::getline(lines, line);) {
            std::smatch part;
            if (std::regex_match(line, part, s_type)) m_types[part[1]] = part[2];
            if (line.starts_with('#') || !std::regex_match(line, part, s_sample)) continue;
            for (const auto& [name, value] : labels_of(part[2])) m_values[part[1].str() + "/" + name].insert(value);
            m_metrics.insert(part[1]);
        }
    }

    [[nodiscard]] bool has(const std::string& metric) const { return m_metrics.contains(metric); }
    [[nodiscard]] bool is_counter(const std::string& metric) const {
        return m_types.contains(metric) && m_types.at(metric) == "counter";
    }

    // Nothing, or why it is none of its labels. Names of services and versions are the host's, and not listed here.
    [[nodiscard]] std::string fault_of(const std::string& metric, Labels labels) const {
        labels.erase("job");
        labels.erase("instance");
        for (const auto& [name, value] : labels) {
            const auto known = m_values.find(metric + "/" + name);
            if (known == m_values.end()) return "no label " + name;
            if (name != "name" && name != "version" && !known->second.contains(value))
                return "no value " + value + " of " + name;
        }
        return {};
    }

private:
    std::set<std::string> m_metrics;
    std::map<std::string, std::string> m_types;
    std::map<std::string, std::set<std::string>> m_values;
};

// A counter begins again when its host boots, and is not scraped meanwhile.
bool falls_without_a_gap(const Values& values) {
    for (std::size_t i = 1; i < values.size(); ++i)
        if (values[i] && values[i - 1] && *values[i] < *values[i - 1]) return true;
    return false;
}

std::size_t longest_run(const Values& values, double value) {
    std::size_t longest = 0;
    std::size_t run = 0;
    for (const auto& one : values) longest = std::max(longest, run = one == value ? run + 1 : 0);
    return longest;
}

// Nothing, or why the program does not emit it, by the rules of ceymail-metrics(8) at the defaults.
std::string impossible(const Series& series, const Exposition& exposition) {
    const config::Configuration defaults;
    const auto& [metric, labels, values] = series;
    const auto any = [&](auto condition) {
        return std::ranges::any_of(values, [&](const auto& value) { return value && condition(*value); });
    };
    if (metric == "up") return any([](double v) { return v != 0 && v != 1; }) ? "up is 0 or 1" : "";
    if (!exposition.has(metric)) return "no such metric";
    if (auto fault = exposition.fault_of(metric, labels); !fault.empty()) return fault;
    const bool is_flag = std::set<std::string>{"ceymail_collector_success", "ceymail_service_up", "ceymail_database_up",
                                               "ceymail_auth_stale", "ceymail_build_info"}
                             .contains(metric);
    if (is_flag && any([](double v) { return v != 0 && v != 1; })) return "neither 0 nor 1";
    const auto maximum_age = static_cast<double>(defaults.maximum_age.count());
    if (metric.ends_with("_age_seconds") && any([&](double v) { return v < 0 || v > maximum_age; }))
        return "older than maximum_age";
    // A sample a minute; with the grace over there is none.
    const auto grace = static_cast<std::size_t>(defaults.auth_grace / 1min);
    if (metric == "ceymail_database_up" && longest_run(values, 0) > grace) return "longer than auth_grace";
    if (metric == "ceymail_auth_stale" && longest_run(values, 1) > grace) return "longer than auth_grace";
    if (exposition.is_counter(metric) && falls_without_a_gap(values)) return "a counter that falls";
    // While the plan is too low for one request it is for all, so that no scrape shows this counter grow.
    if (labels.contains("code") && labels.at("code") == "403" && any([&](double v) { return v != values.front(); }))
        return "403 beside a scrape";
    return {};
}

// A scrape after Postfix has written a line of the log: its counters are there from then on.
std::string scrape_with_mail() {
    auto& miniature = Miniature::shared();
    const auto etc = (miniature.directory() / "postfix/etc").string();
    std::string body;
    const auto has_counters = [&] {
        body = fetch(miniature.request()).body;
        return value_of(body, "ceymail_mail_received_total{source=\"local\"}").has_value();
    };
    if (has_counters()) return body;
    const auto sent =
        run({.arguments = {"sendmail", "-C", etc, "-f", "postmaster@example.org", "reader@delivered.example"},
             .input = "Subject: a line of the log\n\nHello.\n",
             .output_file = "/dev/null"});
    BOOST_TEST(sent.status == 0, sent.errors);
    BOOST_TEST_REQUIRE(eventually(has_counters, 60s), body);
    return body;
}

BOOST_AUTO_TEST_SUITE(alert_series)

BOOST_AUTO_TEST_CASE(are_such_as_the_program_emits_at_its_defaults) {
    const Exposition exposition(scrape_with_mail());
    const auto text = slurp(source("tests/prometheus/rules_test.yml"));
    const auto all = series_of(text);
    std::size_t lines = 0;
    for (auto at = text.find("series: '"); at != std::string::npos; at = text.find("series: '", at + 1)) ++lines;
    BOOST_TEST_REQUIRE(all.size() == lines);
    BOOST_TEST_REQUIRE(lines > 30U);
    for (const auto& series : all) {
        // What may be absent from a host in good health is known by the manual page alone.
        if (series.metric == "ceymail_queue_oldest_deferred_timestamp_seconds") continue;
        if (series.metric == "ceymail_attached") continue;
        if (series.metric == "ceymail_certificate_loaded_timestamp_seconds") continue;
        if (series.metric == "ceymail_galera_ready") continue;  // tests/fleet shows it
        // The miniature's mail log is a file.
        if (series.metric == "ceymail_mail_log_unread_seconds" || series.metric == "ceymail_mail_log_gaps_total")
            continue;
        BOOST_TEST(impossible(series, exposition) == "", series.metric);
    }
}

// A rule that finds nothing proves little, unless it finds what is wrong.
BOOST_AUTO_TEST_CASE(that_are_impossible_are_found) {
    const Exposition exposition(fetch(Miniature::shared().request()).body);
    const std::pair<std::string, std::string> cases[] = {
        {"- {series: 'ceymail_queue_sideways{instance=\"a\"}', values: '1'}", "no such metric"},
        {"- {series: 'ceymail_queue_hold{queue=\"a\"}', values: '1'}", "no label queue"},
        {"- {series: 'ceymail_collector_success{collector=\"moon\"}', values: '1'}", "no value moon of collector"},
        {"- {series: 'ceymail_collector_success{collector=\"cpu\"}', values: '1 2'}", "neither 0 nor 1"},
        {"- {series: 'ceymail_snapshot_age_seconds{}', values: '0+60x6'}", "older than maximum_age"},
        {"- {series: 'ceymail_collector_age_seconds{collector=\"queue\"}', values: '0+60x20'}",
         "older than maximum_age"},
        {"- {series: 'ceymail_database_up{}', values: '1 0x20'}", "longer than auth_grace"},
        {"- {series: 'ceymail_auth_stale{}', values: '0 1x5'}", "longer than auth_grace"},
        {"- {series: 'ceymail_requests_total{code=\"200\"}', values: '4 3'}", "a counter that falls"},
        {"- {series: 'ceymail_requests_total{code=\"200\"}', values: '4 stale 3'}", ""},
        {"- {series: 'ceymail_requests_total{code=\"200\"}', values: '4 stale 3 2'}", "a counter that falls"},
        {"- {series: 'ceymail_requests_total{code=\"403\"}', values: '0+4x9'}", "403 beside a scrape"},
        {"- {series: 'up{}', values: '0.5'}", "up is 0 or 1"},
    };
    for (const auto& [line, want] : cases) {
        const auto series = series_of(line);
        BOOST_TEST_REQUIRE(series.size() == 1U, line);
        BOOST_TEST(impossible(series.front(), exposition) == want, line);
    }
}

// What a real responder emits whose gatherer is stopped, a scrape a minute as far as promtool knows.
BOOST_AUTO_TEST_CASE(of_a_stopped_gatherer_raise_the_alert_for_it) {
    const std::size_t k_scrapes = 8;
    const LiveResponder responder({.configuration = {{"maximum_age", "2"}, {"cache_ttl", "0"}}});
    const auto token = responder.generate();
    std::string build_info = "_";
    std::string success = "_";
    double oldest = 0;
    const auto scrape = [&] {
        const auto reply = responder.ask(token, {}, {{"HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", "1.2"}});
        BOOST_TEST(reply.status == 200);
        const auto in = [&](const char* line) { return reply.body.contains(line); };
        build_info += in("\nceymail_build_info{") ? " 1" : " stale";
        success += in("\nceymail_collector_success{collector=\"cpu\"} 1") ? " 1" : " stale";
        oldest = std::max(oldest, value_of(reply.body, "ceymail_snapshot_age_seconds").value_or(0));
    };
    scrape();
    BOOST_TEST(success == "_ 1");
    const auto gatherer = responder.gatherer();
    ::kill(gatherer, SIGSTOP);
    for (std::size_t i = 0; i < k_scrapes; ++i) scrape();
    ::kill(gatherer, SIGCONT);
    BOOST_TEST(oldest <= 2.0);
    BOOST_TEST(success.ends_with("stale stale stale"), success);
    BOOST_TEST(build_info.ends_with("1 1 1 1"), build_info);

    const std::string minute = std::to_string(k_scrapes + 1) + "m";
    const TemporaryDirectory directory;
    const auto rules = directory.write(
        "rules_test.yml",
        std::string("rule_files: [") + std::string(source("deploy/prometheus/ceymail-alerts.rules.yml")) +
            "]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n"
            "      - {series: 'ceymail_build_info{job=\"ceymail\",instance=\"a\"}', values: '" +
            build_info +
            "'}\n      - {series: 'ceymail_collector_success{job=\"ceymail\",instance=\"a\",collector=\"cpu\"}', "
            "values: '" +
            success +
            "'}\n    promql_expr_test:\n      - expr: count by (alertname) (ALERTS{alertstate=\"firing\"})\n" +
            "        eval_time: " + minute +
            "\n        exp_samples: [{labels: '{alertname=\"CeymailCollectorsMissing\"}', value: 1}]\n");
    const auto tested = run({.arguments = {"promtool", "test", "rules", rules.string()}});
    BOOST_TEST(tested.status == 0, build_info + "\n" + success + "\n" + tested.output + tested.errors);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
