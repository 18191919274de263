// SPDX-License-Identifier: MIT
// The demo as a newcomer meets it, and in it everything that asks Prometheus: dashboards, console, rules, alerts.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <sstream>

#include "support/demo.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

// What a host in good health has no answer to, nor one that goes through a round of the load.
constexpr std::array k_may_be_empty = {
    "annotation Host restarted",
    "annotation Upgrades",
    "alerting CeymailBackupOld",
    "alerting CeymailCertificate",
    "alerting CeymailBouncesRising",
    "alerting CeymailCollectorOld",
    "alerting CeymailCollectorsMissing",
    "alerting CeymailCpuHigh",
    "alerting CeymailDeferredHigh",
    "alerting CeymailDeferredOld",
    "alerting CeymailDiskAlmostFull",
    "alerting CeymailDiskFullWithinADay",
    "alerting CeymailMemoryHigh",
    "alerting CeymailRateLimitWithoutCause",
    "alerting CeymailMostTargetsDown",
    "annotation Hosts went dark",
    "annotation Versions",
    "instance:ceymail_dark",
    "job_alertname:ceymail_alerts",
    "instance:ceymail_mail_bounced:topk10",
    "alerting CeymailScrapesRefused",
    "alerting CeymailServiceRestartsOften",
    "alerting CeymailSnapshotOld",
    "alerting CeymailTargetDown",
    "alerting CeymailTokenUnused",
};

// Alerts on queues that this load keeps short and on hosts that push, and metrics that not every host has.
constexpr std::array k_may_be_empty_too = {
    "alerting CeymailHostSilent",    "alerting CeymailMaildropNotEmpty",
    "alerting CeymailQueueHigh",     "ceymail_service_start",
    "ceymail_token_created",         "ceymail_attached",
    "alerting CeymailGaleraNodeOut",
};

// Alerts of the mail log, which look at half an hour or more, and what this load does not make Postfix log.
constexpr std::array k_may_be_empty_of_mail = {
    "alerting CeymailBounceShareHigh",
    "alerting CeymailDeliveriesFail",
    "alerting CeymailNothingDelivered",
    "alerting CeymailLoginFailuresHigh",
    "alerting CeymailSenderBusy",
    "alerting CeymailBlockListRefuses",
    "alerting CeymailMilterFails",
    "alerting CeymailMailLogNotUnderstood",
    "alerting CeymailMailLogLags",
    "alerting CeymailMailLogSkipped",
    "alerting CeymailMailJournalLags",
    "alerting CeymailMailJournalGaps",
    "ceymail_mail_rejects_total",
    "ceymail_mail_log_unparsed_lines_total",
    "ceymail_mail_spam_verdicts_total",
    "ceymail_mail_tls_total",
    "ceymail_bans_total",
    "ceymail_certificate_",
    "ceymail_backup_",
};

// Lines WHERE <tab> QUERY, and behind another tab what Prometheus says against it.
std::string unanswered(const Demo& demo) {
    const auto asked = run({.arguments = {source("tests/prometheus/unanswered"), demo.prometheus(), "120"}}, 60s);
    if (asked.status != 0) return "the script failed: " + asked.errors;
    std::istringstream lines(asked.output);
    std::string wrong;
    for (std::string line; std::getline(lines, line);) {
        const bool is_error = std::ranges::count(line, '\t') != 1;
        const auto is_in_line = [&](std::string_view text) { return line.find(text) != std::string::npos; };
        const bool may_be_empty = std::ranges::any_of(k_may_be_empty, is_in_line) ||
                                  std::ranges::any_of(k_may_be_empty_too, is_in_line) ||
                                  std::ranges::any_of(k_may_be_empty_of_mail, is_in_line);
        if (is_error || !may_be_empty) wrong += line + "\n";
    }
    return wrong;
}

bool fires(const Demo& demo, const std::string& alert) {
    const auto query = "ALERTS{alertstate=\"firing\"," + alert + "}";
    return run({.arguments = {"promtool", "query", "instant", demo.prometheus(), query}}).output.contains("=>");
}

