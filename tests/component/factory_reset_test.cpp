// SPDX-License-Identifier: MIT
// What CeyMail's factory reset and a restored dump do to the token: both databases are dropped and come back.
#include <fstream>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;

namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// A CeyMail host on which `init` has succeeded by root over the Unix socket, and a dump from then.
struct Fixture {
    Fixture() {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "logins are tried as another user: sudo make check");
        fs::create_directory(directory / "state");
        write_configuration(directory, {{"user", "nobody"},
                                        {"database_user", "nobody"},
                                        {"database_socket", mariadb.socket()},
                                        {"settings_user", "games"},
                                        {"settings_database_user", "games"},
                                        {"settings_gateway_secret", directory / "gateway-secret"}});
    }
    Finished tool(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", directory / "ceymail-metrics.conf"});
        return run({.arguments = arguments});
    }
    std::string done(std::vector<std::string> arguments) const {
        const auto finished = tool(std::move(arguments));
        BOOST_TEST_REQUIRE(finished.status == 0, finished.errors);
        return finished.errors;
    }
    std::string if_missing() const { return done({"init", "--if-missing"}); }

    // The same for a session that sees the clock two minutes ahead, in which tables are no longer new. init_connect
    // does not apply to accounts with CONNECTION ADMIN.
    std::string if_missing_later() const {
        mariadb.query("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + 120'");
        auto said = done({"init", "--if-missing", "--database-user", "boss", "--database-option-file", boss()});
        mariadb.query("SET GLOBAL init_connect = ''");
        return said;
    }
    fs::path boss() const {
        const auto file = directory / "boss.cnf";
        if (fs::exists(file)) return file;
        mariadb.query(
            "CREATE USER boss@localhost IDENTIFIED BY 'a long word'; GRANT ALL ON *.* TO boss@localhost WITH GRANT "
            "OPTION; REVOKE CONNECTION ADMIN, SUPER ON *.* FROM boss@localhost");
        std::ofstream(file) << "[client]\npassword=a long word\n";
        fs::permissions(file, fs::perms{0600});
        return file;
    }

    void factory_reset() const { mariadb.query("DROP DATABASE ceymail; DROP DATABASE ceymail_dashboard"); }
    void install_dashboard() const { mariadb.query(slurp(source("deploy/miniature/sample.sql"))); }
    void dump() const {
        const auto dumped = run({.arguments = {"mariadb-dump", "--no-defaults", "--socket=" + mariadb.socket().string(),
                                               "--databases", "ceymail", "ceymail_dashboard"}});
        BOOST_TEST_REQUIRE(dumped.status == 0, dumped.errors);
        std::ofstream(directory / "dump.sql") << dumped.output;
    }
    void restore() const { mariadb.query(slurp(directory / "dump.sql")); }
    bool has_table() const { return !mariadb.query("SHOW TABLES IN ceymail_dashboard LIKE 'metrics_tokens'").empty(); }
    std::string once() const {
        return run({.arguments = {built_program("ceymail-metrics"), "--config", directory / "ceymail-metrics.conf",
                                  "--once"},
                    .input = " "})
            .output;
    }

    MariadbServer mariadb;
    TemporaryDirectory directory;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(factory_reset, Fixture)

BOOST_AUTO_TEST_CASE(makes_the_tables_again_when_the_dashboard_has_made_its_own) {
    done({"init"});
    done({"generate"});
    factory_reset();
    BOOST_TEST(contains(if_missing(), "database ceymail_dashboard has no tables: waiting"));
    BOOST_TEST(mariadb.query("SHOW DATABASES LIKE 'ceymail%'").empty(), "the dashboard makes its database");
    BOOST_TEST(if_missing().empty(), "it says so once");
    mariadb.query("CREATE DATABASE ceymail_dashboard");
    BOOST_TEST(if_missing_later().empty());
    mariadb.query("DROP DATABASE ceymail_dashboard");

    install_dashboard();
    BOOST_TEST(contains(if_missing(), "were made within the last minute"));
    BOOST_TEST(!has_table());
    const auto made = if_missing_later();
    BOOST_TEST(contains(made, "table metrics_tokens was gone"), made);
    BOOST_TEST(contains(made, "account nobody@localhost: the login works"), made);
    BOOST_TEST(contains(once(), "\nceymail_database_up 1\n"));
    BOOST_TEST(!contains(once(), "ceymail_token_created"), "no token was made");
    done({"generate"});
    BOOST_TEST(contains(once(), "\nceymail_token_created_timestamp_seconds "));
    BOOST_TEST(contains(if_missing_later(), "table metrics_tokens is there; nothing was changed"));
    BOOST_TEST(if_missing().empty());
}

