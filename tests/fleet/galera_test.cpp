// SPDX-License-Identifier: MIT
// The promise on a Galera cluster: a token that was revoked on one host is refused at the next scrape wherever the node
// is primary and applies changes, elsewhere after auth_grace at the latest.
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "ceymail/database/token_registry.hpp"
#include "ceymail/util/clock.hpp"
#include "fleet/galera_cluster.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

constexpr auto k_short_grace = 5s;
constexpr auto k_hosts = GaleraCluster::k_nodes;

util::BootTime now() { return util::BootClock::now(); }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

template <class Condition>
bool within(std::chrono::milliseconds longest, Condition condition) {
    for (const auto until = now() + longest; now() < until; std::this_thread::sleep_for(20ms))
        if (condition()) return true;
    return condition();
}

std::size_t number_of(const char* variable, std::size_t usual) {
    const char* const given = std::getenv(variable);
    return given != nullptr && *given != '\0' ? std::strtoul(given, nullptr, 10) : usual;
}

struct Seen {
    int status = 0;
    bool stale = false;
};

Seen see(const CgiAnswer& answer) { return {answer.status, answer.has_line("ceymail_auth_stale 1")}; }

// One responder beside one node, and the tool of that host.
class Host {
public:
    Host(ClusterNode& node, std::chrono::seconds grace)
        : m_node(node),
          m_responder(Settings{{"database_socket", node.socket()},
                               {"database_user", "nobody"},
                               {"workers", "2"},
                               {"auth_grace", std::to_string(grace.count())}}) {}

    [[nodiscard]] ClusterNode& node() const { return m_node; }
    [[nodiscard]] CgiAnswer ask(const std::string& token) const { return m_responder.ask({.token = token}); }
    [[nodiscard]] Seen scrape(const std::string& token) const { return see(ask(token)); }
    [[nodiscard]] std::string log() const { return m_responder.log(); }
    [[nodiscard]] Finished tool(std::vector<std::string> arguments, const std::string& input = {}) const {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", m_responder.configuration()});
        return run({.arguments = arguments, .input = input}, 40s);
    }
    [[nodiscard]] std::string generate() const {
        auto made = tool({"generate"});
        BOOST_TEST_REQUIRE(made.status == 0, made.errors);
        made.output.pop_back();
        return made.output;
    }
    void revoke() const {
        const auto done = tool({"revoke"});
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    }
    [[nodiscard]] bool knows(const std::string& token) const {
        const auto seen = scrape(token);
        return seen.status == 200 && !seen.stale;
    }
    [[nodiscard]] Finished check() const {
        return run(
            {.arguments = {built_program("ceymail-metrics"), "--check", "--config", m_responder.configuration()}}, 40s);
    }

private:
    ClusterNode& m_node;
    ResponderProcess m_responder;
};

using Hosts = std::vector<std::unique_ptr<Host>>;

Hosts make_hosts(GaleraCluster& cluster, std::chrono::seconds grace) {
    Hosts hosts;
    for (unsigned n = 1; n <= k_hosts; ++n) hosts.push_back(std::make_unique<Host>(cluster.node(n), grace));
    return hosts;
}

// Shared by all cases: three nodes with a host each. Each case leaves all nodes synced, or the next one waits for it.
struct Fleet {
    Fleet() {
        hosts = make_hosts(cluster, 300s);
        for (const auto& host : hosts) {
            const auto done = host->tool({"init"});
            BOOST_TEST_REQUIRE(done.status == 0, done.errors);
        }
    }
    GaleraCluster cluster;
    Hosts hosts;
};

Fleet& fleet() {
    static Fleet s_fleet;
    return s_fleet;
}

struct Fixture {
    Fixture() {
        for (unsigned n = 1; n <= k_hosts; ++n)
            if (!cluster.node(n).running()) cluster.node(n).start();  // after a case that failed
        cluster.await_synced();
    }
    ~Fixture() {
        for (unsigned n = 1; n <= k_hosts; ++n) {
            cluster.node(n).resume();
            cluster.node(n).heal();
        }
    }
    Host& host(unsigned number) { return *fleet().hosts.at(number - 1); }
    ClusterNode& node(unsigned number) { return cluster.node(number); }

    GaleraCluster& cluster = fleet().cluster;
};

// Done once, some time after a revocation. In the test's own thread: a server ends with the thread that started it.
struct Event {
    std::chrono::seconds after{};
    std::function<void()> happens{};
};

