// SPDX-License-Identifier: MIT
// The shipped Alertmanager configuration: its routes by amtool, and a real Alertmanager fed by a real Prometheus with
// the shipped rules. The test's own web server plays the hosts and receives the notifications.
#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <regex>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/util/fd.hpp"
#include "support/child_process.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/prometheus_server.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

const std::string k_configuration = "deploy/prometheus/alertmanager.yml";

// Answers GET /HOST/metrics with the text set for the host, closes the connection where none is set, and keeps what
// is posted to /mail.
class HostsAndReceiver {
public:
    HostsAndReceiver() : m_port(free_port()), m_listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        ::setsockopt(m_listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        address.sin_port = ::htons(static_cast<std::uint16_t>(m_port));
        if (::bind(m_listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(m_listener.get(), 64) != 0)
            throw std::runtime_error("cannot listen on 127.0.0.1");
        m_thread = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }

    [[nodiscard]] int port() const { return m_port; }

    void set(const std::string& host, const std::string& metrics) {
        const std::scoped_lock lock(m_mutex);
        m_metrics[host] = metrics;
    }
    void darken(const std::string& host) {
        const std::scoped_lock lock(m_mutex);
        m_metrics.erase(host);
    }

    [[nodiscard]] std::vector<std::string> take_mails() {
        const std::scoped_lock lock(m_mutex);
        return std::exchange(m_mails, {});
    }

private:
    // A client of Go may connect a second time and send nothing there: no other client waits for it.
    void serve(const std::stop_token& stop) {
        std::vector<util::Fd> clients;
        while (!stop.stop_requested()) {
            std::vector<pollfd> ready{{.fd = m_listener.get(), .events = POLLIN, .revents = 0}};
            for (const auto& client : clients) ready.push_back({.fd = client.get(), .events = POLLIN, .revents = 0});
            if (::poll(ready.data(), ready.size(), 100) < 1) continue;
            for (std::size_t i = ready.size() - 1; i > 0; --i) {
                if (ready[i].revents == 0) continue;
                answer(ready[i].fd);
                clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i - 1));
            }
            if (ready[0].revents != 0)
                if (util::Fd client(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC)); client)
                    clients.push_back(std::move(client));
        }
    }

    void answer(int client) {
        const timeval patience{.tv_sec = 2, .tv_usec = 0};
        ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        std::string request;
        std::array<char, 65536> buffer{};
        while (!is_whole(request)) {
            const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
            if (got <= 0) return;
            request.append(buffer.data(), static_cast<std::size_t>(got));
        }
        std::string body;
        {
            const std::scoped_lock lock(m_mutex);
            if (request.starts_with("POST ")) {
                if (request.starts_with("POST /mail ")) m_mails.push_back(request.substr(request.find("\r\n\r\n") + 4));
            } else {
                const auto host = m_metrics.find(request.substr(5, request.find('/', 5) - 5));
                if (host == m_metrics.end()) return;
                body = host->second;
            }
        }
        const auto text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body;
        (void)::send(client, text.data(), text.size(), MSG_NOSIGNAL);
    }

    static bool is_whole(const std::string& request) {
        const auto end = request.find("\r\n\r\n");
        if (end == std::string::npos) return false;
        static const std::regex s_length("Content-Length: ([0-9]+)", std::regex::icase);
        std::smatch part;
        const auto head = request.substr(0, end);
        return !std::regex_search(head, part, s_length) || request.size() >= end + 4 + std::stoul(part[1]);
    }

    int m_port;
    util::Fd m_listener;
    std::mutex m_mutex;
    std::map<std::string, std::string> m_metrics;
    std::vector<std::string> m_mails;
    std::jthread m_thread;
};

std::string replaced(std::string text, const std::string& expression, const std::string& by) {
    return std::regex_replace(text, std::regex(expression), by);
}

