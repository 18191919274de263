// SPDX-License-Identifier: MIT
// One node of a Galera cluster of its own: what its codes mean, and that only the token reader reads causally.
#include <filesystem>
#include <thread>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/database/account_counter.hpp"
#include "ceymail/database/galera_node.hpp"
#include "ceymail/database/token_reader.hpp"
#include "ceymail/database/token_registry.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using util::ErrorKind;

namespace {

constexpr const char* k_provider = "/usr/lib/galera/libgalera_smm.so";

util::BootTime in(std::chrono::milliseconds time) { return util::BootClock::now() + time; }

std::vector<std::string> as_node() {
    const auto listen = "tcp://127.0.0.1:" + std::to_string(free_port());
    return {"--wsrep-on=ON",
            std::string("--wsrep-provider=") + k_provider,
            "--wsrep-cluster-address=gcomm://",
            "--wsrep-cluster-name=single",
            "--wsrep-node-address=127.0.0.1",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-provider-options=gcache.size=8M;gmcast.listen_addr=" + listen};
}

bool has_galera() { return std::filesystem::exists(k_provider); }

struct Fixture : MariadbServer {
    Fixture() : MariadbServer(as_node()) {
        apply_schema();
        query("INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (UNHEX(SHA2('token', 256)))");
    }
    database::TokenReader reader() const { return {address(), "ceymail_dashboard"}; }
    // Leaves the primary component for good.
    void isolate() const { query("SET GLOBAL wsrep_cluster_address = 'dummy://'"); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(galera_node, *boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
                          return boost::test_tools::assertion_result(has_galera());
                      }))

BOOST_FIXTURE_TEST_CASE(shows_the_state_of_a_node_and_of_one_that_lost_its_cluster, Fixture) {
    database::GaleraNodeReader nodes(address());
    const auto node = nodes.read(in(5s));
    BOOST_TEST_REQUIRE((node && *node), (node ? "no node" : node.error().message));
    BOOST_TEST((*node)->ready);
    BOOST_TEST((*node)->primary);
    BOOST_TEST((*node)->state == 4U);
    BOOST_TEST((*node)->state_name == "Synced");
    BOOST_TEST((*node)->cluster_size == 1U);
    BOOST_TEST((*node)->cluster.size() == 36U);
    isolate();
    const auto cut = nodes.read(in(5s));
    BOOST_TEST_REQUIRE((cut && *cut), (cut ? "no node" : cut.error().message));
    BOOST_TEST(!(*cut)->ready);
    BOOST_TEST(!(*cut)->primary);
}

BOOST_AUTO_TEST_CASE(a_server_without_a_provider_is_no_node) {
    const MariadbServer plain;
    database::GaleraNodeReader nodes(plain.address());
    const auto node = nodes.read(in(5s));
    BOOST_TEST_REQUIRE(node.has_value());
    BOOST_TEST(!node->has_value());
    const auto sessions = [&] {
        return plain.query("SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Sleep'");
    };
    for (int i = 0; i < 100 && sessions() != "0\n"; ++i) std::this_thread::sleep_for(20ms);
    BOOST_TEST(sessions() == "0\n", "a session is left that has no use");
}

BOOST_FIXTURE_TEST_CASE(a_node_without_its_cluster_is_an_outage_for_old_and_new_sessions, Fixture) {
    auto before = reader();
    BOOST_TEST_REQUIRE((before.active(in(5s)).has_value()));
    isolate();
    const auto began = util::BootClock::now();
    const auto old_session = before.active(in(5s));
    BOOST_TEST_REQUIRE(!old_session.has_value());
    BOOST_TEST((old_session.error().kind == ErrorKind::unavailable), old_session.error().message);
    auto fresh = reader();
    const auto new_session = fresh.active(in(5s));
    BOOST_TEST_REQUIRE(!new_session.has_value());
    BOOST_TEST((new_session.error().kind == ErrorKind::unavailable), new_session.error().message);
    for (const auto* error : {&old_session.error(), &new_session.error()})
        BOOST_TEST((error->code == 1047 || error->code == 1205), error->message);
    BOOST_TEST((util::BootClock::now() - began < 1s), "asked more than once, or waited");
}

BOOST_FIXTURE_TEST_CASE(a_change_on_a_node_without_its_cluster_is_unavailable, Fixture) {
    isolate();
    database::Connection connection(address());
    database::TokenRegistry registry(connection, "ceymail_dashboard");
    const auto nothing = [] { return util::Result<void>{}; };
    const auto revoked = registry.revoke(std::string("test"), nothing, in(5s));
    BOOST_TEST_REQUIRE(!revoked.has_value());
    BOOST_TEST(revoked.error().code == 1047, revoked.error().message);
    BOOST_TEST((revoked.error().kind == ErrorKind::unavailable), revoked.error().message);
}

// With the server's own default of 1 every other session would read causally too.
BOOST_FIXTURE_TEST_CASE(the_token_reader_alone_reads_causally, Fixture) {
    const auto waits_of = [this](const std::string& doing) {
        query("SET GLOBAL general_log_file = '" + (directory() / "general.log").string() +
              "', GLOBAL general_log = " + doing);
        return slurp(directory() / "general.log");
    };
    query("SET GLOBAL wsrep_sync_wait = 7");
    (void)waits_of("1");
    auto tokens = reader();
    BOOST_TEST_REQUIRE(tokens.active(in(5s)).has_value());
    BOOST_TEST_REQUIRE(tokens.active(in(5s)).has_value());
    const auto of_reader = slurp(directory() / "general.log");
    BOOST_TEST(of_reader.find("SET SESSION wsrep_sync_wait = 1") != std::string::npos, of_reader);
    BOOST_TEST(of_reader.find("SET SESSION wsrep_sync_wait = 1") == of_reader.rfind("SET SESSION wsrep_sync_wait"),
               "once a session");
    database::AccountCounter counter(address(), "ceymail");
    BOOST_TEST_REQUIRE(counter.count(in(5s)).has_value());
    database::GaleraNodeReader nodes(address());
    BOOST_TEST_REQUIRE(nodes.read(in(5s)).has_value());
    const auto all = slurp(directory() / "general.log");
    const auto first = all.find("SET SESSION wsrep_sync_wait = 0");
    BOOST_TEST_REQUIRE(first != std::string::npos, all);
    BOOST_TEST(all.find("SET SESSION wsrep_sync_wait = 0", first + 1) != std::string::npos, all);
}

BOOST_FIXTURE_TEST_CASE(a_scrape_is_answered_by_the_grace_while_the_node_has_lost_its_cluster, Fixture) {
    const auto file = add_account("responder", "a password");
    if (::geteuid() == 0) BOOST_TEST_REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
    query("GRANT ALL ON *.* TO responder@localhost");
    const ResponderProcess responder(Settings{{"database_socket", socket()},
                                              {"database_user", "responder"},
                                              {"database_option_file", file},
                                              {"workers", "3"}});
    const std::string token = "ceymail_metrics_of-this-test";
    query("UPDATE ceymail_dashboard.metrics_tokens SET token_sha256 = UNHEX(SHA2('" + token + "', 256))");
    const auto good = responder.ask({.token = token});
    BOOST_TEST_REQUIRE(good.status == 200, good.body);
    for (const char* line : {"ceymail_galera_ready 1", "ceymail_galera_primary 1", "ceymail_galera_state 4",
                             "ceymail_galera_cluster_size 1"})
        BOOST_TEST(good.has_line(line), good.body);
    isolate();
    for (int n = 0; n < 12; ++n) {  // each worker, with a session from before and with a new one
        const auto answer = responder.ask({.token = token});
        BOOST_TEST(answer.status == 200, answer.body);
        BOOST_TEST(answer.has_line("ceymail_auth_stale 1"));
        BOOST_TEST(answer.has_line("ceymail_galera_ready 0"), answer.body);
        BOOST_TEST(responder.ask({.token = "ceymail_metrics_another-token"}).status == 503);
    }
}

BOOST_AUTO_TEST_SUITE_END()
