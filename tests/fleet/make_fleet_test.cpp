// SPDX-License-Identifier: MIT
// deploy/miniature/fleet, which `make fleet` runs: three hosts, and what watches them.
#include <csignal>
#include <fstream>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::testing;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const std::string k_marker = "CEYMAIL_FLEET_TEST=" + std::to_string(::getpid());

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Processes that the fleet has started, as "pid command": all of them have its environment.
std::vector<std::string> processes_of_fleet() {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
        try {
            if (contains(slurp(entry.path() / "environ"), k_marker))
                found.push_back(entry.path().filename().string() + " " + slurp(entry.path() / "cmdline").c_str());
        } catch (const std::exception&) {  // it has ended
        }
    }
    return found;
}

std::string printed_by(const std::vector<std::string>& arguments) { return run({.arguments = arguments}).output; }

// What a fleet could leave on the machine, besides processes. Of mounts those where it makes some: others may come and
// go meanwhile.
std::string machine() {
    std::string all = printed_by({"ip", "netns", "list"}) + printed_by({"ip", "-brief", "link"});
    std::istringstream mounts(printed_by({"findmnt", "--raw", "--noheadings", "--output", "TARGET,FSTYPE"}));
    for (std::string line; std::getline(mounts, line);)
        if (line.starts_with("/run") || line.starts_with("/etc") || contains(line, "fleet")) all += line + "\n";
    return all;
}

void check_nothing_left(const std::string& before) {
    BOOST_TEST(processes_of_fleet() == std::vector<std::string>{}, boost::test_tools::per_element());
    BOOST_TEST(machine() == before);
}

void start_loopback() { (void)run({.arguments = {"ip", "link", "set", "lo", "up"}}); }

class RunningFleet {
public:
    RunningFleet()
        : m_process({.arguments = {source("deploy/miniature/fleet"),
                                   fs::path(built_program("ceymail-token")).parent_path(), directory()},
                     .environment = {k_marker, "SCRAPE_SECONDS=2", "ALERT_AFTER=1s"},
                     .output_file = m_parent / "printed",
                     .errors_file = m_parent / "words"}) {}
    ~RunningFleet() { m_process.terminate(20s); }

    [[nodiscard]] fs::path directory() const { return m_parent / "fleet"; }
    [[nodiscard]] ChildProcess& process() { return m_process; }
    [[nodiscard]] std::string words() const {
        return fs::exists(m_parent / "words") ? slurp(m_parent / "words") : std::string();
    }
    [[nodiscard]] std::string printed() const { return slurp(m_parent / "printed"); }
    void await(const std::string& message) {
        const auto there = [&] { return contains(words(), message) || !m_process.running(); };
        BOOST_TEST_REQUIRE((eventually(there, 240s) && m_process.running()), words());
    }

    [[nodiscard]] std::string address_of(const std::string& name) const {
        std::istringstream lines(slurp(directory() / "addresses"));
        for (std::string each, url; lines >> each >> url;)
            if (each == name) return url;
        throw std::runtime_error("no address of " + name);
    }
    [[nodiscard]] Finished on(int host, std::vector<std::string> command) const {
        command.insert(command.begin(), {(directory() / "on").string(), std::to_string(host)});
        return run({.arguments = command}, 40s);
    }
    void control(int host, const std::string& words) const {
        std::ofstream(directory() / ("mail" + std::to_string(host)) / "control") << words + "\n";
    }

    // Lines of promtool: {labels} => value @[time].
    [[nodiscard]] std::string query(const std::string& database, const std::string& expression) const {
        return run({.arguments = {"promtool", "query", "instant", address_of(database), expression}}).output;
    }
    [[nodiscard]] bool all_three(const std::string& database, const std::string& expression) const {
        return contains(query(database, "count(" + expression + ")"), "=> 3 @");
    }
    // A query of the list of alerts.
    [[nodiscard]] std::string alerts(const std::string& which) const {
        return fetch({.url = address_of("alertmanager") + "/api/v2/alerts?" + which}).body;
    }

private:
    TemporaryDirectory m_parent;
    ChildProcess m_process;
};

