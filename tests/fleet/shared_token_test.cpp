// SPDX-License-Identifier: MIT
// Twenty hosts without a common database share one token, and get the next one, while a real Prometheus scrapes them
// each 15 s by the shipped configuration: each host adopts the digest, then its file moves to the other list.
#include <cstdio>
#include <sstream>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "fleet/metrics_server.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/responder_process.hpp"
#include "support/web_server.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr unsigned k_hosts = 20;

// All hosts' MariaDB; each host has a database for its tokens and an account.
MariadbServer& database() {
    static MariadbServer s_server{{"--max-connections=200"}};
    return s_server;
}

class SharedTokenHost {
public:
    explicit SharedTokenHost(unsigned number)
        : m_name("mail" + std::to_string(number) + ".example.org"), m_responder(settings(number)) {
        const auto done = tool("init");
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    }

    [[nodiscard]] const std::string& name() const noexcept { return m_name; }
    [[nodiscard]] std::string address() const { return m_responder.address(); }
    [[nodiscard]] Finished tool(const std::string& command, const std::string& input = {}) const {
        return run({.arguments = {built_program("ceymail-token"), "--config", m_responder.configuration(), command},
                    .input = input},
                   60s);
    }
    void adopt(const std::string& digest) const {
        const auto done = tool("adopt", digest);
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    }

private:
    static Settings settings(unsigned number) {
        const auto dashboard = "dashboard_" + std::to_string(number);
        // The dashboard's table of the sample, in a database of this host's own.
        database().query("CREATE DATABASE " + dashboard + "; CREATE TABLE " + dashboard +
                         ".audit_logs LIKE ceymail_dashboard.audit_logs");
        return {{"database_socket", database().socket()},
                {"database_user", "host" + std::to_string(number)},
                {"database_option_file", options() / ("host" + std::to_string(number) + ".cnf")},
                {"database_dashboard", dashboard},
                {"listen_group", k_web_user},
                {"workers", "1"}};
    }
    static fs::path options() {
        static const TemporaryDirectory s_directory;
        return s_directory.path();
    }

    std::string m_name;
    ResponderProcess m_responder;
};

using Hosts = std::vector<std::unique_ptr<SharedTokenHost>>;

// All hosts' https, one address each: 127.0.2.N.
std::string sites(const Hosts& hosts, int port) {
    const auto location = slurp(source("nginx/ceymail-metrics.conf"));
    std::string text = "ssl_certificate " + (certificates() / "server.pem").string() + ";\nssl_certificate_key " +
                       (certificates() / "server.key").string() + ";\nserver { listen 127.0.0.1:@PORT@; }\n";
    for (std::size_t n = 0; n < hosts.size(); ++n) {
        const auto upstream = "ceymail_metrics_" + std::to_string(n + 1);
        auto its = location;
        its.replace(its.find("fastcgi_pass ceymail_metrics;"), 29, "fastcgi_pass " + upstream + ";");
        text += "upstream " + upstream + " { server " + hosts[n]->address() + "; }\nserver {\nlisten 127.0.2." +
                std::to_string(n + 1) + ":" + std::to_string(port) + " ssl;\n" + its + "}\n";
    }
    return text;
}

// The shipped configuration, with an alert after a minute.
class FleetPrometheus {
public:
    FleetPrometheus() : m_port(free_port()) {
        for (const auto list : {"current", "next"}) fs::create_directories(m_directory / "ceymail" / list);
    }

    [[nodiscard]] fs::path token_file(const std::string& ending = {}) const {
        return m_directory / ("ceymail.token" + ending);
    }
    [[nodiscard]] fs::path list(const std::string& name) const { return m_directory / "ceymail" / name; }
    void add(const SharedTokenHost& host, const std::string& address) const {
        m_directory.write("ceymail/current/" + host.name() + ".yml",
                          "- targets: ['" + address + "']\n  labels: {instance: " + host.name() + "}\n");
    }
    void start() {
        const auto rules = m_directory.write(
            "rules.yml", "groups:\n- name: test\n  rules:\n  - {alert: Dark, expr: up == 0, for: 1m}\n");
        const auto tls =
            "    tls_config: {ca_file: " + (certificates() / "ca.pem").string() + ", server_name: localhost}\n";
        const auto file = m_directory.write(
            "prometheus.yml",
            shipped_with("deploy/prometheus/many-hosts.yml",
                         {{"/etc/prometheus/", m_directory.path().string() + "/"},
                          {"  - ceymail-thresholds.rules.yml  # the one to edit\n  - ceymail-recording.rules.yml\n"
                           "  - ceymail-fleet.rules.yml\n  - ceymail-alerts.rules.yml\n",
                           "  - " + rules.string() + "\n"},
                          {"    scheme: https\n", "    scheme: https\n" + tls}}));
        m_server.emplace(std::vector<std::string>{"prometheus", "--config.file=" + file.string(),
                                                  "--storage.tsdb.path=" + (m_directory / "data").string(),
                                                  "--web.listen-address=127.0.0.1:" + std::to_string(m_port)},
                         m_port);
    }
    [[nodiscard]] std::map<std::string, std::vector<Sample>> samples(const std::string& selector) const {
        return testing::samples({.url = "http://127.0.0.1:" + std::to_string(m_port)}, selector);
    }
    [[nodiscard]] std::string log() const { return m_server->log(); }

private:
    TemporaryDirectory m_directory;
    int m_port;
    std::optional<MetricsServer> m_server;
};

