// SPDX-License-Identifier: MIT
// A real Prometheus scrapes the miniature, told the token in each of the ways that users have.
#include <boost/test/unit_test.hpp>

#include "support/miniature.hpp"
#include "support/prometheus_server.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

std::string job(const std::string& name, const std::string& credentials) {
    const auto& miniature = Miniature::shared();
    const auto url = miniature.url();
    const auto host = url.substr(url.find("//") + 2, url.find("/api/") - url.find("//") - 2);
    return "  - job_name: " + name +
           "\n    scheme: https\n    metrics_path: /api/stats/metrics\n    tls_config: { ca_file: " +
           (miniature.directory() / "ca.pem").string() + " }\n" + credentials + "    static_configs: [ { targets: ['" +
           host + "'] } ]\n";
}

// Two jobs every 10 s: as often as one address may ask. What other tests asked for is forgotten after a minute.
std::string configuration() {
    const std::string token_file = Miniature::shared().directory() / "token";
    return "global: { scrape_interval: 10s, scrape_timeout: 3s }\nscrape_configs:\n" +
           job("today", "    authorization: { credentials_file: " + token_file + " }\n") +
           job("older", "    bearer_token_file: " + token_file + "\n");
}

BOOST_AUTO_TEST_SUITE(prometheus)

BOOST_AUTO_TEST_CASE(scrapes_and_answers_the_queries_of_dashboards) {
    const PrometheusServer prometheus(configuration());
    const std::string today = "{job=\"today\"}";
    const auto has_rates = [&] {
        return prometheus.value("count(rate(ceymail_cpu_total_jiffies[1m]) > 0)").value_or(0) == 2 &&
               prometheus.value("count(up == 1)").value_or(0) == 2;
    };
    BOOST_TEST_REQUIRE(eventually(has_rates, 90s), prometheus.log());

    const auto value = [&](const std::string& expression) { return prometheus.value(expression).value_or(-1); };
    const auto cpu = value("100 - (rate(ceymail_cpu_idle_jiffies" + today + "[5m]) / rate(ceymail_cpu_total_jiffies" +
                           today + "[5m]) * 100)");
    BOOST_TEST(cpu >= 0);
    BOOST_TEST(cpu <= 100);
    for (const std::string resource : {"memory", "disk"}) {
        const auto part =
            value("ceymail_" + resource + "_used_bytes" + today + " / ceymail_" + resource + "_total_bytes" + today);
        BOOST_TEST(part > 0, resource);
        BOOST_TEST(part < 1, resource);
    }
    BOOST_TEST(value("ceymail_queue_active" + today + " + ceymail_queue_deferred" + today + " + ceymail_queue_bounce" +
                     today + " + ceymail_queue_hold" + today) == 8);
    // Others may be installed on this machine, and do not run in the miniature.
    BOOST_TEST(!prometheus.value("ceymail_service_up{name=~\"postfix|mariadb|nginx\"} == 0"));
    BOOST_TEST(value("count(ceymail_service_up" + today + " == 1)") >= 3);
    BOOST_TEST(value("ceymail_mailboxes_total" + today) == 12);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