std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
    return count;
}

// The block of the README's section "Many hosts" that begins with `first`, as it is written.
std::string readme_block(const std::string& first) {
    const auto readme = slurp(source("README.md"));
    const auto begin = readme.find("```sh\n" + first, readme.find("## Many hosts")) + 6;
    return readme.substr(begin, readme.find("```", begin) - begin);
}

// Where there is no sudo, the tests are root's own.
Finished follow(const std::string& commands, const fs::path& where, const std::vector<std::string>& environment = {}) {
    return run({.arguments = {"bash", "-euo", "pipefail", "-c", "sudo() { \"$@\"; }\n" + commands},
                .environment = environment,
                .directory = where},
               300s);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(make_fleet)

BOOST_AUTO_TEST_CASE(the_command_of_the_readme_shows_each_host_in_both_databases_and_leaves_nothing) {
    start_loopback();
    const auto before = machine();
    const auto once = follow(readme_block("sudo make fleet"), fs::current_path(), {k_marker, "ONCE=1", "MAKEFLAGS="});
    BOOST_TEST_REQUIRE(once.status == 0, once.errors);
    for (const char* const host : {"mail1", "mail2", "mail3"}) {
        BOOST_TEST(
            contains(once.output, std::string("up{instance=\"") + host + ".example.org:443\", job=\"ceymail\"} => 1"),
            once.output);
        BOOST_TEST(contains(once.output, std::string("ceymail_build_info{instance=\"") + host + ".example.org\""),
                   once.output);
    }
    check_nothing_left(before);
}

// The next case does it when all runs.
BOOST_AUTO_TEST_CASE(an_interrupt_leaves_nothing_at_whatever_moment_of_the_start) {
    start_loopback();
    const auto before = machine();
    for (const char* const moment :
         {"", "fleet: the networks", "mail1: MariaDB", "mail2: MariaDB", "fleet: Prometheus"}) {
        BOOST_TEST_CONTEXT("at: " << moment) {
            RunningFleet fleet;
            fleet.await(moment);
            fleet.process().signal(SIGINT);
            BOOST_TEST(fleet.process().wait(15s).has_value(), fleet.words());
            check_nothing_left(before);
        }
    }
}

BOOST_AUTO_TEST_CASE(three_hosts_share_a_token_and_a_killed_node_is_one_alert) {
    start_loopback();
    const auto before = machine();
    RunningFleet fleet;
    fleet.await("fleet: Ctrl-C stops all");
    BOOST_TEST(contains(fleet.printed(), fleet.address_of("prometheus") + "/consoles/ceymail.html"), fleet.printed());
    BOOST_TEST(fetch({.url = fleet.address_of("prometheus") + "/consoles/ceymail.html"}).status == 200);
    BOOST_TEST(fetch({.url = fleet.address_of("victoria-metrics") + "/api/v1/query?query=ceymail_build_info"}).status ==
               200);
    // The certificate of each host is its own, and the machine can check it.
    for (const char* const host : {"mail1", "mail2", "mail3"})
        BOOST_TEST(
            fetch({.url = fleet.address_of(host) + "/api/stats/metrics", .authorities = fleet.directory() / "ca.pem"})
                .status == 401);

    const auto up = [&] { return fleet.all_three("prometheus", "up{job=\"ceymail\"} == 1"); };
    const auto down = [&] { return fleet.all_three("prometheus", "up{job=\"ceymail\"} == 0"); };
    for (const char* const database : {"prometheus", "victoria-metrics"})
        BOOST_TEST(eventually([&] { return fleet.all_three(database, "ceymail_galera_cluster_size == 3"); }, 30s),
                   fleet.query(database, "ceymail_galera_cluster_size"));
    BOOST_TEST(eventually(up, 20s), fleet.query("prometheus", "up"));

    // Revoked on one host: none accepts it. The commands are the README's.
    const auto commands = readme_block("sudo build/fleet/on");
    const auto revoke = commands.substr(0, commands.find('\n') + 1);
    const TemporaryDirectory checkout;
    fs::create_directory(checkout / "build");
    fs::create_directory_symlink(fleet.directory(), checkout / "build/fleet");
    const auto revoked = follow(revoke, checkout.path());
    BOOST_TEST(revoked.status == 0, revoked.errors);
    BOOST_TEST(eventually(down, 20s), fleet.query("prometheus", "up"));
    BOOST_TEST(contains(fetch({.url = fleet.address_of("prometheus") + "/api/v1/targets"}).body,
                        "server returned HTTP status 401"));
    const auto generated = follow(commands.substr(revoke.size()), checkout.path());
    BOOST_TEST(generated.status == 0, generated.errors);
    BOOST_TEST(eventually(up, 20s), fleet.query("prometheus", "up"));

    // A token of another machine, adopted on one host.
    const auto made =
        run({.arguments = {built_program("ceymail-token"), "generate", "--detached", "--output", checkout / "token"}});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
    const auto adopted =
        run({.arguments = {fleet.directory() / "on", "3", "ceymail-token", "adopt"}, .input = made.output});
    BOOST_TEST_REQUIRE(adopted.status == 0, adopted.errors);
    BOOST_TEST(eventually(down, 20s), fleet.query("prometheus", "up"));
    std::ofstream(fleet.directory() / "token") << slurp(checkout / "token");
    BOOST_TEST(eventually(up, 20s), fleet.query("prometheus", "up"));

    // A node is killed: the alert is there once, for its host alone, and hides what follows from it.
    const std::string of_database = "filter=alertname%3D%22CeymailDatabaseDown%22";
    BOOST_TEST(times(fleet.alerts(of_database), "\"fingerprint\"") == 0U, fleet.alerts(of_database));
    fleet.control(2, "kill mariadb");
    const auto raised = [&] { return times(fleet.alerts(of_database), "\"fingerprint\"") > 0; };
    BOOST_TEST(eventually(raised, 30s), fleet.words());
    const auto follows = [&] {
        return times(fleet.alerts("filter=alertname%3D%22CeymailTokenGraceInUse%22"), "\"state\":\"suppressed\"") == 1;
    };
    BOOST_TEST(eventually(follows, 30s), fleet.alerts(""));
    const auto seen = fleet.alerts(of_database + "&active=true&silenced=false&inhibited=false");
    BOOST_TEST(times(seen, "\"fingerprint\"") == 1U, seen);
    BOOST_TEST(contains(seen, "\"instance\":\"mail2.example.org:443\""), seen);
    const auto notified = [&] {
        return contains(slurp(fleet.directory() / "notifications"), "\"alertname\":\"CeymailDatabaseDown\"");
    };
    BOOST_TEST(eventually(notified, 20s));
    const auto two_left = [&] {
        return contains(fleet.query("prometheus", "count(ceymail_galera_cluster_size == 2)"), "=> 2 @");
    };
    BOOST_TEST(eventually(two_left, 20s), fleet.query("prometheus", "ceymail_galera_cluster_size"));
    fleet.control(2, "start mariadb");
    const auto whole = [&] { return fleet.all_three("prometheus", "ceymail_galera_cluster_size == 3"); };
    BOOST_TEST(eventually(whole, 60s), fleet.words());
    const auto over = [&] { return times(fleet.alerts(of_database), "\"fingerprint\"") == 0; };
    BOOST_TEST(eventually(over, 30s), fleet.alerts(of_database));

    fleet.process().signal(SIGINT);
    BOOST_TEST(fleet.process().wait(15s).value_or(-1) == 0, fleet.words());
    check_nothing_left(before);
}

BOOST_AUTO_TEST_CASE(a_killed_script_leaves_no_process_either) {
    start_loopback();
    const auto before = machine();
    RunningFleet fleet;
    fleet.await("mail1: MariaDB");
    fleet.process().signal(SIGKILL);
    BOOST_TEST(eventually([] { return processes_of_fleet().empty(); }, 5s));
    check_nothing_left(before);
}

BOOST_AUTO_TEST_SUITE_END()
