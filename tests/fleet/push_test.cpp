// SPDX-License-Identifier: MIT
// A host behind NAT pushes by the shipped files while the receivers are away, and each pusher is restarted meanwhile.
// CEYMAIL_AWAY: for how many seconds; 60 without it. The promise is for 600.
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "fleet/metrics_server.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/responder_process.hpp"
#include "support/token_database.hpp"
#include "support/web_server.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr auto k_interval = 5s;
constexpr const char* k_account = "mail.example.org";
constexpr const char* k_password = "a-password-of-tests";

seconds time_away() {
    const char* const given = std::getenv("CEYMAIL_AWAY");
    return seconds(given != nullptr && *given != '\0' ? std::atoi(given) : 60);
}

std::string base64(const std::string& text) {
    auto done = run({.arguments = {"base64", "-w0"}, .input = text});
    return std::move(done.output);
}

std::string basic_authorization() { return "Basic " + base64(std::string(k_account) + ":" + k_password); }

// "ACCOUNT:$2y$..."
std::string htpasswd_line() {
    auto done = run({.arguments = {"htpasswd", "-niB", k_account}, .input = k_password});
    BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    done.output.resize(done.output.find('\n'));
    return std::move(done.output);
}

std::string https(int port) { return "https://127.0.0.1:" + std::to_string(port); }

// The host: a responder behind nginx, which logs the port and the status of each scrape. Each pusher has its port.
class NatHost {
public:
    explicit NatHost(const std::vector<int>& ports)
        : m_responder(m_database.settings({{"listen_group", k_web_user}, {"rate_window", "1"}})) {
        std::string listens;
        for (const int port : ports) listens += "listen 127.0.0.1:" + std::to_string(port) + " ssl;\n";
        m_nginx.emplace(
            WebServer::nginx("log_format scrapes '$server_port $status';\nupstream ceymail_metrics { server " +
                             m_responder.address() + "; }\nserver { listen 127.0.0.1:@PORT@; }\nserver {\n" + listens +
                             "ssl_certificate " + (certificates() / "server.pem").string() + ";\nssl_certificate_key " +
                             (certificates() / "server.key").string() + ";\naccess_log " + log_file() +
                             " scrapes;\ninclude " + source("nginx/ceymail-metrics.conf").string() + ";\n}\n"));
    }

    // How many scrapes over this port were answered 200.
    [[nodiscard]] std::size_t served(int port) const {
        std::istringstream lines(slurp(log_file()));
        const auto wanted = std::to_string(port) + " 200";
        std::size_t count = 0;
        for (std::string line; std::getline(lines, line);) count += line == wanted ? 1 : 0;
        return count;
    }

private:
    [[nodiscard]] std::string log_file() const { return (m_directory / "scrapes.log").string(); }

    TemporaryDirectory m_directory;
    TokenDatabase m_database;
    ResponderProcess m_responder;
    std::optional<WebServer> m_nginx;
};

// VictoriaMetrics behind nginx by the shipped file.
class VictoriaReceiver {
public:
    VictoriaReceiver()
        : m_port(free_port()),
          m_victoria({"victoria-metrics", "-httpListenAddr=127.0.0.1:" + std::to_string(m_port),
                      "-storageDataPath=" + (m_directory / "data").string(), "-search.latencyOffset=0s",
                      "-search.disableCache", "-memory.allowedBytes=128MB"},
                     m_port) {
        set_accounts(htpasswd_line() + "\n");
        const auto location = m_directory.write(
            "receiver.conf",
            shipped_with("deploy/push/receiver/nginx.conf",
                         {{"/etc/nginx/ceymail-push.htpasswd;", (m_directory / "htpasswd").string() + ";"},
                          {"127.0.0.1:8428", "127.0.0.1:" + std::to_string(m_port)}}));
        m_nginx.emplace(WebServer::nginx("server {\nlisten 127.0.0.1:@PORT@ ssl;\nssl_certificate " +
                                         (certificates() / "server.pem").string() + ";\nssl_certificate_key " +
                                         (certificates() / "server.key").string() + ";\ninclude " + location.string() +
                                         ";\n}\n"));
    }
    [[nodiscard]] std::string url() const { return https(m_nginx->port()) + "/api/v1/write"; }
    void set_accounts(const std::string& lines) const { m_directory.write("htpasswd", lines); }
    [[nodiscard]] MetricsServer& server() { return m_victoria; }
    [[nodiscard]] QueryApi api() const { return {.url = "http://127.0.0.1:" + std::to_string(m_port)}; }

private:
    TemporaryDirectory m_directory;
    int m_port;
    MetricsServer m_victoria;
    std::optional<WebServer> m_nginx;
};