BOOST_AUTO_TEST_CASE(leaves_a_restored_schema_with_its_token_as_it_is) {
    done({"init"});
    done({"generate"});
    dump();
    factory_reset();
    restore();
    const auto rows = mariadb.query("SELECT * FROM ceymail_dashboard.metrics_tokens");
    const auto tables = mariadb.query("SHOW CREATE TABLE ceymail_dashboard.metrics_tokens");
    BOOST_TEST_REQUIRE(contains(rows, "\t1\n"), rows);
    BOOST_TEST(contains(if_missing_later(), "nothing was changed"));
    BOOST_TEST(mariadb.query("SELECT * FROM ceymail_dashboard.metrics_tokens") == rows);
    BOOST_TEST(mariadb.query("SHOW CREATE TABLE ceymail_dashboard.metrics_tokens") == tables);
    BOOST_TEST(contains(once(), "\nceymail_token_created_timestamp_seconds "));
}

// The dump's own table must find no other in its place, however long its first tables take.
BOOST_AUTO_TEST_CASE(does_not_come_between_the_tables_of_a_dump) {
    done({"init"});
    dump();
    factory_reset();
    auto first = slurp(directory / "dump.sql");
    first.resize(first.find("-- Table structure for table `metrics_tokens`"));
    mariadb.query(first);
    BOOST_TEST(contains(if_missing(), "as while a dump is restored: waiting"));
    BOOST_TEST(!has_table());
}

BOOST_AUTO_TEST_CASE(makes_nothing_where_init_has_not_succeeded) {
    const auto refused = [&] {
        BOOST_TEST(contains(if_missing_later(), "init has not succeeded here yet"));
        BOOST_TEST(!has_table());
        fs::remove(directory / "state/init-message");
    };
    refused();
    const auto by_password = tool({"init", "--database-user", "boss", "--database-option-file", boss()});
    BOOST_TEST(by_password.status == 0, by_password.errors);
    mariadb.query("DROP TABLE ceymail_dashboard.metrics_tokens");
    refused();  // the service has no password
    done({"init"});
    mariadb.query("DROP TABLE ceymail_dashboard.metrics_tokens");
    BOOST_TEST(contains(if_missing_later(), "table metrics_tokens was gone"));
}

BOOST_AUTO_TEST_CASE(prepares_the_settings_page_again_where_it_was_prepared) {
    done({"init", "--settings"});
    done({"init"});  // does not make it forget
    factory_reset();
    install_dashboard();
    mariadb.query("DROP USER nobody@localhost, games@localhost");
    const auto made = if_missing_later();
    BOOST_TEST(contains(made, "account games@localhost: the login works"), made);
    BOOST_TEST(contains(made, "account nobody@localhost: the login works"), made);
}

BOOST_AUTO_TEST_CASE(tells_once_of_a_failure_that_stays) {
    done({"init"});
    mariadb.stop();
    const auto first = tool({"init", "--if-missing"});
    BOOST_TEST(first.status == 69, first.errors);
    BOOST_TEST(contains(first.errors, "cannot reach MariaDB"), first.errors);
    const auto second = tool({"init", "--if-missing"});
    BOOST_TEST(second.status == 0);
    BOOST_TEST(second.errors.empty(), second.errors);
}

BOOST_AUTO_TEST_SUITE_END()
