// SPDX-License-Identifier: MIT
// The command line of ceymail-metrics: options, errors, --once, --check.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <list>
#include <optional>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/admission/rate_table.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/time_format.hpp"
#include "support/failing_calls.hpp"
#include "support/forked_child.hpp"
#include "support/hung_mount.hpp"
#include "support/mount_namespace.hpp"
#include "support/responder_process.hpp"
#include "support/token_database.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::testing;

Finished metrics(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), built_program("ceymail-metrics"));
    return run({.arguments = std::move(arguments), .input = " "});
}

bool says(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

BOOST_AUTO_TEST_SUITE(command_line)

BOOST_AUTO_TEST_CASE(a_mistake_is_one_line_with_a_remedy_and_its_exit_code) {
    const TemporaryDirectory directory;
    const auto with = [&](const Settings& settings) { return write_configuration(directory, settings).string(); };
    struct {
        const char* label;
        std::vector<std::string> arguments;
        int status;
        const char* words;
    } const cases[] = {
        {"unknown option", {"--bogus"}, EX_USAGE, "--bogus"},
        {"an abbreviation", {"--onc"}, EX_USAGE, "--onc"},
        {"a missing value", {"--config"}, EX_USAGE, "config"},
        {"an operand", {"metrics"}, EX_USAGE, "--help"},
        {"two modes", {"--once", "--check"}, EX_USAGE, "give one of them"},
        {"an address that nothing asks", {"--url", "https://localhost/"}, EX_USAGE, "--url belongs to --check"},
        {"a file that nothing compares", {"--token-file", "/dev/null"}, EX_USAGE, "--token-file belongs to --check"},
        {"no such configuration", {"--config", "/nonexistent.conf"}, EX_CONFIG, "/nonexistent.conf"},
    };
    for (const auto& c : cases) {
        const auto done = metrics(c.arguments);
        BOOST_TEST(done.status == c.status, c.label << ": " << done.status);
        BOOST_TEST(lines(done.errors) == 1U, c.label << ": " << done.errors);
        BOOST_TEST(says(done.errors, c.words), c.label << ": " << done.errors);
        BOOST_TEST(done.output == "", c.label);
    }
    const std::pair<Settings, const char*> settings[] = {
        {{{"workers", "0"}}, "workers"},
        {{{"bogus", "1"}}, "bogus"},
        {{{"listen", "udp:1"}}, "udp:1"},
        {{{"listen_group", "no-such-group"}}, "no-such-group"},
        {{{"runtime_directory", "/proc/self/none"}}, "/proc/self/none"},
        {{{"runtime_directory", "/dev/null"}}, "/dev/null"},
        {{{"user", "no-such-user"}}, "no-such-user"},
    };
    for (const auto& [wrong, words] : settings) {
        const auto done = metrics({"--config", with(wrong)});
        BOOST_TEST(done.status != 0, words);
        BOOST_TEST(lines(done.errors) == 1U, words << ": " << done.errors);
        BOOST_TEST(says(done.errors, words), words << ": " << done.errors);
        std::filesystem::remove_all(directory / "run");
    }
}

BOOST_AUTO_TEST_CASE(started_by_hand_it_says_how_it_is_started) {
    const TemporaryDirectory directory;
    const auto done = metrics({"--config", write_configuration(directory, {{"listen", ""}})});
    BOOST_TEST(done.status == EX_USAGE);
    BOOST_TEST(lines(done.errors) == 1U, done.errors);
    BOOST_TEST(says(done.errors, "--listen"));
}

BOOST_AUTO_TEST_CASE(tells_its_version_and_its_options) {
    BOOST_TEST(metrics({"--version"}).output == "ceymail-metrics " CEYMAIL_VERSION "\n");
    const auto help = metrics({"--help"});
    BOOST_TEST(help.status == EX_OK);
    for (const auto option :
         {"--config", "--listen", "--user", "--once", "--check", "--url", "--token-file", "--version", "--help"})
        BOOST_TEST(says(help.output, option), option);
}

BOOST_AUTO_TEST_CASE(once_prints_all_that_a_scrape_would) {
    const TokenDatabase database;
    const TemporaryDirectory directory;
    const auto done = metrics({"--config", write_configuration(directory, database.settings()), "--once"});
    BOOST_TEST(done.status == EX_OK);
    BOOST_TEST(done.errors == "");
    for (const auto name : {"ceymail_cpu_idle_jiffies ", "ceymail_queue_hold 0", "ceymail_domains_total ",
                            "ceymail_database_up 1", "ceymail_build_info{"}) {
        BOOST_TEST(says(done.output, std::string("\n") + name), name);
    }
    BOOST_TEST(!std::filesystem::exists(directory / "run"), "it makes nothing");
}

BOOST_AUTO_TEST_CASE(once_without_a_database_tells_of_the_rest) {
    const TemporaryDirectory directory;
    const auto done = metrics({"--config", write_configuration(directory), "--once"});
    BOOST_TEST(done.status == EX_OK);
    BOOST_TEST(says(done.output, "\nceymail_database_up 0\n"));
    BOOST_TEST(says(done.output, "\nceymail_memory_total_bytes "));
    BOOST_TEST(!says(done.output, "ceymail_domains_total"));
}

// The owners and modes of Postfix's directories: its group may write to maildrop, and no other user may read it.
BOOST_AUTO_TEST_CASE(once_counts_the_queues_with_no_right_but_the_capability) {
    const TemporaryDirectory directory;
    const auto configuration = write_configuration(directory);
    std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
    std::filesystem::copy(built_program("ceymail-metrics"), directory / "ceymail-metrics");  // others may not reach it
    directory.write("queue/maildrop/C3CD21F3E90", "");
    directory.write("queue/incoming/C3CD21F3E91", "");
    const std::string queue = directory / "queue";
    const auto owned = run({.arguments = {"sh", "-c",
                                          "cd '" + queue +
                                              "' && chmod 0700 * && chmod 0730 maildrop && "
                                              "chown postfix * && chgrp postdrop maildrop"}});
    BOOST_TEST_REQUIRE(owned.status == 0, owned.errors);
    const auto counted_with = [&](const std::string& capability) {
        const auto done = run({.arguments = {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                             "--inh-caps=-all" + capability, "--ambient-caps=-all" + capability,
                                             "--bounding-set=-all" + capability, directory / "ceymail-metrics",
                                             "--config", configuration, "--once"}});
        return done.output;
    };
    const auto counted = counted_with(",+dac_read_search");
    BOOST_TEST(says(counted, "\nceymail_queue_maildrop 1\n"), counted);
    BOOST_TEST(says(counted, "\nceymail_queue_incoming 1\n"), counted);
    BOOST_TEST(!says(counted_with(""), "ceymail_queue_"));
}

BOOST_AUTO_TEST_CASE(check_says_ok_of_each_part_when_all_is_well) {
    const TokenDatabase database;
    const TemporaryDirectory directory;
    const auto done = metrics({"--config", write_configuration(directory, database.settings()), "--check"});
    BOOST_TEST(done.status == EX_OK, done.output << done.errors);
    for (const auto part :
         {"configuration", "plan", "segment", "database", "token", "collector cpu", "collector memory",
          "collector disk", "collector queue", "collector services", "collector accounts"}) {
        BOOST_TEST(says("\n" + done.output, std::string("\n") + part + ": ok"), part);
    }
}

BOOST_AUTO_TEST_CASE(check_lists_certificates_and_the_newest_backup) {
    const TokenDatabase database;
    const TemporaryDirectory directory;
    const auto good = directory / "good.pem";
    const auto made =
        run({.arguments = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                           "-nodes", "-days", "90", "-subj", "/CN=x", "-keyout", directory / "key.pem", "-out", good}});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
    const auto garbage = directory.write("garbage.pem", "garbage");
    const auto backup = directory.write("backups/a.tar.gz", "12345");
    std::filesystem::last_write_time(backup, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    const auto configuration = write_configuration(
        directory, database.settings({{"certificate", "none\ncertificate = imap " + good.string() +
                                                          "\ncertificate = web " + garbage.string()},
                                      {"backup_directory", directory / "backups"}}));

    const auto once = metrics({"--config", configuration, "--once"});
    BOOST_TEST(says(once.output, "\nceymail_certificate_not_after_timestamp_seconds{name=\"imap\"} "), once.output);
    BOOST_TEST(!says(once.output, "{name=\"web\"}"));
    BOOST_TEST(says(once.output, "\nceymail_collector_success{collector=\"certificates\"} 0\n"));
    BOOST_TEST(says(once.output, "\nceymail_backup_last_bytes 5\n"));
    const auto fault = "cannot read the certificate " + garbage.string() +
                       " of web: there is no certificate in its first 64 kB; correct the file";
    BOOST_TEST(says(once.errors, "collector certificates: " + fault), once.errors);

    const auto checked = metrics({"--config", configuration, "--check"});
    BOOST_TEST(checked.status == EX_CONFIG);
    BOOST_TEST(says(checked.output, "\ncollector certificates: " + fault), checked.output);
    BOOST_TEST(says(checked.output, "\ncertificate imap: ok (" + good.string() + ", valid until "));
    BOOST_TEST(says(checked.output, "\nbackup: ok (the newest archive in " + (directory / "backups").string()));
}

BOOST_AUTO_TEST_CASE(check_names_what_is_wrong_and_the_remedy) {
    const TokenDatabase database;
    const TemporaryDirectory directory;
    const auto check = [&](const Settings& settings) {
        auto done = metrics({"--config", write_configuration(directory, settings), "--check"});
        BOOST_TEST(done.status == EX_CONFIG);
        return done.output;
    };
    BOOST_TEST(says(check({}), "\ndatabase: cannot reach MariaDB"));
    BOOST_TEST(says(check(database.settings({{"plan", "free"}})), "\nplan: free does not export metrics"));
    BOOST_TEST(
        says(check(database.settings({{"plan", "gold"}})),
             "\nplan: the plan \"gold\" is not known: every request is answered 403; set plan to one of free, "));
    BOOST_TEST(says(check(database.settings({{"queue_directory", "/nonexistent"}})), "/nonexistent"));
    BOOST_TEST(says(check(database.settings({{"database_dashboard", "elsewhere"}})), "\ndatabase: "));
    database.revoke();
    BOOST_TEST(says(check(database.settings()), "make one by ceymail-token generate"));
}

boost::test_tools::assertion_result can_mount_what_hangs(boost::unit_test::test_unit_id) {
    return HungMount::possible() && enter_mount_namespace();
}

// One dead mount, and --check of a configuration that names it.
struct CheckOfDeadMount {
    CheckOfDeadMount(const char* key, const char* its_line, HungMount::Requests requests = HungMount::Requests::left)
        : line(its_line),
          other(std::strcmp(key, "proc") == 0 ? "disk" : "memory"),
          dead(made(directory / "dead"), requests) {
        const auto configuration = write_configuration(directory, {{key, directory / "dead"}});
        check.emplace(
            ChildOptions{.arguments = {built_program("ceymail-metrics"), "--config", configuration, "--check"}});
    }

    static std::filesystem::path made(const std::filesystem::path& path) {
        std::filesystem::create_directory(path);
        return path;
    }

    const char* line;
    const char* other;  // a collector that does not read it
    TemporaryDirectory directory;
    HungMount dead;
    std::optional<ChildProcess> check{};
};

BOOST_AUTO_TEST_CASE(check_ends_where_a_mount_hangs, *boost::unit_test::precondition(can_mount_what_hangs)) {
    std::list<CheckOfDeadMount> checks;  // at a time
    checks.emplace_back("disk", "\ncollector disk: no answer within 6 s: disk = ");
    checks.emplace_back("disk", "\ncollector disk: no answer within 6 s: disk = ", HungMount::Requests::taken);
    checks.emplace_back("queue_directory", "\ncollector queue: no answer within 6 s: queue_directory = ");
    checks.emplace_back("runtime_directory", "\nsegment: no answer within 6 s: ");
    checks.emplace_back("mail_log", "\nmail log: no answer within 6 s: ");
    checks.emplace_back("fail2ban_log", "\ncollector mail_log: no answer within 6 s: ");
    checks.emplace_back("attach_state", "\ncollector attachment: no answer within 6 s: ");
    checks.emplace_back("backup_directory", "\ncollector backups: no answer within 6 s: ");
    checks.emplace_back("proc", "\ncollector memory: no answer within 6 s: ");
    for (auto& [line, other, directory, dead, check] : checks) {
        BOOST_TEST((check->wait(std::chrono::seconds(15)) == EX_CONFIG), line);
        const auto output = check->output();
        BOOST_TEST(says(output, line), line << ": " << output);
        for (const auto& rest : {std::string("\nplan: ok"), std::string("\ncollector ") + other + ": ok",
                                 std::string("\ncollector accounts: cannot reach MariaDB")})
            BOOST_TEST(says(output, rest), line << ": " << output);
    }
}

BOOST_AUTO_TEST_CASE(check_ends_where_its_configuration_hangs, *boost::unit_test::precondition(can_mount_what_hangs)) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "dead");
    const HungMount dead(directory / "dead");
    const auto done = metrics({"--config", directory / "dead/ceymail-metrics.conf", "--check"});
    BOOST_TEST(done.status == EX_CONFIG);
    BOOST_TEST(done.output.starts_with("configuration: no answer within 6 s: "), done.output);
}