// Prometheus alone, with the shipped storage settings and the shipped web.yml.
class PrometheusReceiver {
public:
    PrometheusReceiver() : m_port(free_port()), m_prometheus(arguments(), m_port) {}
    [[nodiscard]] std::string url() const { return https(m_port) + "/api/v1/write"; }
    [[nodiscard]] MetricsServer& server() { return m_prometheus; }
    [[nodiscard]] QueryApi api() const { return {.url = https(m_port), .authorization = basic_authorization()}; }

private:
    std::vector<std::string> arguments() const {
        const auto hash = htpasswd_line().substr(std::string(k_account).size() + 1);
        const auto web =
            m_directory.write("web.yml", shipped_with("deploy/push/receiver/prometheus-web.yml",
                                                      {{"/etc/prometheus/server.pem", certificates() / "server.pem"},
                                                       {"/etc/prometheus/server.key", certificates() / "server.key"},
                                                       {"$2y$10$" + std::string(53, '.'), hash}}));
        // The lines that the file says to take into use for hosts that push.
        const auto shipped = slurp(source("deploy/prometheus/many-hosts.yml"));
        const auto storage = shipped.find("# storage:\n");
        BOOST_TEST_REQUIRE(storage != shipped.npos);
        std::istringstream lines(shipped.substr(storage, shipped.find("\n\n", storage) - storage));
        std::string configuration;
        for (std::string line; std::getline(lines, line);) configuration += line.substr(2) + "\n";
        return {"prometheus",
                "--config.file=" + m_directory.write("prometheus.yml", configuration).string(),
                "--storage.tsdb.path=" + (m_directory / "data").string(),
                "--web.enable-remote-write-receiver",
                "--web.config.file=" + web.string(),
                "--web.listen-address=127.0.0.1:" + std::to_string(m_port)};
    }

    TemporaryDirectory m_directory;
    int m_port;
    MetricsServer m_prometheus;
};

// What stands behind ExecStart= of a shipped unit, as systemd would start it, and with the credentials of the test.
class Pusher {
public:
    // `scraped`: the port of the host for this pusher. `receiver`: where it pushes to.
    Pusher(const std::string& unit, const std::string& configuration, const std::string& url_option, int scraped,
           const std::string& receiver)
        : m_scraped(scraped) {
        m_directory.write("token", TokenDatabase::k_token, std::filesystem::perms{0600});
        m_directory.write("password", k_password, std::filesystem::perms{0600});
        auto text =
            shipped_with("deploy/push/" + configuration,
                         {{"/run/credentials/" + unit, m_directory.path()},
                          {"[mail.example.org]", "['127.0.0.1:" + std::to_string(scraped) + "']"},
                          {"scrape_interval: 15s", "scrape_interval: " + std::to_string(k_interval.count()) + "s"},
                          {"    static_configs:", "    tls_config: {ca_file: " + (certificates() / "ca.pem").string() +
                                                      "}\n    static_configs:"}});
        if (url_option.empty()) {
            const std::string shipped_url = "https://metrics.example.org/api/v1/write\n";
            const auto at = text.find(shipped_url);
            BOOST_TEST_REQUIRE(at != text.npos);
            text.replace(at, shipped_url.size(),
                         receiver + "\n    tls_config: {ca_file: " + (certificates() / "ca.pem").string() + "}\n");
        }
        const auto file = m_directory.write(configuration, text);
        m_process.emplace(command(unit, configuration, file, receiver), 0);
    }