// Checks the promise from now on, when `token` has been revoked, until the host has refused it with its database.
// Returns: how many scrapes the grace let in.
std::size_t expect_promise(const Host& host, const std::string& token, std::chrono::seconds grace,
                           std::chrono::seconds longest, Event event = {}) {
    const auto revoked_at = now();
    std::size_t let_in = 0;
    for (;;) {
        const auto began = now();
        if (event.happens && began - revoked_at >= event.after) std::exchange(event.happens, nullptr)();
        const auto seen = host.scrape(token);
        BOOST_TEST(!(seen.status == 200 && !seen.stale), host.node().name() << " believed a revoked token");
        if (seen.status == 200) ++let_in;
        if (seen.status == 200)
            BOOST_TEST((began - revoked_at < grace + 1s),
                       host.node().name() << " let it in after " << seconds(began - revoked_at) << " s");
        if (seen.status == 401) return let_in;
        BOOST_TEST_REQUIRE((now() - revoked_at < longest), host.node().name() << " refuses it not at all");
        std::this_thread::sleep_for(100ms);
    }
}

// A scraper a second and host, with the right token and with a wrong one.
class Scrapers {
public:
    Scrapers(const Hosts& hosts, const std::string& token) {
        for (unsigned n = 0; n < hosts.size(); ++n)
            m_threads.emplace_back([this, n, &host = *hosts[n], token](const std::stop_token& stop) {
                while (!stop.stop_requested()) {
                    const auto next = now() + 1s;
                    const auto seen = host.scrape(token);
                    const auto wrong = host.scrape("ceymail_metrics_wrong-wrong-wrong-wrong");
                    {
                        const std::lock_guard lock(m_mutex);
                        ++m_seen[n][seen.status];
                        if (seen.status == 200 && seen.stale) ++m_stale[n];
                        if (wrong.status == 200) ++m_opened;
                    }
                    std::this_thread::sleep_until(std::chrono::steady_clock::now() + (next - now()));
                }
            });
    }
    void stop() { m_threads.clear(); }
    [[nodiscard]] std::map<int, int> seen(unsigned number) const { return m_seen.at(number - 1); }
    [[nodiscard]] int stale(unsigned number) const { return m_stale.at(number - 1); }
    [[nodiscard]] int opened() const { return m_opened; }

private:
    std::mutex m_mutex;
    std::array<std::map<int, int>, k_hosts> m_seen;
    std::array<int, k_hosts> m_stale{};
    int m_opened = 0;
    std::vector<std::jthread> m_threads;
};