// Returns: the line of that part of --check.
std::string checked(const Settings& settings, const std::string& part, std::vector<std::string> more = {}) {
    const TemporaryDirectory directory;
    std::vector<std::string> arguments{"--config", write_configuration(directory, settings), "--check"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto output = "\n" + metrics(arguments).output;
    const auto begin = output.find("\n" + part + ": ");
    return begin == std::string::npos ? output : output.substr(begin + 1, output.find('\n', begin + 1) - begin - 1);
}

BOOST_AUTO_TEST_CASE(check_asks_through_the_web_server) {
    std::pair<const char*, const char*> const cases[] = {
        {"localhost", "web server: localhost is no address; give https://HOST[:PORT]/PATH"},
        {"ftp://localhost/", "web server: ftp://localhost/ is no address"},
        {"https://127.0.0.1:1/", "web server: cannot connect to 127.0.0.1 port 1"},
        {"https://nowhere.invalid/", "web server: cannot find nowhere.invalid"},
    };
    for (const auto& [url, words] : cases) {
        const auto line = checked({}, "web server", {"--url", url});
        BOOST_TEST(line.starts_with(words), line);
    }
}

// --check of the configuration of a running responder.
std::string checked(const ResponderProcess& responder) {
    return "\n" + metrics({"--config", responder.configuration(), "--check"}).output;
}

BOOST_AUTO_TEST_CASE(check_finds_that_keep_alive_is_on) {
    const ResponderProcess responder;
    BOOST_TEST(says(checked(responder), "\nkeep-alive: ok (off)"));
    FastcgiClient server(responder.address());
    const auto pairs_of_scrape = pairs(Scrape{}.parameters());
    BOOST_TEST(server.send(begin_request(1, 1, 1) + params(pairs_of_scrape) + record(5, 1, "")));
    BOOST_TEST(!server.receive().empty());
    BOOST_TEST(server.closed(), "it is not kept all the same");
    BOOST_TEST(says(checked(responder), "\nkeep-alive: the web server asked"));
    BOOST_TEST(says(responder.log(), "asks to keep its connections"));
}

BOOST_AUTO_TEST_CASE(check_tells_of_a_client_that_sends_a_key_of_the_rest_api) {
    const TokenDatabase database;
    const ResponderProcess responder(database.settings());
    const auto words = "\nclients: warning: one sent a key of CeyMail's REST API ";
    static_cast<void>(responder.ask({.token = "ceymail_metrics_0123456789"}));
    BOOST_TEST(!says(checked(responder), words));
    static_cast<void>(responder.ask({.token = "ceymail_live_0123456789"}));
    BOOST_TEST(says(checked(responder), words), checked(responder));
}

BOOST_AUTO_TEST_CASE(check_compares_the_token_of_a_file) {
    const TokenDatabase database;
    const TemporaryDirectory directory;
    const auto line = [&](const std::string& content) {
        const auto file = directory.write("token", content, std::filesystem::perms{0600});  // root's
        return checked(database.settings(), "token file", {"--token-file", file});
    };
    const std::string name = "token file: " + (directory / "token").string();
    const std::string secret = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abcde";
    BOOST_TEST(line(std::string(" ") + TokenDatabase::k_token + "\r\n") ==
               "token file: ok (" + (directory / "token").string() + " holds the active token)");
    BOOST_TEST(line("ceymail_live_" + secret).starts_with(name + " holds a key of CeyMail's REST API"));
    BOOST_TEST(line("ceymail_metrics_" + secret + "\n").starts_with(name + " does not hold the active token"));
    for (const auto& content : {std::string(), "Bearer " + secret, secret + "\n" + secret, std::string(15, 'a')})
        BOOST_TEST(line(content).starts_with(name + " holds no token"), content);
    for (const auto& content : {"ceymail_metrics_" + secret.substr(1), "ceymail_metrics_" + secret + secret})
        BOOST_TEST(line(content).starts_with(name + " holds a damaged token: behind ceymail_metrics_ there are not"),
                   line(content));
    BOOST_TEST(line("ceymail_live_" + secret).find(secret) == std::string::npos, "it is not printed");
    BOOST_TEST(checked({}, "token file", {"--token-file", directory.write("token", secret)})
                   .starts_with("token file: warning: cannot be compared"));
    const auto missing = checked(database.settings(), "token file", {"--token-file", "/nonexistent"});
    BOOST_TEST(missing.starts_with("token file: cannot read /nonexistent"), missing);
}

BOOST_AUTO_TEST_CASE(check_names_a_token_that_came_back_and_a_missing_grant) {
    const TokenDatabase database;
    const TemporaryDirectory state;
    const auto token = [&] { return checked(database.settings({{"state_directory", state.path()}}), "token"); };
    const auto made_at = [&](const char* when) {
        database.server().query("UPDATE ceymail_dashboard.metrics_tokens SET created_at = '" + std::string(when) +
                                "' WHERE active = 1");
    };
    made_at("2026-01-02 03:04:05");
    BOOST_TEST(token() == "token: ok (one is active, made at 2026-01-02T03:04:05Z)");
    state.write("service/newest-token", "1767323045\n");
    BOOST_TEST(token().starts_with("token: ok"));
    state.write("service/newest-token", "1767323045 revoked\n");
    BOOST_TEST(
        token().starts_with("token: the active one, made at 2026-01-02T03:04:05Z, is an old one that came back: "
                            "it had been revoked"));
    state.write("service/newest-token", "1767323046\n");
    BOOST_TEST(says(token(), "one made at 2026-01-02T03:04:06Z had replaced it"), token());
    const std::string grant = "SELECT (created_at) ON ceymail_dashboard.metrics_tokens";
    database.server().query("REVOKE " + grant + " FROM responder@localhost");
    const auto closed = token();
    database.server().query("GRANT " + grant + " TO responder@localhost");
    BOOST_TEST(closed.starts_with("token: warning: one is active, but the service may not read when it was made"));
    BOOST_TEST(says(closed, "run: ceymail-token init"), closed);
}

// A line of the mail log by which an account hands in a message now.
std::string login(const std::string& account) {
    return util::utc_time(util::seconds_since_1970()) +
           " mx1 postfix/submission/smtpd[7]: E263217867B: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=" +
           account + "\n";
}

BOOST_AUTO_TEST_CASE(check_names_the_busiest_sender_to_root_and_to_nobody_else) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const TemporaryDirectory directory;
    const auto configuration = write_configuration(directory);
    const auto check = [&] { return "\n" + metrics({"--config", configuration, "--check"}).output; };
    BOOST_TEST(!says(check(), "busiest sender"), "there is no log yet");
    directory.write("mail.log", "");
    BOOST_TEST(says(check(), "\nbusiest sender: ok (no account handed in mail within the last hour)\n"), check());
    directory.write("mail.log", login("a@example.org") + login("b@example.org") + login("a@example.org"));
    BOOST_TEST(says(check(),
                    "\nbusiest sender: ok (\"a@example.org\" handed in 2 messages within the last hour; "
                    "2 accounts handed in mail)\n"),
               check());
    std::filesystem::copy(built_program("ceymail-metrics"), directory / "ceymail-metrics");  // others may not reach it
    const auto to_others = run({.arguments = {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                              directory / "ceymail-metrics", "--config", configuration, "--check"}});
    BOOST_TEST(says(to_others.output, "configuration: ok"), to_others.output << to_others.errors);
    BOOST_TEST(!says(to_others.output, "example.org"), to_others.output);
    BOOST_TEST(!says(to_others.output, "busiest"), to_others.output);
}