    [[nodiscard]] int scraped() const noexcept { return m_scraped; }
    [[nodiscard]] MetricsServer& process() { return *m_process; }

private:
    std::vector<std::string> command(const std::string& unit, const std::string& configuration,
                                     const std::filesystem::path& file, const std::string& receiver) const {
        auto text = shipped_with("deploy/push/" + unit, {{"\\\n", ""},
                                                         {"/etc/ceymail-metrics/push/" + configuration, file.string()},
                                                         {"/var/lib/ceymail-push", (m_directory / "state").string()}});
        const auto begin = text.find("\nExecStart=") + 11;
        std::istringstream words(text.substr(begin, text.find('\n', begin) - begin));
        std::vector<std::string> arguments;
        for (std::string word; words >> word;) {
            if (word == "$OPTIONS") word = "-remoteWrite.tlsCAFile=" + (certificates() / "ca.pem").string();
            for (const auto& [name, value] : {std::pair<std::string, std::string>{"${RECEIVER}", receiver},
                                              {"${ACCOUNT}", k_account},
                                              {"/run/credentials/" + unit, m_directory.path()},
                                              {"127.0.0.1:9099", "127.0.0.1:" + std::to_string(m_own_port)}})
                if (const auto at = word.find(name); at != word.npos) word.replace(at, name.size(), value);
            arguments.push_back(word);
        }
        return arguments;
    }

    TemporaryDirectory m_directory;
    int m_scraped;
    int m_own_port = free_port();
    std::optional<MetricsServer> m_process;
};

std::size_t stored(const QueryApi& api) {
    const auto all = samples(api, "up{job=\"ceymail\",instance=\"" + std::string(k_account) + "\"} [2h]");
    if (all.empty()) return 0;
    std::size_t count = 0;
    for (const auto& sample : all.begin()->second) count += sample.value == 1 ? 1 : 0;
    return count;
}

struct Figures {
    std::size_t served = 0;
    std::size_t stored = 0;
    [[nodiscard]] long lost() const { return static_cast<long>(served) - static_cast<long>(stored); }
};

BOOST_AUTO_TEST_SUITE(push)

BOOST_AUTO_TEST_CASE(loses_no_sample_to_victoriametrics_while_the_receiver_is_away_and_the_pusher_restarts) {
    raise_loopback();
    const std::vector<int> ports{free_port(), free_port(), free_port()};
    const NatHost host(ports);
    VictoriaReceiver victoria;
    PrometheusReceiver by_vmagent;
    PrometheusReceiver by_agent;
    const std::string vmagent_unit = "ceymail-push.service";
    const std::string agent_unit = "ceymail-push-prometheus.service";
    Pusher to_victoria(vmagent_unit, "vmagent.yml", "flag", ports[0], victoria.url());
    Pusher to_prometheus(vmagent_unit, "vmagent.yml", "flag", ports[1], by_vmagent.url());
    Pusher agent(agent_unit, "prometheus-agent.yml", "", ports[2], by_agent.url());

    const auto all_arrive = [&] {
        return stored(victoria.api()) > 1 && stored(by_vmagent.api()) > 1 && stored(by_agent.api()) > 1;
    };
    BOOST_TEST_REQUIRE(eventually(all_arrive, 60s), to_victoria.process().log() + to_prometheus.process().log() +
                                                        agent.process().log() + by_agent.server().log());

    const auto away = time_away();
    for (auto* receiver : {&victoria.server(), &by_vmagent.server(), &by_agent.server()}) receiver->stop();
    std::this_thread::sleep_for(away / 2);
    for (auto* pusher : {&to_victoria, &to_prometheus, &agent}) {
        pusher->process().stop();
        pusher->process().start();
    }
    std::this_thread::sleep_for(away / 2);
    for (auto* receiver : {&victoria.server(), &by_vmagent.server(), &by_agent.server()}) receiver->start();

    // A pusher asks again after a minute at the latest.
    const auto figures = [&](const Pusher& pusher, const QueryApi& api) {
        const auto served = host.served(pusher.scraped());  // first: what is on its way is not counted as lost
        return Figures{served, stored(api)};
    };
    const auto arrived = [&] { return figures(to_victoria, victoria.api()).lost() <= 0; };
    (void)eventually([&] { return figures(to_prometheus, by_vmagent.api()).lost() <= 0 && arrived(); }, 90s);
    std::this_thread::sleep_for(k_interval);
    const auto at_victoria = figures(to_victoria, victoria.api());
    // What was scraped a moment ago is under way.
    BOOST_TEST((eventually(arrived, 20s)), at_victoria.served << " scrapes, " << at_victoria.stored << " stored\n"
                                                              << to_victoria.process().log());
    const auto at_prometheus = figures(to_prometheus, by_vmagent.api());
    const auto at_agents = figures(agent, by_agent.api());
    std::printf(
        "push: away for %lld s: vmagent to VictoriaMetrics %zu scrapes, %zu stored; vmagent to Prometheus %zu, "
        "%zu; agent to Prometheus %zu, %zu\n",
        static_cast<long long>(away.count()), at_victoria.served, at_victoria.stored, at_prometheus.served,
        at_prometheus.stored, at_agents.served, at_agents.stored);
    BOOST_TEST(at_victoria.served >= static_cast<std::size_t>(away / k_interval), "the pusher scraped all the time");
    BOOST_TEST(at_prometheus.lost() <= 1);
    // What the agent had not sent when it was restarted is lost: README.md says so. What came after is not.
    BOOST_TEST(at_agents.lost() <= away / k_interval / 2 + 3);
}