// The shipped configuration, whose receivers post to the test, and which waits for a second where it waits for minutes.
std::string alertmanager_configuration(int port) {
    auto text = slurp(source(k_configuration));
    text = replaced(text, "group_wait: \\w+", "group_wait: 2s");
    text = replaced(text, "group_interval: \\w+", "group_interval: 2s");
    text = replaced(text, "http://127.0.0.1:9099/", "http://127.0.0.1:" + std::to_string(port) + "/pager");
    const auto mail = text.find("    email_configs:");
    const auto next = text.find("  - name: pager");
    BOOST_TEST_REQUIRE((mail != std::string::npos && next != std::string::npos));
    return text.replace(mail, next - mail,
                        "    webhook_configs: [{url: 'http://127.0.0.1:" + std::to_string(port) + "/mail'}]\n");
}

class Alertmanager {
public:
    explicit Alertmanager(const std::string& configuration) : m_port(free_port()) {
        m_server.emplace(
            ChildOptions{.arguments = {"prometheus-alertmanager",
                                       "--config.file=" + m_directory.write("alertmanager.yml", configuration).string(),
                                       "--storage.path=" + (m_directory / "data").string(),
                                       "--cluster.listen-address=", "--web.listen-address=" + address()},
                         .output_file = m_directory / "log",
                         .errors_file = m_directory / "log"});
        const auto answers = [&] {
            try {
                return fetch({.url = "http://" + address() + "/-/ready"}).status == 200;
            } catch (const std::runtime_error&) {
                return false;  // it does not listen yet
            }
        };
        if (!eventually(answers, 30s))
            throw std::runtime_error("Alertmanager does not start: " + slurp(m_directory / "log"));
    }

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }

private:
    TemporaryDirectory m_directory;
    int m_port;
    std::optional<ChildProcess> m_server;
};

// Shipped rules that wait for a second and are evaluated each second.
std::string rules_in(const TemporaryDirectory& directory) {
    std::string list;
    for (const std::string name : {"thresholds", "recording", "fleet", "alerts"}) {
        auto text = slurp(source("deploy/prometheus/ceymail-" + name + ".rules.yml"));
        text = replaced(text, "\n( +)for: \\w+", "\n$1for: 1s");
        text = replaced(text, "\n +interval: [0-9]+m", "");
        list += (list.empty() ? "" : ", ") + directory.write(name + ".rules.yml", text).string();
    }
    return list;
}

struct Notification {
    std::string host;
    std::multiset<std::string> firing;

