// SPDX-License-Identifier: MIT
// What is shipped for Prometheus and Grafana, as far as it can be judged without either running: the rules by promtool,
// the dashboards by the rules of tests/grafana/rules.jq, and that every runbook address leads somewhere.
#include <algorithm>
#include <array>
#include <regex>
#include <set>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

const std::string k_alerts = "deploy/prometheus/ceymail-alerts.rules.yml";
const std::string k_thresholds = "deploy/prometheus/ceymail-thresholds.rules.yml";
const std::string k_recording = "deploy/prometheus/ceymail-recording.rules.yml";
const std::string k_fleet = "deploy/prometheus/ceymail-fleet.rules.yml";

const std::array<std::string, 3> k_dashboards{"overview", "fleet", "mail-flow"};

// The cases of the alerts take ten seconds of processor time.
Finished promtool(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "promtool");
    return run({.arguments = arguments}, std::chrono::minutes(2));
}

std::string dashboard(const std::string& name) { return source("deploy/grafana/dashboards/ceymail-" + name + ".json"); }

// jq's lines; what it complains of stands behind them.
std::string jq(const std::vector<std::string>& arguments) {
    std::vector<std::string> whole{"jq", "-r"};
    whole.insert(whole.end(), arguments.begin(), arguments.end());
    const auto finished = run({.arguments = whole});
    return finished.output + finished.errors;
}

std::string findings(const std::string& file) { return jq({"-f", source("tests/grafana/rules.jq"), file}); }

std::set<std::string> matches(const std::string& text, const std::string& expression) {
    const std::regex regex(expression);
    std::set<std::string> found;
    for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
        found.insert((*match)[1]);
    return found;
}

// As GitHub makes them: lower case, blanks to hyphens, other signs dropped.
std::string anchor_of(const std::string& heading) {
    std::string anchor;
    for (const unsigned char c : heading) {
        if (c == ' ') anchor += '-';
        if (c == '-' || c == '_' || std::isalnum(c) != 0) anchor += static_cast<char>(std::tolower(c));
    }
    return anchor;
}

std::set<std::string> anchors(const std::string& markdown) {
    std::set<std::string> found;
    std::istringstream lines(markdown);
    for (std::string line; std::getline(lines, line);) {
        const auto text = line.find_first_not_of('#');
        if (text == 0 || text == std::string::npos || line[text] != ' ') continue;
        found.insert(anchor_of(line.substr(text + 1)));
    }
    return found;
}

BOOST_AUTO_TEST_SUITE(dashboards)

BOOST_AUTO_TEST_CASE(promtool_accepts_rules_and_configuration) {
    const auto rules =
        promtool({"check", "rules", source(k_thresholds), source(k_recording), source(k_fleet), source(k_alerts)});
    BOOST_TEST(rules.status == 0, rules.output + rules.errors);
    // The token's file is made by whoever installs.
    const auto config = promtool({"check", "config", "--syntax-only", source("deploy/prometheus/prometheus.yml")});
    BOOST_TEST(config.status == 0, config.output + config.errors);
}

BOOST_AUTO_TEST_CASE(every_alert_fires_and_is_silent_where_it_should) {
    const auto tested =
        promtool({"test", "rules", source("tests/prometheus/rules_test.yml"),
                  source("tests/prometheus/recording_test.yml"), source("tests/prometheus/fleet_test.yml")});
    BOOST_TEST(tested.status == 0, tested.output + tested.errors);

    const auto cases = slurp(source("tests/prometheus/rules_test.yml"));
    std::istringstream lines(slurp(source(k_alerts)));
    int alerts = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto at = line.find("- alert: ");
        if (at == std::string::npos) continue;
        ++alerts;
        const auto name = line.substr(at + 9);
        BOOST_TEST((cases.find("alertname=\"" + name + "\",alertstate=\"firing\"") != std::string::npos),
                   name + " is not tested");
    }
    BOOST_TEST(alerts > 0);
}

// What README.md shows takes the place of the shipped rule of that name.
BOOST_AUTO_TEST_CASE(a_threshold_is_overridden_as_the_readme_says) {
    const auto readme = slurp(source("README.md"));
    const std::string record = "      - record: ceymail:threshold:disk_used_ratio\n";
    const auto begin = readme.find("```yaml\n" + record);
    BOOST_TEST_REQUIRE(begin != std::string::npos);
    const auto rule = readme.substr(begin + 8, readme.find("```", begin + 8) - begin - 8);
    auto thresholds = slurp(source(k_thresholds));
    const auto at = thresholds.find(record);
    BOOST_TEST_REQUIRE(at != std::string::npos);
    thresholds.replace(at, thresholds.find("      - record: ", at + 1) - at, rule);

    const TemporaryDirectory directory;
    directory.write("ceymail-thresholds.rules.yml", thresholds);
    for (const auto& file : {k_recording, k_alerts, std::string("tests/prometheus/override_test.yml")})
        directory.write(std::filesystem::path(file).filename(), slurp(source(file)));
    const auto tested = promtool({"test", "rules", directory / "override_test.yml"});
    BOOST_TEST(tested.status == 0, tested.output + tested.errors);
}