// A terminal would obey.
BOOST_AUTO_TEST_CASE(check_shows_any_name_on_one_line_of_printable_characters) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const TemporaryDirectory directory;
    const auto configuration = write_configuration(directory);
    const auto shown = [&](const std::string& account) {
        directory.write("mail.log", login(account));
        const auto output = "\n" + metrics({"--config", configuration, "--check"}).output;
        const auto begin = output.find("\nbusiest sender: ok (") + 1;
        return output.substr(begin, output.find(" handed in 1 message ", begin) - begin);
    };
    BOOST_TEST(shown("\x1b]0;title\x07\x1b[2J") == R"(busiest sender: ok ("\x1b]0;title\x07\x1b[2J")");
    BOOST_TEST(shown("\xc2\x9b"
                     "31m\xff\x80\r") == R"(busiest sender: ok ("\xc2\x9b31m\xff\x80\x0d")");
    BOOST_TEST(shown(R"(a"\b)") == R"(busiest sender: ok ("a\x22\x5cb")");
    BOOST_TEST(shown(std::string("a\0b", 3)) == R"(busiest sender: ok ("a\x00b")");
    BOOST_TEST(shown(std::string(300, 'x')) == "busiest sender: ok (\"" + std::string(64, 'x') + "\"...");
}

BOOST_AUTO_TEST_CASE(check_warns_when_all_come_from_one_inner_address) {
    const ResponderProcess responder;
    static_cast<void>(responder.ask({.address = "192.168.1.1"}));
    BOOST_TEST(says(checked(responder), "\nclients: warning: all requests of the last hour came from one address"));
    static_cast<void>(responder.ask({.address = "192.168.1.2"}));
    BOOST_TEST(says(checked(responder), "\nclients: ok"));
}

BOOST_AUTO_TEST_CASE(check_looks_at_the_capability_of_the_gatherer_that_runs) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    const ResponderProcess responder;
    BOOST_TEST(says(checked(responder), "\nservice: ok (runs, and its gatherer may count the mail queue)"));
    const TemporaryDirectory other;
    BOOST_TEST(says("\n" + metrics({"--config", write_configuration(other), "--check"}).output,
                    "\nservice: warning: no gatherer runs"));
}

