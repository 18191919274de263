// SPDX-License-Identifier: MIT
// `ceymail-token init` tries the logins that it created, and each remedy in its messages works.
#include <chrono>
#include <csignal>
#include <fstream>
#include <list>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <sysexits.h>
#include <unistd.h>

#include "ceymail/database/login_obstacle.hpp"
#include "ceymail/database/statement.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// A MariaDB on a socket and on TCP, which resolves names as by default. The service runs as user nobody.
struct Fixture {
    Fixture()
        : mariadb({"--skip-networking=0", "--bind-address=127.0.0.1", "--port=" + std::to_string(port),
                   "--skip-name-resolve=0"}) {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "logins are tried as another user: sudo make check");
        option_file = directory / "nobody.cnf";
        mariadb.query(  // CeyMail's dashboard makes it, and without it init is not ready
            "CREATE DATABASE IF NOT EXISTS ceymail_dashboard;"
            "CREATE TABLE IF NOT EXISTS ceymail_dashboard.audit_logs (id INT PRIMARY KEY)");
    }
    Settings by_socket(Settings more = {}) const {
        more.insert({{"user", "nobody"}, {"database_user", "nobody"}, {"database_socket", mariadb.socket()}});
        return more;
    }
    Settings by_tcp(Settings more = {}) const {
        more.insert({{"database_host", "127.0.0.1"},
                     {"database_port", std::to_string(port)},
                     {"database_option_file", option_file}});
        return by_socket(more);
    }
    // The administrator always uses the socket: over TCP root has no password here.
    Finished tool(const Settings& settings, std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", write_configuration(directory, settings)});
        if (settings.contains("database_host"))
            arguments.insert(arguments.end(), {"--database-user", "boss", "--database-option-file", boss()});
        return run({.arguments = arguments});
    }
    fs::path boss() const {
        const auto file = mariadb.directory() / "boss.cnf";
        if (!fs::exists(file)) {
            mariadb.query(
                "CREATE USER boss@localhost IDENTIFIED BY 'a long word';"
                "GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION");
            std::ofstream(file) << "[client]\npassword=a long word\n";
            fs::permissions(file, fs::perms{0600});
        }
        return file;
    }
    void expect_ready(const Settings& settings) const {
        const auto done = tool(settings, {"init"});
        BOOST_TEST(done.status == 0, done.errors);
        BOOST_TEST(contains(done.errors, ": the login works"), done.errors);
        BOOST_TEST(contains(done.errors, "ready; next: ceymail-token generate"), done.errors);
        // The service's own check of it.
        const auto once = run(
            {.arguments = {built_program("ceymail-metrics"), "--config", directory / "ceymail-metrics.conf", "--once"},
             .input = " "});
        BOOST_TEST(contains(once.output, "\nceymail_database_up 1\n"), once.errors);
    }
    // Expects a refusal with these words. Returns: the remedy, which follows `before` up to the end of the line.
    std::string refused(const Settings& settings, const std::string& words, const std::string& before) const {
        const auto done = tool(settings, {"init"});
        BOOST_TEST(done.status == 78, done.errors);
        BOOST_TEST(!contains(done.errors, "ready;"), done.errors);
        BOOST_TEST_REQUIRE(contains(done.errors, words), done.errors);
        const auto at = done.errors.find(before, done.errors.find(words));
        BOOST_TEST_REQUIRE(at != std::string::npos, done.errors);
        const auto begin = at + before.size();
        return done.errors.substr(begin, done.errors.find('\n', begin) - begin);
    }

    const int port = free_port();
    MariadbServer mariadb;
    TemporaryDirectory directory;
    fs::path option_file;
};

constexpr const char* k_in_mariadb = "run in MariaDB: ";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(token_init, Fixture)

BOOST_AUTO_TEST_CASE(tries_the_login_as_the_services_user) {
    expect_ready(by_socket());
    expect_ready(by_socket({{"database_user", "reader"}, {"database_option_file", directory / "reader.cnf"}}));
    mariadb.query("DROP USER nobody@localhost");
    expect_ready(by_tcp());
    expect_ready(by_tcp());  // and again, with the password that is there
}