std::string alert(const std::string& name, const std::string& more = {}) {
    return "alertname=\"" + name + "\"" + (more.empty() ? "" : "," + more);
}

BOOST_AUTO_TEST_SUITE(demo)

BOOST_AUTO_TEST_CASE(the_first_address_that_it_prints_is_a_page_with_numbers) {
    const auto& demo = Demo::shared();
    const auto all = demo.words() + demo.printed();
    const auto start = demo.printed().find("http");
    BOOST_TEST_REQUIRE(start != std::string::npos, demo.printed());
    const auto address = demo.printed().substr(start, demo.printed().find(' ', start) - start);
    BOOST_TEST((all.substr(all.find("http"), address.size()) == address), "an address is printed before it: " + all);

    // MariaDB has just come back, and rates want two scrapes.
    HttpAnswer page;
    const auto is_whole = [&] {
        page = fetch({.url = address});
        return page.body.find(">answered<") != std::string::npos &&
               page.body.find("<span class=\"missing\"") == std::string::npos;
    };
    BOOST_TEST(eventually(is_whole, 20s), page.body.substr(0, page.body.find("<script>")));
    BOOST_TEST(page.status == 200);
}

BOOST_AUTO_TEST_CASE(every_query_of_dashboards_console_and_rules_is_answered) {
    const auto& demo = Demo::shared();
    std::string wrong;
    const auto all_answered = [&] {
        wrong = unanswered(demo);
        return wrong.empty();
    };
    BOOST_TEST(eventually(all_answered, 30s), wrong);
}

BOOST_AUTO_TEST_CASE(alerts_fire_when_their_cause_is_there_and_go_silent_after) {
    const auto& demo = Demo::shared();
    const auto stop = [&](const char* server) { return [&, server] { demo.control(std::string("stop ") + server); }; };
    const auto start = [&](const char* server) {
        return [&, server] { demo.control(std::string("start ") + server); };
    };
    const std::string etc = demo.directory() / "postfix" / "etc";
    struct {
        std::string label;
        std::function<void()> cause;
        std::function<void()> remedy;
        std::vector<std::string> alerts;
    } const cases[] = {
        {"MariaDB is stopped",
         stop("mariadb"),
         start("mariadb"),
         {alert("CeymailServiceDown", "name=\"mariadb\""), alert("CeymailDatabaseDown"),
          alert("CeymailTokenGraceInUse"), alert("CeymailCollectorFailed", "collector=\"accounts\"")}},
        {"Postfix is stopped", stop("postfix"), start("postfix"), {alert("CeymailServiceDown", "name=\"postfix\"")}},
        {"the web server is stopped", stop("nginx"), start("nginx"), {alert("CeymailTargetDown")}},
        {"the queue cannot be read",
         [&] { std::filesystem::rename(demo.directory() / "postfix/queue", demo.directory() / "postfix/away"); },
         [&] { std::filesystem::rename(demo.directory() / "postfix/away", demo.directory() / "postfix/queue"); },
         {alert("CeymailCollectorFailed", "collector=\"queue\"")}},
        {"messages are held",
         [] {},  // the load left some
         [&] {
             BOOST_TEST(
                 run({.arguments = {"postsuper", "-c", etc, "-d", "ALL", "hold"}, .output_file = "/dev/null"}).status ==
                 0);
         },
         {alert("CeymailHoldNotEmpty")}},
    };
    for (const auto& [label, cause, remedy, alerts] : cases) {
        cause();
        for (const auto& each : alerts)
            BOOST_TEST(eventually([&] { return fires(demo, each); }, 30s), label + ": silent: " + each);
        remedy();
        for (const auto& each : alerts)
            BOOST_TEST(eventually([&] { return !fires(demo, each); }, 30s),
                       label + ": still fires: " + each + "\n" + demo.words());
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