// The service keeps to the configuration that it was started with.
BOOST_AUTO_TEST_CASE(check_tells_where_the_service_sees_something_else) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    const Settings users{{"settings_user", "nobody"}};  // it may ask the service, and so may root
    Settings wrong = users;
    wrong["queue_directory"] = "/nonexistent";
    {
        const ResponderProcess responder(users);
        BOOST_TEST(says(checked(responder), "\ncollector queue: ok (in the service too, "));
        write_configuration(responder.directory(), wrong);
        BOOST_TEST(says(checked(responder), "\ncollector queue: works in the service, "));
    }
    const ResponderProcess responder(wrong);
    BOOST_TEST(says(checked(responder), "\ncollector queue: cannot open the queue directory /nonexistent"));
    write_configuration(responder.directory(), users);
    BOOST_TEST(says(checked(responder),
                    "\ncollector queue: works from here, but not in the service: cannot open the "
                    "queue directory /nonexistent"));
    BOOST_TEST(says(checked(responder), "systemctl daemon-reload && systemctl restart ceymail-metrics"));
}

BOOST_AUTO_TEST_CASE(check_tells_of_a_site_that_lost_the_endpoint) {
    const TemporaryDirectory directory;
    const auto boot = ceymail::util::BootClock::now().time_since_epoch();
    const auto seconds = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(boot).count());
    const auto line = [&](const std::string& state) {
        return checked({{"attach_state", directory.write("state", state + " " + seconds + "\n")}}, "attachment");
    };
    BOOST_TEST(says(line("1"), "\ncollector attachment: ok\n"), line("1"));
    BOOST_TEST(!says(line("1"), "\nattachment: "));
    BOOST_TEST(line("0").starts_with("attachment: ceymail_attached is 0: the dashboard's site does not include the "
                                     "endpoint; ceymail-attach --check names the file"),
               line("0"));
    BOOST_TEST(checked({{"attach_state", directory / "none"}}, "collector attachment") == "collector attachment: ok");
}