void expect_200_alone(const Scrapers& scrapers) {
    BOOST_TEST(scrapers.opened() == 0, "a wrong token opened");
    for (unsigned n = 1; n <= k_hosts; ++n)
        for (const auto& [status, times] : scrapers.seen(n))
            BOOST_TEST(status == 200, "host " << n << " answered " << status << ' ' << times << " times");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(galera, Fixture)

BOOST_AUTO_TEST_CASE(a_token_revoked_on_one_host_is_refused_at_once_on_the_others) {
    const auto races = number_of("CEYMAIL_RACES", 1000);
    database::Connection connection(node(1).address());
    database::TokenRegistry registry(connection, "ceymail_dashboard");
    std::atomic<std::size_t> believed{0};
    std::size_t other = 0;
    for (std::size_t n = 0; n < races; ++n) {
        const std::string token = "ceymail_metrics_race-" + std::to_string(n) + "-0123456789";
        const auto nothing = [] { return util::Result<void>{}; };
        const auto made = registry.replace(util::sha256(token), std::string("test"), nothing, now() + 20s);
        BOOST_TEST_REQUIRE(made.has_value(), (made ? "" : made.error().message));
        for (unsigned h = 2; h <= k_hosts; ++h) other += host(h).knows(token) ? 0 : 1;
        const auto revoked = registry.revoke(std::string("test"), nothing, now() + 20s);
        BOOST_TEST_REQUIRE(revoked.has_value(), (revoked ? "" : revoked.error().message));
        std::jthread beside([&] { believed += host(3).scrape(token).status == 200 ? 1 : 0; });
        believed += host(2).scrape(token).status == 200 ? 1 : 0;
    }
    BOOST_TEST(believed == 0U, believed << " of " << 2 * races << " scrapes got in with a revoked token");
    BOOST_TEST(other == 0U, other << " scrapes with the new token were not answered at once");
}

BOOST_AUTO_TEST_CASE(a_new_token_is_accepted_at_once_on_the_others) {
    for (unsigned from = 1; from <= k_hosts; ++from) {
        const auto token = host(from).generate();
        for (unsigned h = 1; h <= k_hosts; ++h) BOOST_TEST(host(h).knows(token), "from " << from << " to " << h);
    }
}

BOOST_AUTO_TEST_CASE(revoke_and_adopt_say_when_the_other_hosts_follow) {
    (void)host(1).generate();
    const auto adopted = host(2).tool({"adopt"}, std::string(64, 'a') + "\n");
    BOOST_TEST(adopted.status == 0, adopted.errors);
    const auto revoked = host(3).tool({"revoke"});
    BOOST_TEST(revoked.status == 0, revoked.errors);
    for (const auto& done : {adopted, revoked})
        BOOST_TEST(contains(done.errors,
                            "the other hosts of this Galera cluster refuse it from their next scrape on, "
                            "where the node is primary and applies changes; elsewhere after their "
                            "auth_grace (here 300 s) at the latest"),
                   done.errors);
}

// As a backup does. Reads wait for the node, so each leaves a session there; the circuit breaker limits them.
BOOST_AUTO_TEST_CASE(a_backup_lock_costs_the_grace_at_most_and_piles_up_no_sessions) {
    const Host held(node(2), k_short_grace);
    const auto token = host(1).generate();
    BOOST_TEST_REQUIRE(held.knows(token));
    const auto lock = node(2).hold("FLUSH TABLES WITH READ LOCK");
    host(1).revoke();
    const auto revoked_at = now();
    std::size_t scrapes = 0;
    std::size_t most = 0;
    std::atomic<std::size_t> believed{0};
    std::atomic<std::size_t> late{0};
    while (now() - revoked_at < 20s) {
        std::vector<std::jthread> clients;
        for (int n = 0; n < 4; ++n)
            clients.emplace_back([&, began = now()] {
                const auto seen = held.scrape(token);
                believed += seen.status == 200 && !seen.stale ? 1 : 0;
                late += seen.status == 200 && began - revoked_at > k_short_grace + 1s ? 1 : 0;
            });
        scrapes += clients.size();
        clients.clear();
        most = std::max<std::size_t>(
            most,
            std::stoul(node(2).query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'nobody'")));
    }
    node(2).release();
    BOOST_TEST(believed == 0U);
    BOOST_TEST(late == 0U);
    // One question in 2 s, for as long as the server lets each wait (30 s), and the two responders' own.
    BOOST_TEST_MESSAGE(scrapes << " scrapes left " << most << " sessions at most");
    BOOST_TEST(most <= 20U);
    BOOST_TEST(scrapes > 2 * most);
    expect_promise(held, token, 0s, 40s);
}

BOOST_AUTO_TEST_CASE(a_frozen_node_costs_the_grace_at_most) {
    const Host frozen(node(3), k_short_grace);
    const auto token = host(1).generate();
    BOOST_TEST_REQUIRE(frozen.knows(token));
    node(3).pause();
    host(1).revoke();
    expect_promise(frozen, token, k_short_grace, 60s, {10s, [this] { node(3).resume(); }});
}

BOOST_AUTO_TEST_CASE(a_node_lost_between_revoke_and_scrape_costs_the_grace_at_most) {
    const Host lost(node(2), k_short_grace);
    const auto token = host(1).generate();
    BOOST_TEST_REQUIRE(lost.knows(token));
    host(1).revoke();
    node(2).kill();
    BOOST_TEST(expect_promise(lost, token, k_short_grace, 90s, {8s, [this] { node(2).start(); }}) > 0U,
               "the grace was not used at all");
}

BOOST_AUTO_TEST_CASE(without_a_grace_an_isolated_node_accepts_nothing) {
    const Host strict(node(2), 0s);
    const auto token = host(1).generate();
    BOOST_TEST_REQUIRE(strict.knows(token));
    const auto lock = node(2).hold("FLUSH TABLES WITH READ LOCK");
    host(1).revoke();
    for (int n = 0; n < 5; ++n) BOOST_TEST(strict.scrape(token).status == 503);
    node(2).release();
    expect_promise(strict, token, 0s, 40s);
}

BOOST_AUTO_TEST_CASE(generate_on_two_nodes_at_once_leaves_one_active_token) {
    for (int n = 0; n < 200; ++n) {
        Finished other;
        std::jthread beside([&] { other = host(2).tool({"generate"}); });
        const auto one = host(1).tool({"generate"});
        beside.join();
        BOOST_TEST_REQUIRE(one.status == 0, one.errors);
        BOOST_TEST_REQUIRE(other.status == 0, other.errors);
        BOOST_TEST_REQUIRE(node(3).query("SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*) FROM "
                                         "ceymail_dashboard.metrics_tokens WHERE active = 1") == "1");
    }
    const std::string all =
        "SET SESSION wsrep_sync_wait = 1; SELECT * FROM ceymail_dashboard.metrics_tokens ORDER BY id";
    const auto rows = node(1).query(all);
    for (unsigned n = 2; n <= k_hosts; ++n) BOOST_TEST(node(n).query(all) == rows, "node " << n);
}

BOOST_AUTO_TEST_CASE(adopt_on_two_nodes_at_once_stores_the_digest_once) {
    for (int n = 0; n < 20; ++n) {
        std::string digest(64, 'a');
        digest.replace(0, 4, std::to_string(1000 + n));
        Finished other;
        std::jthread beside([&] { other = host(2).tool({"adopt"}, digest); });
        const auto one = host(1).tool({"adopt"}, digest);
        beside.join();
        BOOST_TEST(one.status == 0, one.errors);
        BOOST_TEST(other.status == 0, other.errors);
        BOOST_TEST(node(3).query("SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*), SUM(active) FROM "
                                 "ceymail_dashboard.metrics_tokens WHERE token_sha256 = UNHEX('" +
                                 digest + "')") == "1\t1");
    }
}

BOOST_AUTO_TEST_CASE(each_node_notes_the_last_use_in_a_row_of_its_own) {
    const auto token = host(1).generate();
    for (unsigned n = 1; n <= k_hosts; ++n) BOOST_TEST(host(n).knows(token));
    const std::string rows =
        "SET SESSION wsrep_sync_wait = 1; SELECT GROUP_CONCAT(host ORDER BY host) FROM "
        "ceymail_dashboard.metrics_token_uses u JOIN ceymail_dashboard.metrics_tokens t ON t.id = u.token_id "
        "WHERE t.active = 1";
    BOOST_TEST(within(5s, [&] { return node(1).query(rows) == "n1,n2,n3"; }), node(1).query(rows));
    for (unsigned n = 1; n <= k_hosts; ++n) {
        const auto shown = host(n).tool({"status"});
        BOOST_TEST(contains(shown.output, "last used: 2"), shown.output << host(n).log());
        BOOST_TEST(!contains(host(n).log(), "Deadlock"), host(n).log());
    }
}

BOOST_AUTO_TEST_CASE(check_and_metrics_show_the_node) {
    const auto token = host(1).generate();
    for (unsigned n = 1; n <= k_hosts; ++n) {
        const auto answer = host(n).ask(token);
        for (const char* line : {"ceymail_galera_ready 1", "ceymail_galera_primary 1", "ceymail_galera_state 4",
                                 "ceymail_galera_cluster_size 3", "ceymail_collector_success{collector=\"galera\"} 1"})
            BOOST_TEST(answer.has_line(line), line);
        BOOST_TEST(answer.has_line("ceymail_galera_cluster_info{cluster=\"" +
                                   node(1).status("wsrep_cluster_state_uuid") + "\"} 1"),
                   answer.body);
        const auto checked = host(n).check();
        BOOST_TEST(contains(checked.output, "galera: ok (Synced, ready, 3 nodes in its component)"), checked.output);
    }
}

BOOST_AUTO_TEST_CASE(a_killed_node_costs_no_scrape) {
    const auto token = host(1).generate();
    for (unsigned n = 1; n <= k_hosts; ++n) BOOST_TEST_REQUIRE(host(n).knows(token));
    for (unsigned n = 1; n <= k_hosts; ++n) {
        Scrapers scrapers(fleet().hosts, token);
        std::this_thread::sleep_for(2s);
        node(n).kill();
        std::this_thread::sleep_for(8s);
        node(n).start();
        node(n).await_synced();
        const auto synced_at = now();
        BOOST_TEST(within(10s, [&] { return host(n).knows(token); }), "host " << n << " has not recovered");
        BOOST_TEST_MESSAGE("host " << n << " recovered after " << seconds(now() - synced_at) << " s");
        scrapers.stop();
        BOOST_TEST_CONTEXT("node " << n << " killed") {
            expect_200_alone(scrapers);
            BOOST_TEST(scrapers.stale(n) > 0, "the node was not missed");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_partition_costs_no_scrape_and_changes_fail_with_69_there) {
    const auto token = host(1).generate();
    for (unsigned n = 1; n <= k_hosts; ++n) BOOST_TEST_REQUIRE(host(n).knows(token));
    for (unsigned n = 1; n <= k_hosts; ++n) {
        Scrapers scrapers(fleet().hosts, token);
        std::this_thread::sleep_for(2s);
        node(n).cut();
        BOOST_TEST(within(15s, [&] { return node(n).status("wsrep_cluster_status") == "non-Primary"; }));
        std::this_thread::sleep_for(2s);
        const auto answer = host(n).ask(token);
        for (const char* line : {"ceymail_database_up 0", "ceymail_galera_ready 0", "ceymail_galera_primary 0"})
            BOOST_TEST(answer.has_line(line), line << " in: " << answer.body);
        const auto checked = host(n).check();
        BOOST_TEST(contains(checked.output, "galera: the node is not in the primary component"), checked.output);
        const std::string digest(64, 'b');
        for (const auto& refused : {host(n).tool({"generate"}), host(n).tool({"adopt"}, digest)}) {
            BOOST_TEST(refused.status == 69, refused.errors);
            BOOST_TEST(contains(refused.errors, "wait until the Galera node is back in its cluster"), refused.errors);
        }
        node(n).heal();
        node(n).await_synced();
        BOOST_TEST(within(10s, [&] { return host(n).knows(token); }), "host " << n << " has not recovered");
        scrapers.stop();
        BOOST_TEST_CONTEXT("node " << n << " cut") { expect_200_alone(scrapers); }
    }
}

BOOST_AUTO_TEST_CASE(revoke_in_a_partition_exits_69_and_the_host_forgets_the_token) {
    const auto token = host(1).generate();
    BOOST_TEST_REQUIRE(host(3).knows(token));
    node(3).cut();
    const auto in_flight = host(3).tool({"revoke"});  // the node has not noticed yet
    BOOST_TEST(in_flight.status == 69, in_flight.errors);
    BOOST_TEST(host(3).scrape(token).status == 503);
    const auto later = host(3).tool({"revoke"});
    BOOST_TEST(later.status == 69, later.errors);
    BOOST_TEST(contains(later.errors, "the token is still in the database"), later.errors);
    node(3).heal();
    node(3).await_synced();
    BOOST_TEST(host(3).tool({"revoke"}).status == 0);
    for (unsigned n = 1; n <= k_hosts; ++n) BOOST_TEST(host(n).scrape(token).status == 401, "host " << n);
}

BOOST_AUTO_TEST_CASE(a_joiner_by_state_transfer_is_never_believed_early) {
    const Host joiner(node(3), k_short_grace);
    const auto old = host(1).generate();
    BOOST_TEST_REQUIRE(joiner.knows(old));
    node(3).stop();
    const auto token = host(1).generate();  // and revokes the old one
    const auto revoked_at = now();
    node(3).wipe();
    node(3).start();
    std::size_t before = 0;
    for (bool synced = false; !synced; std::this_thread::sleep_for(50ms)) {
        const auto began = now();
        const auto seen = joiner.scrape(old);
        BOOST_TEST(!(seen.status == 200 && !seen.stale), "the joiner believed a revoked token");
        BOOST_TEST(!(seen.status == 200 && began - revoked_at > k_short_grace + 1s));
        synced = joiner.node().synced();
        before += synced ? 0 : 1;
    }
    BOOST_TEST(before > 0U);
    expect_promise(joiner, old, 0s, 20s);
    BOOST_TEST(within(10s, [&] { return joiner.knows(token); }));
}

// init has run on all three hosts; the account is one for all.
BOOST_AUTO_TEST_CASE(init_on_each_host_leaves_the_others_as_they_are) {
    const auto token = host(1).generate();
    for (unsigned n = 1; n <= k_hosts; ++n) {
        const auto again = host(n).tool({"init"});
        BOOST_TEST(again.status == 0, again.errors);
        BOOST_TEST(!contains(again.errors, "warning"), again.errors);
        for (unsigned h = 1; h <= k_hosts; ++h)
            BOOST_TEST(host(h).knows(token), "host " << h << " after init on " << n);
    }
}

BOOST_AUTO_TEST_SUITE_END()
