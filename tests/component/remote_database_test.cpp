// SPDX-License-Identifier: MIT
// MariaDB over TCP: TLS with verification, with a real server and test certificates, and passwords in the server's
// logs.
#include <chrono>
#include <fstream>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/native_password.hpp"
#include "ceymail/database/statement.hpp"
#include "support/forked_child.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/mount_namespace.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using database::Connection;
using util::ErrorKind;

namespace {

namespace fs = std::filesystem;

util::BootTime in(std::chrono::milliseconds time) { return util::BootClock::now() + time; }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// A certificate authority: DIR/ca.pem, and certificates that it signs.
struct Authority {
    Authority() { certify("ca", {"-subj", "/CN=a CA of tests", "-addext", "keyUsage=critical,keyCertSign"}); }
    void sign(const std::string& name, const std::string& names, const std::string& usage) const {
        certify(name, {"-CA", directory / "ca.pem", "-CAkey", directory / "ca.key", "-subj", "/CN=" + name, "-addext",
                       "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=" + usage, "-addext",
                       "subjectAltName=" + names});
    }
    void certify(const std::string& name, const std::vector<std::string>& more) const {
        std::vector<std::string> arguments{"openssl",
                                           "req",
                                           "-x509",
                                           "-newkey",
                                           "ec",
                                           "-pkeyopt",
                                           "ec_paramgen_curve:prime256v1",
                                           "-noenc",
                                           "-days",
                                           "7",
                                           "-keyout",
                                           directory / (name + ".key"),
                                           "-out",
                                           directory / (name + ".pem")};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto done = run({.arguments = arguments});
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    }
    fs::path file(const std::string& name) const { return directory / name; }
    TemporaryDirectory directory;
};

std::vector<std::string> over_tcp(int port, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--skip-networking=0", "--bind-address=127.0.0.1", "--port=" + std::to_string(port)});
    return more;
}

std::vector<std::string> with_tls(const Authority& authority, const std::string& certificate) {
    return {"--ssl-ca=" + authority.file("ca.pem").string(),
            "--ssl-cert=" + authority.file(certificate + ".pem").string(),
            "--ssl-key=" + authority.file(certificate + ".key").string()};
}

// A server over TCP, and an account that logs in with a password.
struct Server {
    explicit Server(const std::vector<std::string>& options = {}) : mariadb(over_tcp(port, options)) {
        mariadb.query("CREATE USER reader@'%' IDENTIFIED BY 'a long word'");
        option_file = mariadb.directory() / "reader.cnf";
        std::ofstream(option_file) << "[client]\npassword=a long word\n";
        fs::permissions(option_file, fs::perms{0600});
    }
    util::Result<std::string> cipher(const database::Tls& tls) const {
        Connection connection({.host = "127.0.0.1",
                               .port = static_cast<std::uint16_t>(port),
                               .user = "reader",
                               .option_file = option_file,
                               .tls = tls});
        database::Statement statement(connection, "SHOW STATUS LIKE 'Ssl_cipher'", "asking");
        auto outcome = statement.run(in(5s));
        if (!outcome) return std::unexpected(outcome.error());
        return outcome->rows.at(0).at(1).value_or("");
    }
    void expect_refusal(const database::Tls& tls, ErrorKind kind, const std::string& words) const {
        const auto got = cipher(tls);
        BOOST_TEST_REQUIRE(!got.has_value(), words);
        BOOST_TEST((got.error().kind == kind), got.error().message);
        BOOST_TEST(contains(got.error().message, words), got.error().message);
    }
    int port = free_port();
    MariadbServer mariadb;
    fs::path option_file;
};

constexpr const char* k_tls_remedy = "MariaDB must have TLS on, with a certificate of database_tls_ca that names";

}  // namespace

BOOST_AUTO_TEST_SUITE(remote_database)

