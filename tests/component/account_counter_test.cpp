// SPDX-License-Identifier: MIT
// AccountCounter against a real MariaDB, with a grant on the id columns only.
#include "ceymail/database/account_counter.hpp"

#include <thread>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using util::ErrorKind;

namespace {

util::BootTime in(std::chrono::milliseconds time) { return util::BootClock::now() + time; }

struct Fixture : MariadbServer {
    Fixture() : counter(address("counter", add_account("counter", "secret")), "ceymail") {
        for (const char* table : {"virtual_domains", "virtual_users", "virtual_aliases"})
            query(std::string("GRANT SELECT (id) ON ceymail.") + table + " TO counter@localhost");
    }
    std::string counts() {
        const auto counted = counter.count(in(5s));
        if (!counted) return counted.error().message;
        return std::to_string(counted->domains) + " " + std::to_string(counted->mailboxes) + " " +
               std::to_string(counted->aliases);
    }
    database::AccountCounter counter;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(account_counter, Fixture)

BOOST_AUTO_TEST_CASE(counts_what_is_there_now) {
    BOOST_TEST(counts() == "3 12 7");
    query("INSERT INTO ceymail.virtual_domains (name) VALUES ('example.edu'); DELETE FROM ceymail.virtual_aliases");
    BOOST_TEST(counts() == "4 12 0");
    query("DELETE FROM ceymail.virtual_domains");  // its mailboxes go with it
    BOOST_TEST(counts() == "0 0 0");
}

BOOST_AUTO_TEST_CASE(does_not_notice_a_restart) {
    BOOST_TEST(counts() == "3 12 7");
    stop();
    start();
    BOOST_TEST(counts() == "3 12 7");
}

BOOST_AUTO_TEST_CASE(a_count_that_takes_too_long_ends_in_the_server_too) {
    query(
        "RENAME TABLE ceymail.virtual_users TO ceymail.hidden;"
        "CREATE VIEW ceymail.virtual_users AS SELECT id FROM ceymail.hidden WHERE SLEEP(60) = 0;"
        "GRANT SELECT (id) ON ceymail.virtual_users TO counter@localhost");
    database::AccountCounter impatient(address("counter", directory() / "counter.cnf"), "ceymail", 200ms);
    const auto counted = impatient.count(in(30s));
    BOOST_TEST_REQUIRE(!counted.has_value());
    BOOST_TEST(counted.error().code == 1969, counted.error().message);
    BOOST_TEST(
        query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'counter' AND command != 'Sleep'") ==
        "0\n");
}

BOOST_AUTO_TEST_CASE(waits_a_second_for_a_locked_table) {
    const ChildProcess holder{{.arguments = {"mariadb", "--no-defaults", "--socket=" + socket().string(), "--execute",
                                             "LOCK TABLES ceymail.virtual_users WRITE; SELECT SLEEP(60)"}}};
    const auto locked = [&] {
        return query("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'") == "1\n";
    };
    for (int i = 0; i < 500 && !locked(); ++i) std::this_thread::sleep_for(10ms);
    const auto counted = counter.count(in(30s));
    BOOST_TEST_REQUIRE(!counted.has_value());
    BOOST_TEST((counted.error().kind == ErrorKind::conflict), counted.error().message);
}

BOOST_AUTO_TEST_CASE(connects_ahead_where_it_can) {
    counter.prepare(in(5s));
    BOOST_TEST(query("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'counter'") == "1\n");
    BOOST_TEST(counts() == "3 12 7");
    kill();
    database::AccountCounter early(address("counter", directory() / "counter.cnf"), "ceymail");
    early.prepare(in(5s));
    start();
    BOOST_TEST(early.count(in(5s)).has_value());
}

BOOST_AUTO_TEST_CASE(says_what_is_missing) {
    BOOST_TEST(counts() == "3 12 7");
    query("RENAME TABLE ceymail.virtual_users TO ceymail.hidden");
    const auto missing = counter.count(in(5s));
    BOOST_TEST_REQUIRE(!missing.has_value());
    BOOST_TEST((missing.error().kind == ErrorKind::denied || missing.error().kind == ErrorKind::not_found));
    BOOST_TEST(missing.error().message.find("ceymail-token init") != std::string::npos, missing.error().message);
    BOOST_TEST((missing.error().kind == ErrorKind::denied ||
                missing.error().message.find("CeyMail's installer makes this table") != std::string::npos),
               missing.error().message);
    kill();
    BOOST_TEST((counter.count(in(1s)).error().kind == ErrorKind::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