BOOST_AUTO_TEST_CASE(vmagent_keeps_what_the_receiver_refuses_for_a_wrong_password) {
    raise_loopback();
    const std::vector<int> ports{free_port()};
    const NatHost host(ports);
    VictoriaReceiver victoria;
    victoria.set_accounts("");
    Pusher pusher("ceymail-push.service", "vmagent.yml", "flag", ports[0], victoria.url());
    BOOST_TEST_REQUIRE(eventually([&] { return host.served(ports[0]) >= 3; }, 40s), pusher.process().log());
    BOOST_TEST(stored(victoria.api()) == 0U);
    victoria.set_accounts(htpasswd_line() + "\n");
    const auto all_arrive = [&] {
        const auto served = host.served(ports[0]);
        return stored(victoria.api()) >= served;
    };
    BOOST_TEST(eventually(all_arrive, 60s), pusher.process().log());
}

BOOST_AUTO_TEST_CASE(an_account_writes_for_its_own_host_only) {
    raise_loopback();
    const std::vector<int> ports{free_port()};
    const NatHost host(ports);
    VictoriaReceiver victoria;
    TemporaryDirectory directory;
    // A host that says that it is another one, by its labels and by the address.
    const auto configuration = directory.write(
        "vmagent.yml",
        "global: {scrape_interval: 2s}\nscrape_configs:\n- job_name: forged\n  scheme: https\n"
        "  metrics_path: /api/stats/metrics\n  tls_config: {ca_file: " +
            (certificates() / "ca.pem").string() + "}\n  authorization: {credentials: " + TokenDatabase::k_token +
            "}\n  static_configs:\n  - {targets: ['127.0.0.1:" + std::to_string(ports[0]) +
            "'], labels: {instance: other.example.org}}\n");
    const auto password = directory.write("password", k_password);
    MetricsServer pusher({"vmagent", "-promscrape.config=" + configuration.string(), "-httpListenAddr=",
                          "-remoteWrite.url=" + victoria.url() + "?extra_label=instance=other.example.org",
                          "-remoteWrite.tlsCAFile=" + (certificates() / "ca.pem").string(),
                          "-remoteWrite.basicAuth.username=" + std::string(k_account),
                          "-remoteWrite.basicAuth.passwordFile=" + password.string(),
                          "-remoteWrite.tmpDataPath=" + (directory / "queue").string()},
                         0);
    BOOST_TEST(eventually([&] { return stored(victoria.api()) > 0; }, 30s), pusher.log());
    BOOST_TEST(samples(victoria.api(), "up{instance=\"other.example.org\"}[1h]").empty());
}

BOOST_AUTO_TEST_CASE(the_receiver_refuses_a_wrong_password_and_everything_but_writing) {
    raise_loopback();
    VictoriaReceiver victoria;
    const auto status = [&](HttpRequest request) {
        request.authorities = certificates() / "ca.pem";
        return fetch(request).status;
    };
    BOOST_TEST(status({.url = victoria.url(), .method = "POST"}) == 401);
    BOOST_TEST(
        status({.url = victoria.url(), .method = "POST", .headers = {"Authorization: Basic " + base64("a:b")}}) == 401);
    const auto known = "Authorization: " + basic_authorization();
    BOOST_TEST(status({.url = victoria.url(), .headers = {known}}) == 403);
    const auto query = victoria.url().substr(0, victoria.url().find("/api/")) + "/api/v1/query?query=up";
    BOOST_TEST(status({.url = query, .headers = {known}}) == 404);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