BOOST_AUTO_TEST_CASE(a_wrong_key_of_the_page_does_not_end_the_scrapes) {
    const Settings wrong{{"settings_path", "nowhere"}, {"settings_plain_http", "perhaps"}};
    const ResponderProcess responder(wrong);
    BOOST_TEST(responder.ask({}).status != 0);
    for (const auto* const words : {": settings_path = nowhere: the value is not allowed; give a path that begins with",
                                    ": settings_plain_http = perhaps: the value is not allowed; give yes or no; only "
                                    "ceymail-settings reads this key, and does not start"})
        BOOST_TEST(says(responder.log(), words), responder.log());
    const std::string configuration = responder.directory() / "ceymail-metrics.conf";
    const auto check = metrics({"--config", configuration, "--check"});
    BOOST_TEST(check.status == EX_CONFIG);
    BOOST_TEST(check.output.starts_with("configuration: " + configuration + ": settings_path = nowhere: "),
               check.output);
    BOOST_TEST(says(check.output, "\nplan: ok"), check.output);
    const auto once = metrics({"--config", configuration, "--once"});
    BOOST_TEST(once.status == EX_OK);
    BOOST_TEST(says(once.output, "\nceymail_build_info"), once.output);
    const auto page = run({.arguments = {built_program("ceymail-settings"), "--config", configuration}});
    BOOST_TEST(page.status == EX_CONFIG);
    BOOST_TEST(says(page.errors, "settings_path = nowhere: the value is not allowed"), page.errors);
    const auto init = run({.arguments = {built_program("ceymail-token"), "--config", configuration, "init"}});
    BOOST_TEST(init.status == EX_CONFIG);
    const auto revoke = run({.arguments = {built_program("ceymail-token"), "--config", configuration, "revoke"}});
    BOOST_TEST(says(revoke.errors, "ceymail-token: warning: " + configuration + ": settings_path = nowhere: "),
               revoke.errors);
    BOOST_TEST(revoke.status == EX_UNAVAILABLE, "it went on, to a MariaDB that is not there");
}

BOOST_AUTO_TEST_CASE(check_judges_the_web_servers_of_the_host_and_not_those_of_containers) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    const ResponderProcess responder;
    // The kernel names a process after its file.
    const auto server = responder.directory() / "nginx";
    std::filesystem::copy_file("/bin/sleep", server);
    const auto running_as = [&](const std::string& user) {
        return std::vector<std::string>{
            "setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups", "--pdeathsig=KILL", server.string(),
            "60"};
    };
    const auto complains_of = [&](const std::string& user) {
        return says(checked(responder), "\nsocket: nginx runs in group " + user + " and may not connect");
    };
    const auto complains = [&] { return complains_of("games"); };
    {
        // Two, of which /proc may name either first.
        const ChildProcess other({.arguments = running_as("www-data")});
        BOOST_TEST(eventually([&] { return complains_of("www-data"); }), checked(responder));
        const ChildProcess on_host({.arguments = running_as("games")});
        BOOST_TEST(eventually(complains), checked(responder));
        BOOST_TEST(complains_of("www-data"), checked(responder));
    }
    auto in_container = running_as("games");
    in_container.insert(in_container.begin(), {"unshare", "--pid", "--fork", "--kill-child"});
    const ChildProcess container({.arguments = in_container});
    const auto runs = [&] { return run({.arguments = {"pgrep", "--exact", "--uid", "games", "nginx"}}).status == 0; };
    BOOST_TEST_REQUIRE(eventually(runs));
    BOOST_TEST(!complains());
}

BOOST_AUTO_TEST_CASE(check_tells_when_the_service_cannot_be_asked) {
    const ResponderProcess responder;
    std::filesystem::remove_all(responder.directory() / "run/page");
    BOOST_TEST(says(checked(responder), "\ncollectors: warning: the service does not tell what it sees: "));
}

// Like the unit's sandbox, the responder has its own mount namespace. Later mounts do not appear in it.
BOOST_AUTO_TEST_CASE(check_finds_that_the_service_counts_another_directory,
                     *boost::unit_test::precondition(can_mount_what_hangs)) {
    const ResponderProcess responder;
    BOOST_TEST(!says(checked(responder), "queue directory: "));
    BOOST_TEST_REQUIRE(enter_mount_namespace());
    const auto queue = responder.directory() / "queue";
    BOOST_TEST_REQUIRE(::mount("of-tests", queue.c_str(), "tmpfs", 0, nullptr) == 0);
    const auto line = checked(responder);
    BOOST_TEST(::umount(queue.c_str()) == 0);
    BOOST_TEST(says(line, "\nqueue directory: the service counts another directory than " + queue.string()), line);
}