    explicit Notification(const std::string& json) {
        static const std::regex s_alert(R"x("status":"(\w+)","labels":\{"alertname":"(\w+)")x");
        static const std::regex s_host(R"x("groupLabels":\{[^}]*"instance":"([^"]*)")x");
        std::smatch part;
        if (std::regex_search(json, part, s_host)) host = part[1];
        for (std::sregex_iterator it(json.begin(), json.end(), s_alert), end; it != end; ++it)
            if ((*it)[1] == "firing") firing.insert((*it)[2]);
    }
};

std::string bad_host() {
    std::string text =
        "ceymail_build_info{version=\"0.1.0\"} 1\nceymail_attached 0\nceymail_database_up 0\nceymail_auth_stale 1\n"
        "ceymail_collector_success{collector=\"accounts\"} 0\nceymail_collector_success{collector=\"galera\"} "
        "0\nceymail_collector_success{collector=\"queue\"} 0\n"
        "ceymail_disk_used_bytes 99\nceymail_disk_total_bytes 100\nceymail_queue_hold 3\nceymail_queue_maildrop 3\n";
    for (const std::string name : {"postfix", "dovecot", "mariadb", "nginx", "opendkim", "spamassassin", "rsyslog"})
        text += "ceymail_service_up{name=\"" + name + "\"} 0\n";
    return text;
}

std::string good_host() {
    return "ceymail_build_info{version=\"0.1.0\"} 1\nceymail_collector_success{collector=\"queue\"} "
           "1\nceymail_attached 1\n";
}

BOOST_AUTO_TEST_SUITE(alertmanager)

BOOST_AUTO_TEST_CASE(amtool_accepts_the_configuration) {
    const auto checked = run({.arguments = {"amtool", "check-config", source(k_configuration)}});
    BOOST_TEST(checked.status == 0, checked.output + checked.errors);
}

BOOST_AUTO_TEST_CASE(critical_alerts_go_to_pager_and_mail_the_others_to_mail) {
    struct {
        std::vector<std::string> labels;
        std::string receivers;
    } const cases[] = {
        {{"alertname=CeymailTargetDown", "severity=critical", "job=ceymail", "instance=a"}, "pager,mail"},
        {{"alertname=CeymailDetached", "severity=warning", "job=ceymail", "instance=a"}, "mail"},
        {{"alertname=CeymailQueueHigh", "severity=info", "job=ceymail", "instance=a"}, "mail"},
        {{"alertname=NodeDown", "severity=critical", "instance=a"}, "nobody"},
    };
    for (const auto& [labels, receivers] : cases) {
        std::vector<std::string> words{"amtool",
                                       "config",
                                       "routes",
                                       "test",
                                       "--config.file=" + std::string(source(k_configuration)),
                                       "--verify.receivers=" + receivers};
        words.insert(words.end(), labels.begin(), labels.end());
        const auto tested = run({.arguments = words});
        BOOST_TEST(tested.status == 0, labels.front() + ": " + tested.output + tested.errors);
    }
}

// A name that no rule has would silently inhibit nothing.
BOOST_AUTO_TEST_CASE(every_alert_that_it_names_is_shipped) {
    const auto alerts = slurp(source("deploy/prometheus/ceymail-alerts.rules.yml"));
    const auto text = slurp(source(k_configuration));
    const std::regex name("Ceymail[A-Z]\\w+");
    for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it)
        BOOST_TEST((alerts.find("- alert: " + it->str() + "\n") != std::string::npos), it->str());
}

BOOST_AUTO_TEST_CASE(a_host_with_many_alerts_is_one_notification_and_a_dark_one_one_alert) {
    HostsAndReceiver receiver;
    const Alertmanager server(alertmanager_configuration(receiver.port()));
    const TemporaryDirectory directory;
    const auto base = "127.0.0.1:" + std::to_string(receiver.port());
    std::string targets;
    for (const std::string host : {"bad", "good", "good2"}) {
        receiver.set(host, host == "bad" ? bad_host() : good_host());
        targets +=
            "{targets: ['" + base + "'], labels: {instance: " + host + ", __metrics_path__: /" + host + "/metrics}},";
    }
    const PrometheusServer prometheus(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [" + rules_in(directory) +
        "]\nalerting: {alertmanagers: [{static_configs: [{targets: ['" + server.address() +
        "']}]}]}\nscrape_configs: [{job_name: ceymail, static_configs: [" + targets + "]}]\n");

    // Alerts of severity info are a notification of their own, which may come before or after that of the others.
    std::map<std::string, std::vector<Notification>> by_host;
    const auto collect = [&] {
        for (const auto& json : receiver.take_mails()) {
            Notification notification(json);
            by_host[notification.host].push_back(notification);
        }
    };
    const auto one_has_six_services = [&] {
        collect();
        return std::ranges::any_of(by_host["bad"],
                                   [](const auto& one) { return one.firing.count("CeymailServiceDown") == 6; });
    };

    BOOST_TEST(eventually(one_has_six_services, 120s), prometheus.log());
    std::this_thread::sleep_for(5s);
    collect();
    const auto firing = prometheus.value("count(ALERTS{instance=\"bad\",alertstate=\"firing\"})");
    BOOST_TEST((firing && *firing >= 14), "firing: " << firing.value_or(0));
    const auto all = by_host["bad"].size();
    BOOST_TEST(all <= 4, all << " mails for " << firing.value_or(0) << " alerts");
    std::multiset<std::string> seen;
    for (const auto& one : by_host["bad"]) seen.insert(one.firing.begin(), one.firing.end());
    BOOST_TEST(seen.contains("CeymailDatabaseDown"));
    BOOST_TEST(!by_host.contains("good"));

    by_host.clear();
    receiver.darken("bad");
    const auto only_dark = [&] {
        collect();
        const std::multiset<std::string> dark{"CeymailTargetDown"};
        return std::ranges::find(by_host["bad"], dark, &Notification::firing) != by_host["bad"].end();
    };
    BOOST_TEST(eventually(only_dark, 40s), prometheus.log());
    // MariaDB's last value still counts, so this alert fires; it tells nothing new.
    const auto hidden =
        prometheus.value("ALERTS{instance=\"bad\",alertstate=\"firing\",alertname=\"CeymailDatabaseDown\"}");
    BOOST_TEST(hidden.value_or(0) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