BOOST_AUTO_TEST_CASE(every_threshold_is_recorded_once_and_used_by_alerts_and_panels) {
    const auto thresholds = slurp(source(k_thresholds));
    const auto recorded = matches(thresholds, "- record: ceymail:threshold:(\\w+)");
    const auto rules = std::ranges::count(thresholds.substr(thresholds.find("\ngroups:")), '\n');
    BOOST_TEST(static_cast<std::size_t>(rules) == 5 + 2 * recorded.size(), "another line than record and expr");
    const std::string used = "ceymail:threshold:(\\w+)";
    BOOST_TEST((matches(slurp(source(k_alerts)), used) == recorded));
    std::set<std::string> shown;
    for (const auto& name : k_dashboards) shown.merge(matches(slurp(dashboard(name)), used));
    BOOST_TEST((shown == recorded));
    const auto console = matches(slurp(source("deploy/prometheus/consoles/ceymail.html")), used);
    BOOST_TEST(std::ranges::includes(recorded, console));
}

BOOST_AUTO_TEST_CASE(the_console_has_every_graph_of_the_mail_flow) {
    const auto captions =
        matches(slurp(source("deploy/prometheus/consoles/ceymail.html")), "<figcaption>([^<]+)</figcaption>");
    std::istringstream titles(jq({".panels[] | select(.type == \"timeseries\").title", dashboard("mail-flow")}));
    int graphs = 0;
    for (std::string title; std::getline(titles, title); ++graphs) BOOST_TEST(captions.contains(title), title);
    BOOST_TEST(graphs > 20);
}

BOOST_AUTO_TEST_CASE(every_runbook_address_is_a_heading_of_the_readme) {
    const auto headings = anchors(slurp(source("README.md")));
    std::istringstream lines(slurp(source(k_alerts)));
    const std::string readme = "README.md#";
    int addresses = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.find("runbook_url:") == std::string::npos) continue;
        ++addresses;
        BOOST_TEST_REQUIRE(line.find(readme) != std::string::npos, line);
        const auto anchor = line.substr(line.find(readme) + readme.size());
        BOOST_TEST(headings.contains(anchor), "README.md has no heading for #" + anchor);
    }
    BOOST_TEST(addresses > 0);
}

BOOST_AUTO_TEST_CASE(the_dashboards_keep_all_rules) {
    for (const auto& name : k_dashboards) BOOST_TEST(findings(dashboard(name)) == "", name);
}

// A rule that finds nothing proves little, unless it finds what is wrong.
BOOST_AUTO_TEST_CASE(the_rules_find_what_is_wrong) {
    struct {
        std::string change;  // of the overview, as jq has it
        std::string want;    // the rule that finds it
    } const cases[] = {
        {".templating.list[0].name = \"source\"", "template-datasource-rule"},
        {".templating.list[0].query = \"loki\"", "template-datasource-rule"},
        {"del(.templating.list[1])", "template-job-rule"},
        {".templating.list[1].multi = false", "template-job-rule"},
        {".templating.list[2].allValue = \".*\"", "template-instance-rule"},
        {".templating.list[2].datasource.uid = \"abc\"", "template-instance-rule"},
        {".templating.list[2].query = \"up\"", "template-label-promql-rule"},
        {".templating.list[2].refresh = 1", "template-on-time-change-reload-rule"},
        {".panels[3].datasource.uid = \"abc\"", "panel-datasource-rule"},
        {".panels[3].title = \"\"", "panel-title-description-rule"},
        {"del(.panels[3].description)", "panel-title-description-rule"},
        {"del(.panels[3].fieldConfig.defaults.unit)", "panel-units-rule"},
        {".panels[3].fieldConfig.defaults.unit = \"furlong\"", "panel-units-rule"},
        {".panels[3].targets = []", "panel-no-targets-rule"},
        {".panels[6].targets[0].expr |= sub(\"__rate_interval\"; \"__interval\")", "target-rate-interval-rule"},
        {".panels[6].targets[0].expr |= sub(\"\\\\$__rate_interval\"; \"5m\")", "target-rate-interval-rule"},
        {".panels[0].targets[0].expr = \"up{instance=~\\\"$instance\\\"}\"", "target-job-rule"},
        {".panels[0].targets[0].expr = \"up{job=~\\\"$job\\\"}\"", "target-instance-rule"},
        {".panels[0].targets[0].expr = \"sum(ceymail_queue_hold)\"", "target-job-rule"},
        {".panels[0].targets[0].expr = \"min(ceymail:threshold:disk_used_ratio)\"", "target-job-rule"},
        {".panels[0].targets[0].expr = \"min(instance:ceymail_disk_used:ratio)\"", "target-instance-rule"},
        {".panels[0].targets[0].expr = \"sum(ceymail_requests_total{job=~\\\"$job\\\",instance=~\\\"$instance\\\"})\"",
         "target-counter-agg-rule"},
        {".editable = true", "uneditable-dashboard-rule"},
        {".id = 7", "provisionable"},
        {"del(.uid)", "provisionable"},
        {".panels[0].datasource.uid = \"${DS_PROMETHEUS}\"", "provisionable"},
        {".panels[1].id = .panels[0].id", "panel-ids"},
        {".panels[1].gridPos.x = 2", "layout"},
        {".panels[5].gridPos.w = 5", "layout"},
        {"(.panels[] | select(.type == \"timeseries\").targets[0]).legendFormat = \"\"", "legend"},
        {"del(.panels[6].fieldConfig.defaults.thresholds)", "thresholds"},
        {"del((.panels[] | select(.title == \"Age of the newest backup\")).fieldConfig.defaults.noValue)",
         "empty-state"},
        {"del(.links[] | select(.title == \"Fleet\"))", "links"},
        {".links[0].includeVars = false", "links"},
    };
    const TemporaryDirectory directory;
    for (const auto& [change, want] : cases) {
        const auto found = findings(directory.write("changed.json", jq({change, dashboard("overview")})));
        BOOST_TEST((("\n" + found).find("\n" + want + ": ") != std::string::npos), change + " gives:\n" + found);
    }
}