BOOST_AUTO_TEST_CASE(check_warns_of_a_table_that_remove_ipc_would_empty) {
    const auto line = checked({{"runtime_directory", "/dev/shm/none"}}, "segment");
    BOOST_TEST(says(line, "RemoveIPC=yes"), line);
}

BOOST_AUTO_TEST_CASE(once_leaks_no_memory) {
    const TemporaryDirectory directory;
    // Only the leak report counts: libmariadb switches stacks, which valgrind reports as "invalid write".
    const auto done =
        run({.arguments = {"valgrind", "--vgdb=no", "--run-libc-freeres=no", "--leak-check=full",
                           "--suppressions=" + source("tests/support/valgrind.supp").string(),
                           built_program("ceymail-metrics"), "--config", write_configuration(directory), "--once"}},
            std::chrono::seconds(60));
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST((says(done.errors, "LEAK SUMMARY") || says(done.errors, "no leaks are possible")), done.errors);
    BOOST_TEST(!says(done.errors, "are definitely lost"), done.errors);
}

BOOST_AUTO_TEST_CASE(check_knows_the_addresses_of_this_host_and_of_private_networks) {
    const struct {
        const char* address;
        bool inner;
    } table[] = {
        {"127.0.0.1", true},   {"128.0.0.1", false},     {"10.0.0.1", true},        {"11.0.0.1", false},
        {"172.16.0.1", true},  {"172.31.255.255", true}, {"172.15.255.255", false}, {"172.32.0.0", false},
        {"192.168.1.1", true}, {"192.169.1.1", false},   {"100.64.0.1", true},      {"100.127.255.255", true},
        {"100.63.0.1", false}, {"100.128.0.1", false},   {"169.254.0.1", true},     {"169.255.0.1", false},
        {"::1", true},         {"fd00::1", true},        {"fc00::1", true},         {"fe00::1", false},
        {"fe80::1", true},     {"febf::1", true},        {"fec0::1", false},        {"2001:db8::1", false},
        {"fbff::1", false},
    };
    for (const auto& [address, inner] : table) {
        const TemporaryDirectory directory;
        const auto run_directory = directory / "run";
        std::filesystem::create_directory(run_directory);
        auto segment = shared::Segment::attach(run_directory);
        BOOST_TEST_REQUIRE(segment.has_value(), (segment ? "" : segment.error().message));
        admission::RateTable table_of_segment(segment->layout().rate, std::chrono::minutes(1), util::BootClock::now);
        const auto key = admission::parse_address_key(address);
        BOOST_TEST_REQUIRE(key.has_value(), address);
        BOOST_TEST((table_of_segment.admit(*key).admission == admission::Admission::admitted));
        BOOST_TEST_REQUIRE(run({.arguments = {"chown", "-R", "nobody", directory.path()}}).status == 0);
        const auto line = checked({{"runtime_directory", run_directory}}, "clients");
        BOOST_TEST(line.starts_with(inner ? "clients: warning: all requests" : "clients: ok"), address << ": " << line);
    }
}

BOOST_AUTO_TEST_CASE(check_tells_how_long_ago_the_last_scrape_was_noted) {
    const TokenDatabase database;
    const ResponderProcess responder(database.settings());
    BOOST_TEST(says(checked(responder), "\nsegment: ok (no scrape since it was made)\n"), checked(responder));
    BOOST_TEST(responder.ask({.token = TokenDatabase::k_token}).status == 200);
    BOOST_TEST(eventually([&] { return says(checked(responder), "\nsegment: ok (last scrape noted "); }));
    const auto output = checked(responder);
    const auto at = output.find("noted ") + 6;
    BOOST_TEST(std::stoi(output.substr(at)) < 60, output.substr(at, 20));
    BOOST_TEST(says(output.substr(at), " s ago)\n"));
}

BOOST_AUTO_TEST_CASE(check_finds_a_socket_that_any_user_may_connect_to) {
    const ResponderProcess responder;
    const auto socket = responder.directory() / "responder.sock";
    // A web server of this machine may be one that cannot connect.
    BOOST_TEST(!says(checked(responder), "is open to every user"));
    std::filesystem::permissions(socket, std::filesystem::perms{0662});
    BOOST_TEST(says(checked(responder), "\nsocket: " + socket.string() + " is open to every user of this host"));
    BOOST_TEST(checked({{"listen", "tcp:127.0.0.1:9"}}, "socket") == "socket: ok (tcp:127.0.0.1:9)");
}

BOOST_AUTO_TEST_CASE(check_lets_a_web_server_in_by_its_group_and_by_its_user) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    const ResponderProcess responder;
    const auto socket = (responder.directory() / "responder.sock").string();
    const auto server = responder.directory() / "nginx";
    std::filesystem::copy_file("/bin/sleep", server);
    const ChildProcess child({.arguments = {"setpriv", "--reuid=games", "--regid=nogroup", "--groups=games",
                                            "--pdeathsig=KILL", server.string(), "60"}});
    const auto complains = [&] {
        return says(checked(responder), "\nsocket: nginx runs in group nogroup and may not");
    };
    const auto give_to = [&](const char* owner, const char* mode) {
        BOOST_TEST_REQUIRE(run({.arguments = {"chown", owner, socket}}).status == 0);
        BOOST_TEST_REQUIRE(run({.arguments = {"chmod", mode, socket}}).status == 0);
    };
    give_to("root:root", "0660");
    BOOST_TEST(eventually(complains), checked(responder));
    give_to("root:games", "0660");
    BOOST_TEST(!complains());
    give_to("root:games", "0640");
    BOOST_TEST(complains());
    give_to("games:root", "0600");
    BOOST_TEST(!complains());
    give_to("games:games", "0460");  // the kernel looks at the owner's bits alone
    BOOST_TEST(complains());
}

