// SPDX-License-Identifier: MIT
// Connection with real and false servers: each failure comes in time, with its kind and message, and is recovered from.
#include "ceymail/database/connection.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/test/unit_test.hpp>

#include "ceymail/database/statement.hpp"
#include "ceymail/util/fd.hpp"
#include "support/database_proxy.hpp"
#include "support/mariadb_server.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using database::Connection;
using util::ErrorKind;

namespace {

util::BootTime in(std::chrono::milliseconds time) { return util::BootClock::now() + time; }

void require(const util::Result<void>& result) {
    BOOST_TEST_REQUIRE(result.has_value(), (result ? "" : result.error().message));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Listens on a Unix socket. Sends `greeting` to each client in single bytes, one every 20 ms, and then nothing.
class FalseServer {
public:
    explicit FalseServer(std::string greeting) : m_greeting(std::move(greeting)) {
        m_listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        socket().string().copy(name.sun_path, sizeof name.sun_path - 1);
        BOOST_TEST_REQUIRE(::bind(m_listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        BOOST_TEST_REQUIRE(::listen(m_listener.get(), 8) == 0);
        m_thread = std::jthread([this] { serve(); });
    }
    ~FalseServer() {
        m_stop = true;
        ::shutdown(m_listener.get(), SHUT_RDWR);
    }
    std::filesystem::path socket() const { return m_directory / "socket"; }

private:
    void serve() {
        while (!m_stop) {
            const util::Fd caller(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::size_t sent = 0;
            while (caller && !m_stop) {
                if (sent < m_greeting.size() && ::send(caller.get(), &m_greeting[sent++], 1, MSG_NOSIGNAL) < 0) break;
                std::this_thread::sleep_for(20ms);
                char byte = 0;
                if (::recv(caller.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) break;
            }
        }
    }

    TemporaryDirectory m_directory;
    std::string m_greeting;
    util::Fd m_listener;
    std::atomic<bool> m_stop = false;
    std::jthread m_thread;
};

// A server that wants the password in the way of its choice: it greets, and answers the login by asking for another
// plug-in, with `data` for it. Keeps what the client says after that.
class GreedyServer {
public:
    GreedyServer(std::string plugin, std::string data) : m_plugin(std::move(plugin)), m_data(std::move(data)) {
        m_listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        socket().string().copy(name.sun_path, sizeof name.sun_path - 1);
        BOOST_TEST_REQUIRE(::bind(m_listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        BOOST_TEST_REQUIRE(::listen(m_listener.get(), 1) == 0);
        m_thread = std::jthread([this] { serve(); });
    }
    ~GreedyServer() { ::shutdown(m_listener.get(), SHUT_RDWR); }
    std::filesystem::path socket() const { return m_directory / "socket"; }

    // Waits until the client has hung up. Call it once.
    std::string said() {
        m_thread.join();
        return m_said;
    }

private:
    static std::string packet(char number, const std::string& payload) {
        std::string header(4, '\0');
        header[0] = static_cast<char>(payload.size());
        header[3] = number;
        return header + payload;
    }
    static std::string receive(int client) {
        std::string text(4096, '\0');
        const auto got = ::recv(client, text.data(), text.size(), 0);
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return text;
    }
    void serve() {
        using namespace std::string_literals;
        const util::Fd client(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!client) return;
        constexpr timeval k_patience{5, 0};
        ::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &k_patience, sizeof k_patience);
        // Source: MariaDB's documentation of the initial handshake packet, protocol 10. It has PLUGIN_AUTH and no TLS.
        const auto greeting = packet(0,
                                     "\x0a"s
                                     "5.5.5-10.11.6-MariaDB\0"s
                                     "\x01\0\0\0"s
                                     "12345678\0"s
                                     "\x0d\xa2"s
                                     "\x2d"s
                                     "\x02\0"s
                                     "\x0f\0"s
                                     "\x15"s +
                                         std::string(10, '\0') +
                                         "123456789012\0"s
                                         "mysql_native_password\0"s);
        ::send(client.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
        if (receive(client.get()).empty()) return;  // the login
        const auto change = packet(2, "\xfe"s + (m_plugin.empty() ? "" : m_plugin + '\0' + m_data));
        ::send(client.get(), change.data(), change.size(), MSG_NOSIGNAL);
        for (;;) {
            const auto more = receive(client.get());
            if (more.empty()) return;
            m_said += more;
        }
    }

    TemporaryDirectory m_directory;
    std::string m_plugin;
    std::string m_data;
    std::string m_said;
    util::Fd m_listener;
    std::jthread m_thread;
};

// A time-out must come at its deadline: not before it, and not much later.
void expect_time_out(const std::string& server, Connection& connection, std::chrono::milliseconds patience) {
    const auto start = util::BootClock::now();
    const auto result = connection.execute("DO 1", start + patience);
    const auto took = util::BootClock::now() - start;
    BOOST_TEST_CONTEXT(server) {
        BOOST_TEST_REQUIRE(!result.has_value());
        BOOST_TEST((result.error().kind == ErrorKind::timed_out));
        BOOST_TEST(contains(result.error().message, "no answer in time"));
        BOOST_TEST((took >= patience && took < patience + 250ms));
        BOOST_TEST(!connection.connected());
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(connection)

BOOST_AUTO_TEST_CASE(names_the_socket_and_the_cause_where_there_is_no_server) {
    Connection connection({.socket = "/no/such/mysqld.sock", .user = "nobody"});
    const auto result = connection.ensure(in(5s));
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().kind == ErrorKind::unavailable));
    BOOST_TEST(result.error().message ==
               "cannot reach MariaDB at /no/such/mysqld.sock: No such file or directory; start it with: systemctl "
               "start mariadb");
}

// Connector/C closes the socket of a failed attempt twice. Here other threads open files, which get the same number.
BOOST_AUTO_TEST_CASE(takes_no_descriptor_from_another_thread) {
    const TemporaryDirectory directory;
    std::atomic<std::size_t> taken{0};
    const auto open_and_look = [&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            const util::Fd own(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            for (int look = 0; look < 10; ++look) taken += ::fcntl(own.get(), F_GETFD) < 0 ? 1 : 0;
        }
    };
    std::array<std::jthread, 3> others{std::jthread(open_and_look), std::jthread(open_and_look),
                                       std::jthread(open_and_look)};
    for (const auto end = in(600ms); util::BootClock::now() < end;) {
        Connection connection({.socket = directory / "none", .host = {}, .port = 0, .user = "root", .option_file = {}});
        BOOST_TEST_REQUIRE(!connection.ensure(in(1s)).has_value());
    }
    for (auto& other : others) other = {};
    BOOST_TEST(taken == 0U);
}

BOOST_AUTO_TEST_CASE(holds_the_deadline_against_servers_that_never_finish) {
    const struct {
        const char* label;
        std::string greeting;
    } servers[] = {
        {"silent", ""},
        {"drips a greeting", std::string("\x4a\0\0\0\x0a", 5) + std::string(1000, '5')},
        {"drips a big packet", std::string("\xff\xff\x0f\0", 4) + std::string(1000, 'x')},
    };
    for (const auto& server : servers) {
        const FalseServer impostor(server.greeting);
        Connection connection({.socket = impostor.socket(), .user = "nobody"});
        expect_time_out(server.label, connection, 300ms);
        expect_time_out(server.label, connection, 100ms);  // and again, on a new connection
    }
}

BOOST_AUTO_TEST_CASE(treats_a_server_of_another_protocol_as_unreachable) {
    const struct {
        const char* label;
        std::string greeting;
    } servers[] = {{"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"},
                   {"an old greeting", std::string("\x05\0\0\0\x01hell", 9)},
                   {"a packet above 1 MiB", std::string("\xff\xff\xff\0", 4) + std::string(1000, 'x')}};
    for (const auto& server : servers) {
        const FalseServer impostor(server.greeting);
        Connection connection({.socket = impostor.socket(), .user = "nobody"});
        const auto result = connection.ensure(in(5s));
        BOOST_TEST_CONTEXT(server.label) {
            BOOST_TEST_REQUIRE(!result.has_value());
            BOOST_TEST((result.error().kind == ErrorKind::unavailable), result.error().message);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_an_option_file_that_is_missing_or_open_to_others) {
    const TemporaryDirectory directory;
    const auto open_file = directory.write("open.cnf", "[client]\n", std::filesystem::perms{0644});
    const auto group_file = directory.write("group.cnf", "[client]\n", std::filesystem::perms{0620});
    const struct {
        std::filesystem::path file;
        ErrorKind kind;
        std::string words;
    } files[] = {{directory / "missing.cnf", ErrorKind::not_found, "No such file"},
                 {open_file, ErrorKind::denied, "chmod 600 " + open_file.string()},
                 {group_file, ErrorKind::denied, "chmod 600 " + group_file.string()},
                 {directory.path(), ErrorKind::invalid, "no regular file"}};
    for (const auto& file : files) {
        Connection connection({.socket = "/no/such/socket", .user = "nobody", .option_file = file.file});
        const auto result = connection.ensure(in(5s));
        BOOST_TEST_CONTEXT(file.file) {
            BOOST_TEST_REQUIRE(!result.has_value());
            BOOST_TEST((result.error().kind == file.kind));
            BOOST_TEST(contains(result.error().message, file.words), result.error().message);
        }
    }
}

BOOST_FIXTURE_TEST_CASE(holds_the_deadline_against_a_stopped_server_and_recovers, MariadbServer) {
    Connection connection(address());
    require(connection.ensure(in(5s)));
    pause();
    expect_time_out("in a session", connection, 200ms);
    expect_time_out("connecting", connection, 200ms);
    resume();
    BOOST_TEST(connection.execute("DO 1", in(5s)).has_value());
}

BOOST_FIXTURE_TEST_CASE(survives_a_server_killed_within_a_statement, MariadbServer) {
    Connection connection(address());
    require(connection.ensure(in(5s)));
    const std::jthread killer([this] {
        std::this_thread::sleep_for(100ms);
        kill();
    });
    const auto result = connection.execute("DO SLEEP(20)", in(10s));
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().kind == ErrorKind::unavailable));
    BOOST_TEST(!connection.connected());
}

BOOST_FIXTURE_TEST_CASE(reconnects_after_a_restart, MariadbServer) {
    Connection connection(address());
    database::Statement statement(connection, "SELECT 7", "asking");
    BOOST_TEST_REQUIRE(statement.run(in(5s)).has_value());
    stop();
    BOOST_TEST((statement.run(in(1s)).error().kind == ErrorKind::unavailable));
    BOOST_TEST((statement.run(in(1s)).error().kind == ErrorKind::unavailable));
    start();
    const auto outcome = statement.run(in(5s));  // prepared in a session that has ended
    BOOST_TEST_REQUIRE(outcome.has_value());
    BOOST_TEST(outcome->rows.at(0).at(0).value() == "7");
}

BOOST_FIXTURE_TEST_CASE(sorts_the_servers_errors, MariadbServer) {
    query(
        "CREATE TABLE ceymail.pairs (id INT PRIMARY KEY) ENGINE = InnoDB; INSERT INTO ceymail.pairs VALUES (1234567)");
    const auto bystander = address("bystander", add_account("bystander", "secret"));
    const struct {
        database::Address address;
        const char* sql;
        ErrorKind kind;
        int code;
    } cases[] = {
        {address(), "DO nonsense", ErrorKind::not_found, 1054},
        {address(), "DELETE FROM ceymail.nothing", ErrorKind::not_found, 1146},
        {address(), "DROP TABLE nowhere.nothing", ErrorKind::internal, 1051},
        {address(), "USE nowhere", ErrorKind::not_found, 1049},
        {address(), "INSERT INTO ceymail.pairs VALUES (1234567)", ErrorKind::conflict, 1062},
        {address(), "INSERT 1234567", ErrorKind::internal, 1064},
        {address(), "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE ceymail.pairs", ErrorKind::internal, 4166},
        {bystander, "USE ceymail", ErrorKind::denied, 1044},
        {bystander, "DELETE FROM ceymail.pairs", ErrorKind::denied, 1142},
        {address("stranger", {}), "DO 1", ErrorKind::denied, 1698},
        {address(),
         "SET STATEMENT max_statement_time = 0.01 FOR DELETE FROM ceymail.pairs WHERE BENCHMARK(1000000000, MD5(id))",
         ErrorKind::timed_out, 1969},
    };
    for (const auto& c : cases) {
        Connection connection(c.address);
        const auto result = connection.execute(c.sql, in(5s));
        BOOST_TEST_CONTEXT(c.sql) {
            BOOST_TEST_REQUIRE(!result.has_value());
            BOOST_TEST(result.error().code == c.code, result.error().message);
            BOOST_TEST((result.error().kind == c.kind), result.error().message);
            BOOST_TEST(!contains(result.error().message, "1234567"), result.error().message);
        }
    }
}

BOOST_FIXTURE_TEST_CASE(keeps_its_session_after_an_error_of_a_statement, MariadbServer) {
    Connection connection(address());
    BOOST_TEST(!connection.execute("DO nonsense", in(5s)).has_value());
    BOOST_TEST(connection.connected());
    BOOST_TEST(!connection.execute("DO 1", util::BootClock::now()).has_value());  // no time at all
    BOOST_TEST(connection.connected());
    BOOST_TEST(connection.execute("DO 1", in(5s)).has_value());
}

// Every packet of the login and of the settings becomes an error in turn.
BOOST_FIXTURE_TEST_CASE(uses_no_session_whose_settings_the_server_refuses, MariadbServer) {
    DatabaseProxy proxy(directory() / "proxy.sock", socket());
    auto behind = address();
    behind.socket = directory() / "proxy.sock";
    std::size_t refused[2] = {};
    for (const auto reads : {database::Reads::as_server, database::Reads::causal}) {
        behind.reads = reads;
        for (std::size_t packets = 1; packets < 20; ++packets) {
            Connection connection(behind);
            database::Statement one(connection, "SELECT 1", "counting");
            proxy.inject(DatabaseFault::error, packets);
            const auto failed = one.run(in(5s));
            BOOST_TEST_REQUIRE(!failed.has_value(), packets);
            if (connection.connected()) break;  // the statement itself failed
            ++refused[reads == database::Reads::causal ? 1 : 0];
            proxy.inject(DatabaseFault::none);
            BOOST_TEST(one.run(in(5s)).has_value(), packets);
        }
    }
    BOOST_TEST(refused[0] > 0U);
    BOOST_TEST(refused[1] == refused[0] + 1);
}

BOOST_FIXTURE_TEST_CASE(uses_its_own_settings_with_any_server_defaults, MariadbServer) {
    query("SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES', GLOBAL time_zone = '+05:30', GLOBAL autocommit = 0");
    Connection connection(address());
    database::Statement settings(connection, "SELECT @@autocommit, @@time_zone, @@sql_mode, @@character_set_client",
                                 "asking");
    const auto outcome = settings.run(in(5s));
    BOOST_TEST_REQUIRE(outcome.has_value(), (outcome ? "" : outcome.error().message));
    const auto& row = outcome->rows.at(0);
    BOOST_TEST(row[0].value() == "1");
    BOOST_TEST(row[1].value() == "+00:00");
    BOOST_TEST(row[2].value() == "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION");
    BOOST_TEST(row[3].value() == "utf8mb4");
}

BOOST_FIXTURE_TEST_CASE(carries_every_kind_of_value_both_ways, MariadbServer) {
    using namespace std::string_view_literals;
    Connection connection(address());
    database::Statement echo(connection, "SELECT ?, ?, ?, ?", "echoing");
    const std::array<database::Parameter, 4> parameters{std::uint64_t{18446744073709551615U}, "a'b\\\0\xc3\xa9"sv,
                                                        nullptr, ""sv};
    for (int i = 0; i < 2; ++i) {
        const auto outcome = echo.run(parameters, in(5s));
        BOOST_TEST_REQUIRE(outcome.has_value(), (outcome ? "" : outcome.error().message));
        const auto& row = outcome->rows.at(0);
        BOOST_TEST(row[0].value() == "18446744073709551615");
        BOOST_TEST(row[1].value() == "a'b\\\0\xc3\xa9"sv);
        BOOST_TEST(!row[2].has_value());
        BOOST_TEST(row[3].value() == "");
    }
}

// Of a statement that writes. Rows that stay unfetched would block the session.
BOOST_FIXTURE_TEST_CASE(refuses_rows_where_there_can_be_none_and_goes_on, MariadbServer) {
    Connection connection(address());
    const auto rows = connection.execute("SELECT 1", in(5s));
    BOOST_TEST_REQUIRE(!rows.has_value());
    BOOST_TEST(contains(rows.error().message, "it gave rows"), rows.error().message);
    BOOST_TEST(connection.execute("DO 1", in(5s)).has_value());
}

BOOST_FIXTURE_TEST_CASE(takes_no_packet_of_more_than_a_mebibyte, MariadbServer) {
    Connection connection(address());
    database::Statement fits(connection, "SELECT REPEAT('x', 1000000)", "asking");
    BOOST_TEST(fits.run(in(5s)).has_value());
    database::Statement huge(connection, "SELECT REPEAT('x', 2000000)", "asking");
    BOOST_TEST(!huge.run(in(5s)).has_value());
    BOOST_TEST(connection.execute("DO 1", in(5s)).has_value());
}

// The other processes of the service begin by execve(2).
BOOST_FIXTURE_TEST_CASE(leaves_no_session_to_another_program, MariadbServer) {
    const auto open_ones = [] {
        std::vector<int> numbers;
        for (int fd = 0; fd < 256; ++fd)
            if (::fcntl(fd, F_GETFD) >= 0) numbers.push_back(fd);
        return numbers;
    };
    const auto before = open_ones();
    Connection connection(address());
    require(connection.ensure(in(5s)));
    int opened = 0;
    for (const int fd : open_ones()) {
        if (std::ranges::binary_search(before, fd)) continue;
        ++opened;
        BOOST_TEST((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    BOOST_TEST(opened > 0);
}

BOOST_FIXTURE_TEST_CASE(refuses_more_rows_than_there_can_be, MariadbServer) {
    Connection connection(address());
    database::Statement flood(connection, "SELECT seq FROM ceymail.seq_1_to_1001", "flooding");
    const auto outcome = flood.run(in(5s));
    BOOST_TEST_REQUIRE(!outcome.has_value());
    BOOST_TEST(contains(outcome.error().message, "more rows"), outcome.error().message);
    BOOST_TEST(connection.execute("DO 1", in(5s)).has_value());
}

BOOST_FIXTURE_TEST_CASE(takes_a_password_from_the_option_file_and_nothing_else, MariadbServer) {
    const auto file = add_account("guest", "correct horse");
    auto text = slurp(file);
    const auto astray = directory() / "astray.cnf";
    std::ofstream(astray) << text << "socket=/no/such/socket\nuser=somebody\nhost=203.0.113.1\n";
    std::filesystem::permissions(astray, std::filesystem::perms{0600});
    Connection connection(address("guest", astray));
    require(connection.ensure(in(5s)));
}

// Whatever the version of Connector/C: before 3.3.0 it has no list of allowed plug-ins.
BOOST_AUTO_TEST_CASE(gives_the_password_to_no_server_that_wants_it_in_another_way) {
    using namespace std::string_literals;
    const TemporaryDirectory directory;
    const auto file = directory.write("own.cnf", "[client]\npassword=correct horse\n", std::filesystem::perms{0600});
    const auto scramble = "abcdefghijklmnopqrst\0"s;
    const struct {
        const char* label;
        std::string plugin;
        std::string data;
    } servers[] = {
        {"in clear text", "mysql_clear_password", ""},
        {"by a dialog", "dialog", "\x04Password: "},
        {"under the server's key", "sha256_password", scramble},
        {"under the server's key, newer", "caching_sha2_password", scramble},
        {"with Kerberos", "auth_gssapi_client", "mariadb/host\0mech\0"s},
        {"by MySQL 4.0's hash", "mysql_old_password", "abcdefgh\0"s},
        {"by MySQL 4.0's hash, as MySQL 4.1 asks for it", "", ""},
        {"by a file elsewhere", "../../../../../../tmp/plugin", ""},
    };
    for (const auto& server : servers) {
        GreedyServer greedy(server.plugin, server.data);
        std::string message;
        {
            Connection connection({.socket = greedy.socket(), .user = "nobody", .option_file = file});
            const auto result = connection.ensure(in(5s));
            if (!result) message = result.error().message;
        }
        const auto said = greedy.said();
        BOOST_TEST_CONTEXT(server.label << ": " << message) {
            BOOST_TEST(message != "");
            BOOST_TEST(said.size() <= 5U, said.size()
                                              << " bytes: " << said);  // at most the header and the end of a session
            BOOST_TEST(!contains(said, "correct"));
        }
    }
}

BOOST_FIXTURE_TEST_CASE(signs_in_by_the_ways_that_keep_the_password, MariadbServer) {
    query("INSTALL SONAME 'auth_ed25519'");
    query("CREATE USER elliptic@localhost IDENTIFIED VIA ed25519 USING PASSWORD('correct horse')");
    query("CREATE USER hashed@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('correct horse')");
    for (const std::string user : {"elliptic", "hashed"}) {
        const auto file = directory() / (user + ".cnf");
        std::ofstream(file) << "[client]\npassword=correct horse\n";
        std::filesystem::permissions(file, std::filesystem::perms{0600});
        Connection connection(address(user, file));
        const auto result = connection.ensure(in(5s));
        BOOST_TEST(result.has_value(), user << ": " << (result ? "" : result.error().message));
    }
}

BOOST_AUTO_TEST_SUITE_END()