// Over a time 500 hosts would be 500 lines of each graph: seconds of Prometheus, megabytes of the browser.
BOOST_AUTO_TEST_CASE(the_rules_find_what_is_expensive_for_many_hosts) {
    const std::string selectors = R"({job=~"$job",instance=~"$instance"})";
    struct {
        std::string kind;   // of panel, or an annotation
        std::string query;  // of its first target
        bool is_found;
    } const cases[] = {
        {"timeseries", "ceymail_queue_hold" + selectors, true},
        {"timeseries", "topk(10, ceymail_queue_hold" + selectors + ")", true},
        {"timeseries", "instance:ceymail_disk_used:ratio" + selectors, true},
        {"timeseries", "min(ceymail:threshold:disk_used_ratio" + selectors + ")", true},
        {"timeseries", R"(sum({__name__="ceymail_mailboxes_total",)" + selectors.substr(1) + ")", true},
        {"timeseries", "instance:ceymail_disk_used:topk10" + selectors + " * up" + selectors, true},
        {"timeseries", "instance:ceymail_disk_used:topk10" + selectors, false},
        {"timeseries", R"(max(job:ceymail_disk_used:median{job=~"$job"}))", false},
        {"table", "max by (instance) (up" + selectors + ")", true},
        {"table", "topk(25, up" + selectors + ")", false},
        {"annotation", "ceymail_auth_stale" + selectors + " == 1", true},
        {"annotation", R"(changes(job:ceymail_hosts:count{job=~"$job"}[2m]) > 0)", false},
    };
    const TemporaryDirectory directory;
    for (const auto& [kind, query, is_found] : cases) {
        const auto found = findings(directory.write(
            "changed.json", jq({"--arg", "kind", kind, "--arg", "query", query,
                                "if $kind == \"annotation\" then .annotations.list[0].expr = $query"
                                " else (first(.panels[] | select(.type == $kind)).targets[0].expr) = $query end",
                                dashboard("fleet")})));
        BOOST_TEST((found.find("fleet-cost: ") != std::string::npos) == is_found, query + " gives:\n" + found);
    }
}

BOOST_AUTO_TEST_CASE(every_recorded_series_of_the_dashboards_is_recorded) {
    std::set<std::string> recorded;
    for (const auto& rules : {k_thresholds, k_recording, k_fleet})
        recorded.merge(matches(slurp(source(rules)), "- record: ([\\w:]+)"));
    for (const auto& name : k_dashboards)
        for (const auto& series : matches(slurp(dashboard(name)), "\\b((?:job\\w*|instance|ceymail):\\w[\\w:]+)\\{"))
            BOOST_TEST(recorded.contains(series), name + " shows " + series);
    std::set<std::string> shown = matches(slurp(dashboard("fleet")), "\\b((?:job\\w*|instance):\\w[\\w:]+)\\{");
    for (const auto& series : matches(slurp(source(k_fleet)), "- record: ([\\w:]+)"))
        BOOST_TEST((shown.contains(series) || series == "instance:ceymail_seen:timestamp_seconds"),
                   series + " is recorded and not shown");
}

// JSON is YAML, and a recording rule is the one place where promtool looks at an expression that is not in use yet.
BOOST_AUTO_TEST_CASE(every_query_of_the_dashboards_is_promql) {
    const auto queries = source("tests/grafana/queries.jq");
    const std::string as_rules =
        "[inputs | split(\"\\t\")[1]] | {groups: [{name: \"queries\", rules:"
        " [to_entries[] | {record: \"query\\(.key)\", expr: .value}]}]}";
    const TemporaryDirectory directory;
    for (const auto& name : k_dashboards) {
        const auto lines = directory.write("lines", jq({"-f", queries, dashboard(name)}));
        const auto rules = directory.write("rules.yml", jq({"-n", "-R", as_rules, lines}));
        const auto checked = promtool({"check", "rules", rules});
        BOOST_TEST(checked.status == 0, name + ":\n" + checked.output + checked.errors);
        BOOST_TEST((checked.output.find("SUCCESS") != std::string::npos), checked.output);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