// The generator binds no disk into the sandbox, which may be a dead mount.
BOOST_AUTO_TEST_CASE(check_names_the_drop_in_that_shows_a_disk_to_the_service) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    BOOST_TEST_REQUIRE(enter_mount_namespace());
    BOOST_TEST_REQUIRE(::mount("of-tests", "/mnt", "tmpfs", 0, nullptr) == 0);
    std::filesystem::create_directory("/mnt/nas");
    Settings settings{{"settings_user", "nobody"}, {"disk", "/nonexistent"}};
    const ResponderProcess responder(settings);
    for (const auto& [disk, bound] : {std::pair("/", "/"), {"/mnt", "/mnt"}, {"/mnt/nas", "/mnt"}}) {
        settings["disk"] = disk;
        write_configuration(responder.directory(), settings);
        BOOST_TEST(says(checked(responder),
                        std::string("; its sandbox does not show ") + disk +
                            ": systemctl edit ceymail-metrics, put [Service] and BindReadOnlyPaths=" + bound +
                            " into it, then systemctl restart ceymail-metrics\n"),
                   checked(responder));
    }
    BOOST_TEST(::umount("/mnt") == 0);
}

// --check ends with the line of the user where there is none. It may be deleted while --check runs.
BOOST_AUTO_TEST_CASE(check_names_the_user_as_whom_a_token_file_cannot_be_compared) {
    const TemporaryDirectory directory;
    const auto file = directory.write("token", "x", std::filesystem::perms{0600});
    config::Configuration configuration;
    configuration.user = "no-such-user";
    doctor::CheckPart part([&] {
        doctor::CheckReport report;
        doctor::check_token_file(report, configuration, file);
        return report.exit_code();
    });
    const auto outcome = part.finish(util::BootClock::now() + std::chrono::seconds(10));
    BOOST_TEST((outcome.end == doctor::CheckPart::End::done), outcome.words);
    BOOST_TEST(outcome.code == EX_CONFIG);
    BOOST_TEST(outcome.words.starts_with("token file: there is no user \"no-such-user\""), outcome.words);
    BOOST_TEST(lines(outcome.words) == 1U, outcome.words);
}

// The default file is hidden by a mount.
BOOST_AUTO_TEST_CASE(a_mail_log_that_is_no_file_and_in_no_journal_is_waited_for_unless_the_journal_is_named) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const TemporaryDirectory directory;
    for (const bool is_named : {false, true}) {
        ForkedChild child([&] {
            if (!enter_mount_namespace() || ::mount("tmpfs", "/var/log", "tmpfs", 0, nullptr) != 0) return 2;
            config::Configuration configuration;
            configuration.journal_directory = directory / "none";
            if (is_named) configuration.mail_log = "journal";
            return doctor::open_mail_log(configuration) ? 0 : 1;
        });
        BOOST_TEST(child.wait() == (is_named ? 1 : 0));
    }
}

BOOST_AUTO_TEST_CASE(check_names_the_configuration_that_it_took) {
    const auto standard = std::string(config::k_default_path);
    const bool is_there = std::filesystem::exists(standard);
    const auto output = metrics({"--check"}).output;
    BOOST_TEST(says(output, is_there ? standard : "the defaults, since there is no " + standard), output);
}

BOOST_AUTO_TEST_CASE(a_line_for_the_journal_begins_with_its_priority) {
    const auto finished = [](std::vector<std::string> environment) {
        return run({.arguments = {built_program("ceymail-metrics"), "--bogus"}, .environment = environment}).errors;
    };
    BOOST_TEST(finished({"JOURNAL_STREAM=8:1"}).starts_with("<3>ceymail-metrics: "), finished({"JOURNAL_STREAM=8:1"}));
    BOOST_TEST(finished({}).starts_with("ceymail-metrics: "));
}

BOOST_AUTO_TEST_CASE(check_tells_what_the_service_still_waits_for,
                     *boost::unit_test::precondition(can_mount_what_hangs)) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "dead");
    const HungMount dead(directory / "dead");
    for (const bool works_here : {false, true}) {
        Settings settings{{"settings_user", "nobody"}, {"disk", directory / "dead"}};
        const ResponderProcess responder(settings);
        if (works_here) settings["disk"] = "/";
        write_configuration(responder.directory(), settings);
        const auto output = checked(responder);
        const auto words = works_here ? "warning: works from here; the service still waits for it: ask again"
                                      : "no answer within 6 s: disk = ";
        BOOST_TEST(says(output, std::string("\ncollector disk: ") + words), output);
        if (!works_here) continue;
        const auto hangs = [&] {
            return says(checked(responder),
                        ": what it asks hangs; if a dead mount is mounted again: systemctl restart "
                        "ceymail-metrics\n");
        };
        BOOST_TEST(eventually(hangs, std::chrono::seconds(20)), checked(responder));
    }
}

BOOST_AUTO_TEST_CASE(check_names_a_log_that_cannot_be_opened) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "log");
    const auto line = checked({{"mail_log", directory / "log"}}, "collector mail_log");
    BOOST_TEST(says(line, (directory / "log").string() + ": it is a directory; name the regular file itself"), line);
}

// One process after the other.
BOOST_AUTO_TEST_CASE(check_names_the_part_for_which_no_process_can_be_started_and_goes_on) {
    FailingCalls calls;
    const TemporaryDirectory directory;
    const auto configuration = write_configuration(directory);
    const std::string words = "could not be looked at: Resource temporarily unavailable\n";
    std::string parts;
    for (std::int64_t n = 1; n < 60; ++n) {
        calls.fail_nth(Call::fork, n);
        const auto output =
            "\n" + run({.arguments = {built_program("ceymail-metrics"), "--config", configuration, "--check"},
                        .environment = calls.environment()})
                       .output;
        if (calls.failed() == 0) break;
        BOOST_TEST(says(output, "\nconfiguration: ok"), output);
        const auto at = output.find(words);
        if (at == std::string::npos) continue;
        BOOST_TEST(output.find(words, at + 1) == std::string::npos, output);
        parts += output.substr(output.rfind('\n', at), at - output.rfind('\n', at));
    }
    for (const auto part : {"user", "segment", "database", "collector memory", "collector queue", "collector accounts"})
        BOOST_TEST(says(parts, std::string("\n") + part + ": "), part << parts);
}