BOOST_AUTO_TEST_CASE(is_reached_by_tls_with_the_ca_of_its_certificate_and_with_no_other) {
    const Authority authority;
    const Authority other;
    authority.sign("server", "IP:127.0.0.1", "serverAuth");
    const Server server(with_tls(authority, "server"));
    const auto cipher = server.cipher({.ca = authority.file("ca.pem")});
    BOOST_TEST_REQUIRE(cipher.has_value(), (cipher ? "" : cipher.error().message));
    BOOST_TEST(cipher->starts_with("TLS_"), *cipher);
    BOOST_TEST(server.cipher({}).value_or("?") == "");  // no TLS without a CA

    server.expect_refusal({.ca = other.file("ca.pem")}, ErrorKind::unavailable, k_tls_remedy);
    server.expect_refusal({.ca = "/nonexistent/ca.pem"}, ErrorKind::not_found,
                          "cannot read database_tls_ca /nonexistent/ca.pem");
    const auto junk = authority.directory.write("junk.pem", "no certificate\n");
    server.expect_refusal({.ca = junk}, ErrorKind::unavailable, k_tls_remedy);
}

// Name servers that do not answer. The system waits for them for 15 s and more.
BOOST_AUTO_TEST_CASE(is_not_waited_for_longer_where_no_name_server_answers) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    ForkedChild child([] {
        if (!enter_mount_namespace()) return 1;
        const TemporaryDirectory directory;
        const auto servers = directory.write("resolv.conf", "nameserver 127.66.53.1\n");
        if (::mount(servers.c_str(), fs::canonical("/etc/resolv.conf").c_str(), nullptr, MS_BIND, nullptr) != 0)
            return 1;
        const util::Fd silent(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(53);
        address.sin_addr.s_addr = ::inet_addr("127.66.53.1");
        if (::bind(silent.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 2;
        const auto start = util::BootClock::now();
        Connection connection({.host = "db.example.org", .user = "reader"});
        const auto outcome = database::Statement(connection, "SELECT 1", "asking").run(in(500ms));
        if (outcome || outcome.error().kind != ErrorKind::timed_out) return 3;
        if (!outcome.error().message.contains("host db.example.org: no answer in time; look at the name servers"))
            return 4;
        return util::BootClock::now() - start < 3s ? 0 : 5;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(is_reached_by_a_name_and_the_error_of_another_name_says_so) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const Server server;
    ForkedChild child([&] {
        if (!enter_mount_namespace()) return 3;
        const TemporaryDirectory directory;
        const auto names = directory.write("hosts", "127.0.0.1 db.example.org\n");
        if (::mount(names.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) != 0) return 3;
        const auto ask = [&](const std::string& host) {
            Connection connection({.host = host,
                                   .port = static_cast<std::uint16_t>(server.port),
                                   .user = "reader",
                                   .option_file = server.option_file});
            return database::Statement(connection, "SELECT 1", "asking").run(in(5s));
        };
        if (!ask("db.example.org")) return 1;
        const auto unknown = ask("db.invalid");
        return !unknown && unknown.error().message.contains("cannot look up MariaDB's host db.invalid: ") ? 0 : 2;
    });
    BOOST_TEST(child.wait() == 0);
}

// Connector/C 3.3 tries one after the other. An older one looks for a host with the whole name.
BOOST_AUTO_TEST_CASE(may_be_a_list_of_hosts) {
    Connection connection({.host = "127.0.0.1,127.0.0.2", .port = 1, .user = "reader"});
    const auto outcome = connection.ensure(in(5s));
    BOOST_TEST_REQUIRE(!outcome.has_value());
    BOOST_TEST(contains(outcome.error().message, "cannot reach MariaDB at 127.0.0.1,127.0.0.2:1: "),
               outcome.error().message);
}

BOOST_AUTO_TEST_CASE(must_be_named_by_its_certificate) {
    const Authority authority;
    authority.sign("server", "DNS:db.example.org,IP:192.0.2.5", "serverAuth");
    const Server server(with_tls(authority, "server"));
    server.expect_refusal({.ca = authority.file("ca.pem")}, ErrorKind::unavailable, k_tls_remedy);
}

BOOST_AUTO_TEST_CASE(is_refused_where_it_answers_without_tls) {
    const Authority authority;
    const Server server;
    server.expect_refusal({.ca = authority.file("ca.pem")}, ErrorKind::unavailable, "TLS on");
    // No line of an option file changes that.
    std::ofstream(server.option_file, std::ios::app)
        << "skip-ssl\nssl-verify-server-cert=0\ndisable-ssl-verify-server-cert\nssl=0\nssl-ca=/nonexistent\n";
    server.expect_refusal({.ca = authority.file("ca.pem")}, ErrorKind::unavailable, "TLS on");
    BOOST_TEST(server.cipher({}).has_value());
}

BOOST_AUTO_TEST_CASE(no_line_of_an_option_file_turns_the_verification_off) {
    const Authority authority;
    const Authority other;
    authority.sign("server", "IP:127.0.0.1", "serverAuth");
    const Server server(with_tls(authority, "server"));
    std::ofstream(server.option_file, std::ios::app)
        << "ssl-verify-server-cert=0\ndisable-ssl-verify-server-cert\nssl-ca=" << authority.file("ca.pem").string()
        << "\n";
    server.expect_refusal({.ca = other.file("ca.pem")}, ErrorKind::unavailable, k_tls_remedy);
}

BOOST_AUTO_TEST_CASE(takes_a_certificate_of_ours_where_the_account_asks_for_one) {
    const Authority authority;
    authority.sign("server", "IP:127.0.0.1", "serverAuth");
    authority.sign("client", "DNS:mail.example.org", "clientAuth");
    const Server server(with_tls(authority, "server"));
    server.mariadb.query("ALTER USER reader@'%' REQUIRE X509");
    const database::Tls tls{authority.file("ca.pem"), authority.file("client.pem"), authority.file("client.key")};
    const auto cipher = server.cipher(tls);
    BOOST_TEST(cipher.has_value(), (cipher ? "" : cipher.error().message));
    server.expect_refusal({.ca = authority.file("ca.pem")}, ErrorKind::denied, "Access denied");

    fs::permissions(tls.key, fs::perms{0644});
    server.expect_refusal(tls, ErrorKind::denied, "chmod 600 " + tls.key.string());
}

BOOST_AUTO_TEST_CASE(is_reached_by_the_configuration_of_all_programs) {
    const Authority authority;
    authority.sign("server", "IP:127.0.0.1", "serverAuth");
    const Server server(with_tls(authority, "server"));
    server.mariadb.query(
        "CREATE USER boss@'%' IDENTIFIED BY 'a long word' REQUIRE SSL;"
        "GRANT ALL ON *.* TO boss@'%' WITH GRANT OPTION");
    const TemporaryDirectory directory;
    const Settings settings{{"database_host", "127.0.0.1"},
                            {"database_port", std::to_string(server.port)},
                            {"database_tls_ca", authority.file("ca.pem")},
                            {"database_option_file", directory / "worker.cnf"},
                            {"user", "nobody"}};
    const auto configuration = write_configuration(directory, settings);
    const auto tool = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", configuration, "--database-user", "boss",
                                           "--database-option-file", server.option_file});
        return run({.arguments = arguments});
    };
    const auto init = tool({"init"});
    BOOST_TEST(init.status == 0, init.errors);
    server.mariadb.query("ALTER USER `ceymail-metrics`@'%' REQUIRE SSL");
    auto token = tool({"generate"}).output;
    BOOST_TEST_REQUIRE(token.size() == 60U);
    token.pop_back();
    const auto once =
        run({.arguments = {built_program("ceymail-metrics"), "--config", configuration, "--once"}, .input = " "});
    BOOST_TEST(contains(once.output, "\nceymail_database_up 1\n"), once.errors);
    BOOST_TEST(contains(once.output, "\nceymail_mailboxes_total 12\n"), once.errors);
    // Worker and gatherer, which Landlock confines.
    const ResponderProcess responder(settings);
    const auto answer = responder.ask({.token = token});
    BOOST_TEST(answer.status == 200, responder.log());
    BOOST_TEST(answer.has_line("ceymail_mailboxes_total 12"), responder.log());
}

BOOST_AUTO_TEST_CASE(no_program_starts_with_another_host_in_clear) {
    const TemporaryDirectory directory;
    const auto configuration = directory.write("x.conf", "database_host = 192.0.2.5\n");
    const std::vector<std::vector<std::string>> commands{
        {built_program("ceymail-metrics"), "--config", configuration, "--once"},
        {built_program("ceymail-metrics"), "--config", configuration},
        {built_program("ceymail-settings"), "--config", configuration},
        {built_program("ceymail-token"), "status", "--config", configuration},
        {built_program("ceymail-token"), "init", "--config", configuration}};
    for (const auto& command : commands) {
        const auto refused = run({.arguments = command, .input = " "});
        BOOST_TEST(refused.status == 78, command.front());
        BOOST_TEST(contains(refused.errors, "give database_tls_ca"), refused.errors);
        BOOST_TEST(contains(refused.errors, "or database_plain_tcp = yes"), refused.errors);
    }
}

BOOST_AUTO_TEST_CASE(no_log_of_it_holds_a_password_that_init_sets) {
    const TemporaryDirectory directory;
    std::vector<std::string> options{"--log-bin=" + (directory / "binary").string(),
                                     "--server-id=1",
                                     "--general-log=1",
                                     "--general-log-file=" + (directory / "general.log").string(),
                                     "--slow-query-log=1",
                                     "--long-query-time=0",
                                     "--slow-query-log-file=" + (directory / "slow.log").string(),
                                     "--plugin-load-add=server_audit",
                                     "--server-audit-logging=ON",
                                     "--server-audit-file-path=" + (directory / "audit.log").string(),
                                     "--plugin-load-add=sql_errlog",
                                     "--sql-error-log-filename=" + (directory / "errors.log").string()};
    // A plug-in that validates passwords, so that init must send the password itself.
    if (MariadbServer::has_plugin("password_reuse_check")) {
        options.emplace_back("--plugin-load-add=password_reuse_check");
    } else {
        options.insert(options.end(),
                       {"--plugin-load-add=simple_password_check", "--simple-password-check-digits=0",
                        "--simple-password-check-letters-same-case=0", "--simple-password-check-other-characters=0"});
    }
    Server server(options);
    server.mariadb.query(
        "SET GLOBAL strict_password_validation = OFF; CREATE USER boss@'%' IDENTIFIED BY 'a long word';"
        "GRANT ALL ON *.* TO boss@'%' WITH GRANT OPTION; SET GLOBAL strict_password_validation = ON");
    const auto configuration =
        directory.write("tool.conf", "database_host = 127.0.0.1\ndatabase_port = " + std::to_string(server.port) +
                                         "\ndatabase_option_file = " + (directory / "worker.cnf").string() + "\n");
    const auto init = [&] {
        return run({.arguments = {built_program("ceymail-token"), "init", "--config", configuration, "--database-user",
                                  "boss", "--database-option-file", server.option_file}});
    };
    BOOST_TEST(init().status == 78);  // it fails while it gives the account its password: into the log of errors
    server.mariadb.query("SET GLOBAL strict_password_validation = OFF");
    const auto done = init();
    BOOST_TEST(done.status == 0, done.errors);
    server.mariadb.query("FLUSH LOGS");
    const auto option_file = slurp(directory / "worker.cnf");
    const auto password = option_file.substr(option_file.find("password=") + 9, 59);
    const auto hash = database::native_password_hash(password);
    BOOST_TEST(server.mariadb.query("SELECT PASSWORD('" + password.substr(0, 3) + "')") ==
               database::native_password_hash(password.substr(0, 3)) + "\n");
    std::size_t seen = 0;
    for (const auto& entry : fs::directory_iterator(directory.path())) {
        if (entry.path().filename() == "worker.cnf") continue;
        const auto text = slurp(entry.path());
        BOOST_TEST(!contains(text, password), entry.path());
        if (contains(text, hash)) ++seen;  // so they are the logs in which it would have been
    }
    BOOST_TEST(seen >= 2U);
    BOOST_TEST(!contains(server.mariadb.log(), password));
    for (const char* const name : {"general.log", "slow.log", "audit.log", "errors.log", "binary.000001"})
        BOOST_TEST(contains(slurp(directory / name), "CREATE USER"), name);
}

BOOST_AUTO_TEST_SUITE_END()