BOOST_AUTO_TEST_CASE(names_the_account_of_the_unix_socket_that_blocks_the_password) {
    expect_ready(by_socket());
    const auto remedy =
        refused(by_tcp(), "account nobody@% cannot log in: MariaDB chooses account 'nobody'@'localhost' (unix_socket)",
                k_in_mariadb);
    BOOST_TEST(remedy == "DROP USER 'nobody'@'localhost'");
    mariadb.query(remedy);
    expect_ready(by_tcp());
}

BOOST_AUTO_TEST_CASE(names_accounts_without_a_name_and_of_another_form_of_the_host) {
    for (const char* const account : {"''@'localhost'", "'nobody'@'127.0.0.1'", "'nobody'@'127.0.0.%'"}) {
        mariadb.query(std::string("CREATE USER ") + account + " IDENTIFIED BY 'another'");
        const auto remedy = refused(by_tcp(), std::string("MariaDB chooses account ") + account, k_in_mariadb);
        BOOST_TEST(remedy == std::string("DROP USER ") + account);
        mariadb.query(remedy);
        expect_ready(by_tcp());
    }
}

BOOST_AUTO_TEST_CASE(sees_that_a_login_which_works_is_another_accounts) {
    expect_ready(by_tcp());
    const auto hash = mariadb.query("SELECT authentication_string FROM mysql.user WHERE User = 'nobody'");
    mariadb.query("CREATE USER nobody@localhost IDENTIFIED BY PASSWORD '" + hash.substr(0, 41) + "'");
    const auto remedy = refused(by_tcp(), "MariaDB chooses account 'nobody'@'localhost'", k_in_mariadb);
    mariadb.query(remedy);
    expect_ready(by_tcp());
}

BOOST_AUTO_TEST_CASE(names_a_lock_an_expired_password_and_a_demand_for_tls) {
    const std::pair<const char*, const char*> cases[] = {
        {"ALTER USER nobody@'%' ACCOUNT LOCK", "it is locked"},
        {"ALTER USER nobody@'%' REQUIRE SSL", "it asks for TLS"},
        {"UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.password_last_changed', 1000000000, "
         "'$.password_lifetime', 1) WHERE User = 'nobody'; FLUSH PRIVILEGES",
         "its password has expired"},
    };
    expect_ready(by_tcp());
    for (const auto& [mistake, words] : cases) {
        mariadb.query(mistake);
        mariadb.query(refused(by_tcp(), words, k_in_mariadb));
        expect_ready(by_tcp());
    }
    mariadb.query("ALTER USER nobody@'%' PASSWORD EXPIRE");  // that one init mends itself
    expect_ready(by_tcp());
}

BOOST_AUTO_TEST_CASE(names_an_option_file_that_the_services_user_cannot_read) {
    expect_ready(by_tcp());
    BOOST_TEST_REQUIRE(::chown(option_file.c_str(), 0, 0) == 0);
    const auto remedy = refused(by_tcp(), "cannot read database_option_file " + option_file.string(), "as by: ");
    BOOST_TEST(run({.arguments = {"sh", "-c", remedy}}).status == 0, remedy);
    expect_ready(by_tcp());
}

BOOST_AUTO_TEST_CASE(names_two_users_where_the_unix_socket_knows_one) {
    const auto mismatch = by_socket({{"database_user", "reader"}});
    const auto words = "by Unix socket it is for system user reader, and the program runs as nobody";
    BOOST_TEST(refused(mismatch, words, "or set ") == "database_option_file");
    expect_ready(by_socket({{"database_user", "reader"}, {"database_option_file", directory / "reader.cnf"}}));
    expect_ready(by_socket());
}

BOOST_AUTO_TEST_CASE(does_not_say_ready_where_the_system_user_is_not_there_yet) {
    const auto done = tool(by_socket({{"user", "no-such-user"}, {"database_user", "no-such-user"}}), {"init"});
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(!contains(done.errors, "ready;"), done.errors);
    BOOST_TEST(contains(done.errors,
                        "warning: account no-such-user@localhost: the login was not tried, for there is no "
                        "system user no-such-user yet"),
               done.errors);
}