// Runs the program without memory for one of its allocations.
struct WithoutMemory {
    TemporaryDirectory directory;
    std::filesystem::path configuration = write_configuration(directory);
    FailingCalls calls;

    auto run_failing(std::int64_t n, const std::string& argument) {
        calls.fail_nth(Call::memory, n);
        return run({.arguments = {built_program("ceymail-metrics"), "--config", configuration, argument},
                    .environment = calls.environment()});
    }
    std::int64_t allocations_of(const std::string& argument) {
        static_cast<void>(run_failing(1'000'000, argument));
        return static_cast<std::int64_t>(calls.made());
    }
};

// Allocations of all the time that the program takes, but for those of static objects, which are before main().
BOOST_FIXTURE_TEST_CASE(says_that_it_has_no_memory_and_ends, WithoutMemory) {
    const auto first = allocations_of("--version");
    for (const std::string mode : {"--once", "--check"}) {
        const auto last = allocations_of(mode);
        BOOST_TEST_REQUIRE(last > first + 300);
        int ended = 0, in_a_part = 0;
        for (auto n = first; n < last; n += n < first + 300 ? 12 : (last - first) / 40) {
            const auto done = run_failing(n, mode);
            BOOST_TEST(done.status >= 0, mode << " " << n << done.errors);
            if (done.errors == "ceymail-metrics: std::bad_alloc\n" && done.status == EX_SOFTWARE) ++ended;
            if (done.status == EX_CONFIG && says(done.output, "std::bad_alloc\n")) ++in_a_part;
        }
        BOOST_TEST(ended > 0, mode);
        BOOST_TEST((in_a_part > 0) == (mode == "--check"), mode << in_a_part);
    }
}

// One allocation after the other fails of those with which the client library prepares itself for MariaDB.
BOOST_FIXTURE_TEST_CASE(no_signal_ends_it_where_the_client_library_has_no_memory, WithoutMemory) {
    const auto last = allocations_of("--once");
    int ended = 0;
    for (auto n = last - 150; n <= last; ++n) {
        const auto done = run_failing(n, "--once");
        BOOST_TEST(done.status >= 0, n << done.errors);
        if (done.status == EX_SOFTWARE && done.errors.ends_with("ceymail-metrics: std::bad_alloc\n")) ++ended;
    }
    BOOST_TEST(ended > 50);
}

// A hole of a quarter of a gigabyte in the log, as a crash of the host may leave one.
BOOST_AUTO_TEST_CASE(check_says_how_far_back_the_busiest_sender_was_looked_for) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const TemporaryDirectory directory;
    const auto log = directory.write("mail.log", login("early@example.org"));
    std::filesystem::resize_file(log, 257U << 20U);
    std::ofstream(log, std::ios::app) << "\n" << login("late@example.org");
    const auto output = "\n" + metrics({"--config", write_configuration(directory), "--check"}).output;
    BOOST_TEST(says(output,
                    "\nbusiest sender: ok (\"late@example.org\" handed in 1 message by the last 256 MiB of the log, "
                    "which do not reach an hour back; 1 account handed in mail)\n"),
               output);
}

BOOST_AUTO_TEST_CASE(check_names_the_directory_of_processes_where_a_file_in_it_hangs) {
    const TemporaryDirectory proc;
    BOOST_TEST_REQUIRE(::mkfifo((proc / "stat").c_str(), 0644) == 0);  // nothing writes into it
    const auto line = checked({{"proc", proc.path()}}, "collector cpu");
    BOOST_TEST(line.starts_with("collector cpu: no answer within 6 s: " + proc.path().string() + " hangs; "), line);
}

// Outside of /tmp, which the unit hides.
struct Shown {
    std::filesystem::path path = "/dev/shm/ceymail-test-" + std::to_string(::getpid());
    Shown() { std::filesystem::create_directories(path); }
    ~Shown() { std::filesystem::remove_all(path); }
};

BOOST_FIXTURE_TEST_CASE(check_tells_how_the_service_is_shown_a_path_that_only_this_process_sees, Shown) {
    BOOST_TEST_REQUIRE(::geteuid() == 0);
    const auto plain = path / "plain", quoted = path / R"(a "b" \ 50%)";
    for (const auto& directory : {plain, quoted}) std::filesystem::create_directories(directory / "active");
    std::ofstream(path / "log") << "";
    const auto loop = path / "loop";
    std::filesystem::create_symlink(loop, loop);
    const TokenDatabase database;
    const auto socket = database.settings().at("database_socket");
    const std::string restart =
        "; systemctl daemon-reload && systemctl restart ceymail-metrics shows it what the configuration names\n";
    const struct {
        const char* key;
        std::filesystem::path there;
        std::filesystem::path here;
        std::string words;
    } cases[] = {
        {"queue_directory", "/nonexistent", quoted,
         "; its sandbox does not show " + quoted.string() +
             ": systemctl edit ceymail-metrics, put [Service] and BindReadOnlyPaths=\"" + path.string() +
             R"(/a \"b\" \\ 50%%" into it, then systemctl restart)"},
        {"attach_state", plain, path / "state", restart},
        {"backup_directory", loop, plain, restart},
        {"mail_log", plain, path / "log", restart},
        {"proc", path / "none", "/proc", restart},
        {"database_socket", path / "none", socket,
         "; the unit hides " + socket + " from the service: move it elsewhere"},
    };
    for (const auto& [key, there, here, words] : cases) {
        auto settings = database.settings({{"settings_user", "nobody"}});
        settings[key] = there;
        const ResponderProcess responder(settings);
        settings[key] = here;
        write_configuration(responder.directory(), settings);
        const auto output = checked(responder);
        BOOST_TEST(says(output, words), key << output);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