std::string generate_detached(const fs::path& file) {
    auto made = run({.arguments = {built_program("ceymail-token"), "generate", "--detached", "--output", file}});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
    return std::move(made.output);
}

struct Worst {
    std::size_t hosts = 0;       // with a successful scrape
    std::size_t failed = 0;      // most failed scrapes of one host
    std::size_t all_failed = 0;  // of all hosts
    double dark = 0;             // longest time in seconds between two good scrapes of one host
    std::string darkest;         // that host, and when it was scraped how
};

Worst worst_of(const FleetPrometheus& prometheus) {
    Worst worst;
    for (const auto& [host, all] : prometheus.samples("up{job=\"ceymail\"}[1h]")) {
        std::size_t failed = 0;
        double last_good = all.front().time;
        double dark = 0;
        std::string scrapes = host + ":";
        for (const auto& sample : all) {
            failed += sample.value == 0 ? 1 : 0;
            scrapes += " " + std::to_string(sample.time - all.front().time) + (sample.value == 0 ? " failed" : "");
            if (sample.value == 0) continue;
            dark = std::max(dark, sample.time - last_good);
            last_good = sample.time;
        }
        if (dark >= worst.dark) worst.darkest = scrapes;
        worst.dark = std::max(worst.dark, dark);
        worst.hosts += failed < all.size() ? 1 : 0;
        worst.failed = std::max(worst.failed, failed);
        worst.all_failed += failed;
    }
    return worst;
}

// The longest time in seconds for which a host that is scraped has no series: graphs show a gap there.
double longest_gap(const FleetPrometheus& prometheus) {
    double longest = 0;
    for (const auto& [host, all] : prometheus.samples("count by (instance) (up{job=\"ceymail\"})[10m:1s]"))
        for (std::size_t n = 1; n < all.size(); ++n) longest = std::max(longest, all[n].time - all[n - 1].time - 1);
    return longest;
}

bool all_are_up(const FleetPrometheus& prometheus) {
    std::size_t up = 0;
    for (const auto& [host, all] : prometheus.samples("up{job=\"ceymail\"}[1m]")) up += all.back().value == 1 ? 1 : 0;
    return up == k_hosts;
}

// By the command of the README.
void move(const fs::path& from, const fs::path& to) {
    const auto done = run({.arguments = {"mv", "-n", from, to}});
    BOOST_TEST_REQUIRE(done.status == 0, done.errors);
}

BOOST_AUTO_TEST_SUITE(shared_token)

BOOST_AUTO_TEST_CASE(a_change_on_twenty_hosts_fails_one_scrape_a_host_at_most_and_raises_no_alert) {
    raise_loopback();
    Hosts hosts;
    for (unsigned n = 1; n <= k_hosts; ++n) hosts.push_back(std::make_unique<SharedTokenHost>(n));
    const int port = free_port();
    const auto nginx = WebServer::nginx(sites(hosts, port));

    FleetPrometheus prometheus;
    const auto first = generate_detached(prometheus.token_file());
    for (unsigned n = 1; n <= k_hosts; ++n) {
        hosts[n - 1]->adopt(first);
        prometheus.add(*hosts[n - 1], "127.0.2." + std::to_string(n) + ":" + std::to_string(port));
    }
    prometheus.start();
    BOOST_TEST_REQUIRE(eventually([&] { return all_are_up(prometheus); }, 60s), prometheus.log());

    const auto next = generate_detached(prometheus.token_file(".next"));
    for (const auto& host : hosts) {
        host->adopt(next);
        move(prometheus.list("current") / (host->name() + ".yml"), prometheus.list("next"));
        std::this_thread::sleep_for(3s);
    }
    // Longer than the alert waits.
    std::this_thread::sleep_for(75s);
    BOOST_TEST(all_are_up(prometheus), prometheus.log());

    BOOST_TEST(longest_gap(prometheus) < 1);

    // Back to one list: both files have the same token then, and no host is refused.
    const auto before = worst_of(prometheus);
    fs::copy_file(prometheus.token_file(".next"), prometheus.token_file(), fs::copy_options::overwrite_existing);
    for (const auto& host : hosts) move(prometheus.list("next") / (host->name() + ".yml"), prometheus.list("current"));
    std::this_thread::sleep_for(32s);

    const auto worst = worst_of(prometheus);
    std::printf(
        "shared token: %zu of %u hosts with values; at most %zu failed scrapes of a host, %zu of all; "
        "at most %.0f s between two good scrapes of a host\n",
        worst.hosts, k_hosts, worst.failed, worst.all_failed, worst.dark);
    BOOST_TEST(all_are_up(prometheus));
    BOOST_TEST(worst.hosts == k_hosts);
    BOOST_TEST(worst.failed <= 1U);
    // One scrape that failed or did not take place, at an interval of 15 s.
    BOOST_TEST(worst.all_failed == before.all_failed, "the way back to one list fails no scrape");
    BOOST_TEST(worst.dark < 35, worst.dark << " s: " << worst.darkest << '\n' << prometheus.log());
    BOOST_TEST(prometheus.samples("ALERTS{alertstate=\"firing\"}[1h]").empty());
    // The token before is refused everywhere.
    for (const auto& host : hosts) {
        const auto again = host->tool("adopt", first);
        BOOST_TEST(again.status == 65, again.errors);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