BOOST_AUTO_TEST_CASE(takes_awkward_passwords_as_the_service_does) {
    for (const std::string value : {R"(a\b\\c)", R"("q u'o#te")", R"('it\'s')", R"(\s\ttab)", "a#b", "x;y=z", R"(end\)",
                                    "\xC3\xA9\xE2\x82\xAC"}) {
        std::ofstream(option_file) << "[client]\npassword=" << value << "\n";
        fs::permissions(option_file, fs::perms{0600});
        BOOST_TEST_REQUIRE(::chown(option_file.c_str(), 65534, 65534) == 0);
        BOOST_TEST_CONTEXT(value) {
            BOOST_TEST(tool(by_tcp(), {"init", "--reset-password"}).status == 0);
            expect_ready(by_tcp());
        }
    }
}

// Two hosts of a cluster: one MariaDB, and an option file for each.
BOOST_AUTO_TEST_CASE(leaves_the_password_of_an_account_that_is_there_unless_told) {
    const auto first = by_tcp();
    const auto second_file = directory / "second.cnf";
    const auto second = by_tcp({{"database_option_file", second_file}});
    expect_ready(first);
    const auto hash = [this] {
        return mariadb.query("SELECT authentication_string FROM mysql.user WHERE User='nobody'");
    };
    const auto before = hash();
    const std::string k_left =
        "account nobody@% is there with a password, and is left as it is because other hosts may use it: ";

    const auto copy = refused(second, k_left + "copy " + second_file.string() + " from the host where init made it",
                              "or make another password: ");
    BOOST_TEST(copy == "ceymail-token init --reset-password");
    BOOST_TEST(!fs::exists(second_file));  // it would hold a password that opens nothing
    BOOST_TEST(hash() == before);

    std::ofstream(second_file) << "[client]\npassword=another\n";
    fs::permissions(second_file, fs::perms{0600});
    (void)refused(second, k_left + second_file.string() + " has another; copy that file", "the password of this one: ");
    BOOST_TEST(hash() == before);
    expect_ready(first);

    // As configuration management does it: the same file on all hosts.
    fs::copy_file(option_file, second_file, fs::copy_options::overwrite_existing);
    BOOST_TEST_REQUIRE(::chown(second_file.c_str(), 65534, 65534) == 0);
    expect_ready(second);
    BOOST_TEST(hash() == before);

    fs::remove(second_file);
    BOOST_TEST(tool(second, {"init", "--reset-password"}).status == 0);
    expect_ready(second);
    BOOST_TEST(hash() != before);
}

BOOST_AUTO_TEST_CASE(takes_the_password_of_a_file_that_is_there_before_the_account) {
    std::ofstream(option_file) << "[client]\npassword=shared by all hosts\n";
    fs::permissions(option_file, fs::perms{0600});
    BOOST_TEST_REQUIRE(::chown(option_file.c_str(), 65534, 65534) == 0);
    expect_ready(by_tcp());
    BOOST_TEST(slurp(option_file) == "[client]\npassword=shared by all hosts\n");
}

BOOST_AUTO_TEST_CASE(takes_no_password_away_where_no_option_file_is_set) {
    const auto with_file = by_socket({{"database_option_file", option_file}});
    expect_ready(with_file);
    const auto remedy = refused(by_socket(), "account nobody@localhost is there with a password, and is left as it is",
                                "or let the account log in by Unix socket: ");
    BOOST_TEST(remedy == "ceymail-token init --reset-password");
    expect_ready(with_file);
    BOOST_TEST(tool(by_socket(), {"init", "--reset-password"}).status == 0);
    expect_ready(by_socket());
}

BOOST_AUTO_TEST_CASE(explains_plugins_that_validate_passwords_and_its_remedy_works) {
    for (const char* const plugin : {"simple_password_check", "password_reuse_check"}) {
        if (!MariadbServer::has_plugin(plugin)) continue;
        const auto settings = by_tcp({{"database_option_file", directory / plugin}});
        static_cast<void>(boss());
        mariadb.query(std::string("DROP USER IF EXISTS nobody@'%'; INSTALL SONAME '") + plugin + "'");
        const auto remedy = refused(settings, "while strict_password_validation is on", k_in_mariadb);
        mariadb.query(remedy.substr(0, remedy.find(';')));
        expect_ready(settings);
        mariadb.query("SET GLOBAL strict_password_validation = ON");
        expect_ready(settings);  // later runs need that no more
        mariadb.query(std::string("UNINSTALL SONAME '") + plugin + "'");
    }
}

BOOST_FIXTURE_TEST_CASE(refuses_another_host_without_a_file_for_the_password, Fixture) {
    auto settings = by_tcp();
    settings["database_option_file"] = "";
    const auto done = tool(settings, {"init"});
    BOOST_TEST(done.status != 0);
    BOOST_TEST(contains(done.errors,
                        "database_host is set, so account nobody needs a password: set database_option_file to a file"),
               done.errors);
    BOOST_TEST(mariadb.query("SELECT COUNT(*) FROM mysql.user WHERE User = 'nobody'") == "0\n");
}

BOOST_FIXTURE_TEST_CASE(names_the_user_of_the_page_that_is_not_there, Fixture) {
    const auto done = tool(by_socket({{"settings_user", "no-such-user"},
                                      {"settings_database_user", "nobody"},
                                      {"settings_gateway_secret", directory / "secret"}}),
                           {"init", "--settings"});
    BOOST_TEST(done.status != 0);
    BOOST_TEST(contains(done.errors, "there is no user \"no-such-user\" to read " + (directory / "secret").string() +
                                         "; make it or name another by settings_user ="),
               done.errors);
    BOOST_TEST(!fs::exists(directory / "secret"));
}

BOOST_FIXTURE_TEST_CASE(leaves_the_administrators_own_account_as_it_is, Fixture) {
    mariadb.query(
        "CREATE OR REPLACE USER boss_too@localhost IDENTIFIED BY 'a long word';"
        "GRANT ALL ON *.* TO boss_too@localhost WITH GRANT OPTION");
    const auto file = directory.write("boss_too.cnf", "[client]\npassword=a long word\n", fs::perms{0600});
    BOOST_TEST_REQUIRE(run({.arguments = {"chown", "nobody", file}}).status == 0);
    fs::permissions(directory.path(), fs::perms{0755});
    const auto grants = mariadb.query("SHOW GRANTS FOR boss_too@localhost");
    const auto configuration =
        write_configuration(directory, by_socket({{"database_user", "boss_too"}, {"database_option_file", file}}));
    const auto done = run({.arguments = {built_program("ceymail-token"), "init", "--config", configuration,
                                         "--database-user", "boss_too", "--database-option-file", file}});
    BOOST_TEST(contains(done.errors,
                        "warning: account boss_too@localhost: is the administrator's own, left as it is; "
                        "give the workers one of their own"),
               done.errors);
    BOOST_TEST(mariadb.query("SHOW GRANTS FOR boss_too@localhost") == grants);
}

BOOST_FIXTURE_TEST_CASE(tells_a_login_that_is_impossible_now_from_one_that_is_refused, Fixture) {
    expect_ready(by_socket());
    mariadb.query("SET GLOBAL max_connections = 10");
    std::list<database::Connection> sessions;
    for (int i = 0; i < 10; ++i) {
        database::Statement statement(sessions.emplace_back(mariadb.address()), "DO 1", "taking a connection");
        BOOST_TEST_REQUIRE(statement.run({}, util::BootClock::now() + 5s).has_value());
    }
    const auto done = tool(by_socket(), {"init"});  // root has one more than the others
    BOOST_TEST(done.status == 69);
    BOOST_TEST(contains(done.errors, "account nobody@localhost cannot log in: "), done.errors);
    BOOST_TEST(contains(done.errors, "Too many connections (error 1040); raise max_connections"), done.errors);
    BOOST_TEST(!contains(done.errors, "SHOW CREATE USER"), done.errors);
    sessions.clear();
    expect_ready(by_socket());
}

// As the kernel does where there is no memory.
BOOST_FIXTURE_TEST_CASE(says_that_the_process_was_killed_which_tried_the_login, Fixture) {
    expect_ready(by_socket());
    mariadb.query("SET GLOBAL init_connect = 'DO SLEEP(20)'");  // not for root
    ChildProcess init({.arguments = {built_program("ceymail-token"), "init", "--config",
                                     write_configuration(directory, by_socket())}});
    const auto children = "/proc/" + std::to_string(init.pid()) + "/task/" + std::to_string(init.pid()) + "/children";
    BOOST_TEST_REQUIRE(eventually([&] { return !slurp(children).empty(); }), init.errors());
    ::kill(std::stoi(slurp(children)), SIGKILL);
    BOOST_TEST(init.wait(5s).value_or(0) == EX_SOFTWARE);
    BOOST_TEST(contains(init.errors(), "cannot try the login: the process that does it ended"), init.errors());
    BOOST_TEST(!contains(init.errors(), "ready;"), init.errors());
    mariadb.query("SET GLOBAL init_connect = ''");
    expect_ready(by_socket());
}

BOOST_FIXTURE_TEST_CASE(is_ready_where_only_its_own_record_cannot_be_written_and_says_what_that_costs, Fixture) {
    const auto record = directory / "state/init";
    fs::create_directories(record);
    const auto done = tool(by_socket(), {"init"});
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(contains(done.errors, "warning: cannot write " + record.string() + ": Is a directory"), done.errors);
    BOOST_TEST(contains(done.errors, "after a factory reset run this again by hand"), done.errors);
    BOOST_TEST(contains(done.errors, "ready; next: ceymail-token generate"), done.errors);
}

// On a file system of one page, which another file has.
BOOST_FIXTURE_TEST_CASE(makes_no_account_whose_password_cannot_be_kept, Fixture) {
    const auto small = directory / "small";
    fs::create_directory(small);
    const auto configuration = write_configuration(
        directory, by_socket({{"database_user", "reader"}, {"database_option_file", small / "reader.cnf"}}));
    const auto done = run({.arguments = {"unshare", "--mount", "--propagation", "private", "sh", "-c",
                                         "mount -t tmpfs -o size=4k of-tests \"$1\" && echo x >\"$1/file\" && "
                                         "{ \"$2\" init --config \"$3\"; code=$?; ls \"$1\"; exit $code; }",
                                         "sh", small, built_program("ceymail-token"), configuration}});
    BOOST_TEST(done.status == 71);
    BOOST_TEST(contains(done.errors, "cannot write to " + (small / "reader.cnf.new: No space left on device").string()),
               done.errors);
    BOOST_TEST(done.output == "file\n");
    BOOST_TEST(mariadb.query("SELECT COUNT(*) FROM mysql.user WHERE User = 'reader'") == "0\n");
}

// What stood in the way was taken away by another administrator, so that the look-up finds nothing.
BOOST_FIXTURE_TEST_CASE(names_the_account_where_nothing_is_found_that_stands_in_the_way, Fixture) {
    expect_ready(by_socket());
    database::Connection administrator(mariadb.address());
    const database::Account account{.user = "nobody", .host = "localhost"};
    const auto deadline = util::BootClock::now() + 5s;
    BOOST_TEST(database::login_obstacle(administrator, account, {util::ErrorKind::denied, 1045, "denied"}, deadline) ==
               "MariaDB refuses it (error 1045), and what stands in the way was not found; look at: SHOW CREATE USER "
               "'nobody'@'localhost'");
    BOOST_TEST(database::login_as_another(administrator, account, "nobody@127.0.0.%", deadline) ==
               "MariaDB chooses account 'nobody'@'127.0.0.%' instead; if nothing else uses that, run in MariaDB: DROP "
               "USER 'nobody'@'127.0.0.%'");
}

BOOST_AUTO_TEST_SUITE_END()
