// SPDX-License-Identifier: MIT
// Settings that leave metrics out, and the commands that --check gives for them: each is run here as it stands.
#include "ceymail/doctor/log_settings.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/parser.hpp"
#include "support/child_process.hpp"
#include "support/http_client.hpp"
#include "support/maillog_description.hpp"
#include "support/miniature.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto k_patience = 30s;

struct Host {
    TemporaryDirectory directory;
    config::Configuration configuration;
    doctor::SettingsPaths paths{.postfix = directory / "etc/postfix",
                                .etc = directory / "etc",
                                .metrics = directory / "etc/ceymail-metrics.conf"};

    Host() {
        directory.write("etc/postfix/main.cf", "");
        // The units of this host are not those of the test's: what would restart them is written down.
        directory.write("bin/systemctl", "#!/bin/sh\necho \"$@\" >>" + (directory / "restarted").string() + "\n",
                        fs::perms{0755});
    }

    [[nodiscard]] std::vector<std::string> warnings() const {
        return doctor::read_log_settings(configuration, paths).warnings;
    }
    // The only one.
    [[nodiscard]] std::string warning() const {
        const auto all = warnings();
        BOOST_TEST_REQUIRE(all.size() == 1U);
        return all.at(0);
    }
    // Pastes the command behind the last "; run: " into a shell.
    void follow(const std::string& words) const {
        const auto at = words.rfind("; run: ");
        BOOST_TEST_REQUIRE(at != std::string::npos, words);
        const auto done =
            run({.arguments = {"sh", "-c", words.substr(at + 7)},
                 .environment = {"MAIL_CONFIG=" + paths.postfix.string(),
                                 "PATH=" + (directory / "bin").string() + ":/usr/sbin:/usr/bin:/sbin:/bin"}});
        BOOST_TEST(done.status == 0, words << "\n" << done.output << done.errors);
    }
    [[nodiscard]] std::string restarted() const { return slurp(directory / "restarted"); }
};

bool says(const std::string& text, std::string_view words) { return text.contains(words); }

// A Postfix whose smtpd and smtp(8) speak TLS with each other, and that relays all mail to itself.
struct PostfixWithTls : Host {
    int port = free_port();
    ChildProcess process{{.arguments = {"deploy/miniature/postfix", (directory / "p").string()},
                          .output_file = directory / "log",
                          .errors_file = directory / "log"}};

    PostfixWithTls() {
        paths.postfix = directory / "p/etc";
        configuration.mail_log = "/dev/stdout";  // where this Postfix writes
        if (!eventually([&] { return fs::exists(directory / "p/queue/public/pickup"); }, k_patience))
            throw std::runtime_error("Postfix does not come up: " + log());
        const auto pem = (directory / "tls.pem").string();
        require({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                 "/CN=mail.example.org", "-keyout", pem, "-out", (directory / "cert.pem").string()});
        require({"sh", "-c", "cat " + (directory / "cert.pem").string() + " >>" + pem});
        postconf({"-e", "smtpd_tls_security_level = may", "smtpd_tls_chain_files = " + pem,
                  "smtp_tls_security_level = may", "relayhost = [127.0.0.1]:" + std::to_string(port),
                  "smtpd_relay_restrictions = reject_unauth_destination"});
        const auto service = "127.0.0.1:" + std::to_string(port) + "/inet";
        postconf({"-M", "-e", service + "=127.0.0.1:" + std::to_string(port) + " inet n - n - - smtpd"});
        postconf(
            {"-M", "-e", "anvil/unix = anvil unix - - n - 1 anvil", "tlsmgr/unix = tlsmgr unix - - n 1000? 1 tlsmgr"});
        if (!eventually(
                [&, next = std::chrono::steady_clock::now()]() mutable {
                    if (const auto now = std::chrono::steady_clock::now(); now >= next) {
                        process.signal(SIGHUP);
                        next = now + 3s;
                    }
                    return speaks_tls();
                },
                k_patience))
            throw std::runtime_error("Postfix does not listen: " + log());
    }

    static void require(const std::vector<std::string>& command) {
        const auto done = run({.arguments = command});
        if (done.status != 0) throw std::runtime_error(command[0] + ": " + done.errors);
    }
    void postconf(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"postconf", "-c", paths.postfix.string()});
        require(arguments);
    }
    [[nodiscard]] bool speaks_tls() const {
        const auto done = run(
            {.arguments = {"openssl", "s_client", "-starttls", "smtp", "-connect", "127.0.0.1:" + std::to_string(port)},
             .input = "QUIT\r\n"});
        return done.status == 0;
    }
    [[nodiscard]] std::string log() const { return slurp(directory / "log"); }

    // What the parser counts of the log.
    [[nodiscard]] std::uint64_t counted(maillog::Direction direction) const {
        const auto counters = std::make_unique<maillog::Counters>();
        maillog::parse(log(), util::BootTime{}, *counters);
        return counters->tls(direction, maillog::TlsProtocol::tls_1_3) +
               counters->tls(direction, maillog::TlsProtocol::tls_1_2);
    }
    void send() const {
        const auto done =
            run({.arguments = {"sendmail", "-C", paths.postfix.string(), "-f", "a@example.org", "u@elsewhere.example"},
                 .input = "Subject: x\n\n"});
        BOOST_TEST(done.status == 0, done.errors);
    }
};

BOOST_AUTO_TEST_SUITE(log_settings)

BOOST_FIXTURE_TEST_CASE(following_the_remedies_turns_both_tls_metrics_on, PostfixWithTls) {
    BOOST_TEST(speaks_tls());
    BOOST_TEST(counted(maillog::Direction::inbound) == 0U);
    const auto all = warnings();
    BOOST_TEST_REQUIRE(all.size() == 2U);
    BOOST_TEST(says(all[0], "ceymail_mail_tls_total{direction=\"inbound\"} is absent"), all[0]);
    BOOST_TEST(says(all[0], "; run: postconf -e smtpd_tls_loglevel=1 && postfix reload"), all[0]);
    BOOST_TEST(says(all[1], "ceymail_mail_tls_total{direction=\"outbound\"} is absent"), all[1]);
    for (const auto& warning : all) follow(warning);
    BOOST_TEST(warnings().empty());
    BOOST_TEST(eventually([&] { return speaks_tls() && counted(maillog::Direction::inbound) > 0; }, k_patience), log());
    send();
    BOOST_TEST(eventually([&] { return counted(maillog::Direction::outbound) > 0; }, k_patience), log());
}

BOOST_FIXTURE_TEST_CASE(following_the_remedy_for_one_service_turns_its_lines_on, PostfixWithTls) {
    const auto service = "127.0.0.1:" + std::to_string(port) + "/inet";
    postconf({"-e", "smtpd_tls_loglevel = 1", "smtp_tls_loglevel = 1"});
    postconf({"-P", service + "/smtpd_tls_loglevel=0"});
    const auto found = warning();
    BOOST_TEST(says(found, "postconf -P " + service + "/smtpd_tls_loglevel=1 && postfix reload"), found);
    follow(found);
    BOOST_TEST(warnings().empty());
    BOOST_TEST(eventually([&] { return speaks_tls() && counted(maillog::Direction::inbound) > 0; }, k_patience), log());
}

BOOST_AUTO_TEST_CASE(a_service_alone_may_be_silent) {
    const Host host;
    host.directory.write("etc/postfix/main.cf",
                         "smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\nsmtp_tls_security_level = none\n");
    host.directory.write("etc/postfix/master.cf",
                         "smtp inet n - y - - smtpd\n"
                         "submission inet n - y - - smtpd\n -o smtpd_tls_loglevel=0\n"
                         "smtps inet n - y - - smtpd\n -o smtpd_tls_loglevel=$none\n"
                         "local inet n - y - - smtpd\n -o smtpd_tls_security_level=none -o smtpd_tls_loglevel=0\n"
                         "relay unix - - y - - smtp\n");
    BOOST_TEST(
        host.warning() ==
        "ceymail_mail_tls_total{direction=\"inbound\"} lacks connections of submission/inet, smtps/inet: Postfix "
        "does not log them (smtpd_tls_loglevel is 0 there); run: postconf -P "
        "submission/inet/smtpd_tls_loglevel=1 && postconf -P smtps/inet/smtpd_tls_loglevel=1 && postfix reload");
}

BOOST_AUTO_TEST_CASE(nothing_is_said_of_a_host_without_tls_or_without_postfix) {
    const Host host;
    host.directory.write("etc/postfix/master.cf", "smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n");
    BOOST_TEST(host.warnings().empty());
    fs::remove(host.paths.postfix / "main.cf");
    BOOST_TEST(host.warnings().empty());
    BOOST_TEST(!doctor::read_log_settings(host.configuration, host.paths).is_postfix_there);
}

// A real postlogd(8) writes the file.
BOOST_FIXTURE_TEST_CASE(following_the_remedy_mail_log_names_the_file_that_postfix_writes, Host) {
    const ChildProcess process{{.arguments = {"deploy/miniature/postfix", (directory / "p").string()},
                                .output_file = directory / "log",
                                .errors_file = directory / "log"}};
    paths.postfix = directory / "p/etc";
    BOOST_TEST_REQUIRE(eventually([&] { return fs::exists(directory / "p/queue/public/pickup"); }, k_patience));
    const auto file = (directory / "p/mail.log").string();
    BOOST_TEST(run({.arguments = {"postconf", "-c", paths.postfix.string(), "-e", "maillog_file = " + file,
                                  "maillog_file_prefixes = " + directory.path().string()}})
                   .status == 0);
    for (const std::string_view before : {"", "plan = business\n", "mail_log = /var/log/mail.log\nplan = business\n"}) {
        if (!before.empty()) directory.write("etc/ceymail-metrics.conf", before);
        const auto found = warning();
        BOOST_TEST(says(found, "Postfix writes its log to " + file + " (maillog_file) and not to /var/log/mail.log"),
                   found);
        follow(found);
        const auto now = config::load_configuration(paths.metrics);
        BOOST_TEST_REQUIRE(now.has_value(), (now ? "" : now.error().message));
        BOOST_TEST(now->mail_log == file);
        BOOST_TEST(doctor::read_log_settings(*now, paths).warnings.empty());
        BOOST_TEST(restarted() == "restart ceymail-metrics\n");
        fs::remove(directory / "restarted");
    }
    fs::remove(paths.metrics);
    // What comes after the postlogd(8) that runs has ended is in the file.
    const auto reload = [&] {
        const auto done =
            run({.arguments = {"postfix", "reload"}, .environment = {"MAIL_CONFIG=" + paths.postfix.string()}});
        return done.status == 0;
    };
    BOOST_TEST(eventually([&] { return reload() && fs::exists(file) && slurp(file).contains("reload"); }, k_patience),
               slurp(directory / "log"));
}

BOOST_AUTO_TEST_CASE(a_postfix_that_logs_to_its_standard_output_is_told_to_use_syslog) {
    const Host host;
    host.directory.write("etc/postfix/main.cf", "maillog_file = /dev/stdout\n");
    const auto found = host.warning();
    BOOST_TEST(says(found, "; run: postconf -e maillog_file= && systemctl restart postfix"), found);
    host.follow(found);
    BOOST_TEST(host.warnings().empty());
    BOOST_TEST(host.restarted() == "restart postfix\n");
}

BOOST_AUTO_TEST_CASE(short_queue_ids_are_told_of_where_files_have_no_birth_time) {
    Host host;
    BOOST_TEST(host.warnings().empty());
    host.configuration.queue_directories = {host.directory.path(), "/proc"};
    const auto found = host.warning();
    BOOST_TEST(says(found, "ceymail_queue_deferred_older_than"), found);
    // `postfix reload` needs one that runs; that of the case above does.
    host.directory.write("bin/postfix", "#!/bin/sh\n", fs::perms{0755});
    host.follow(found);
    BOOST_TEST(host.warnings().empty());
}

BOOST_AUTO_TEST_CASE(rsyslog_that_folds_repeated_lines_is_told_of) {
    const Host host;
    // As Ubuntu has it.
    const auto file =
        host.directory.write("etc/rsyslog.conf",
                             "module(load=\"imuxsock\")\n# Filter duplicated messages\n"
                             "$RepeatedMsgReduction on\n$FileCreateMode 0640\nmail.* /var/log/mail.log\n");
    const auto found = host.warning();
    BOOST_TEST(says(found, "($RepeatedMsgReduction on in " + file.string() + ")"), found);
    host.follow(found);
    BOOST_TEST(host.warnings().empty());
    BOOST_TEST(slurp(file).contains("\n$RepeatedMsgReduction off\n$FileCreateMode 0640\n"), slurp(file));
    BOOST_TEST(run({.arguments = {"rsyslogd", "-N1", "-f", file}}).status == 0);
    host.directory.write("etc/rsyslog.d/50-own.conf", "  $repeatedmsgreduction  ON\n");
    host.follow(host.warning());
    BOOST_TEST(host.warnings().empty());
    host.directory.write("etc/rsyslog.d/50-own.conf", "#$RepeatedMsgReduction on\n$RepeatedMsgReduction\n");
    BOOST_TEST(host.warnings().empty());
}

BOOST_AUTO_TEST_CASE(dovecot_that_writes_to_a_file_of_its_own_is_told_of) {
    for (const std::string key : {"log_path", "info_log_path"}) {
        const Host host;
        host.directory.write("etc/dovecot/dovecot.conf", "!include conf.d/*.conf\n!include_try local.conf\n");
        host.directory.write("etc/dovecot/conf.d/10-logging.conf",
                             "#log_path = syslog\n" + key + " = /var/log/dovecot\n");
        const auto found = host.warning();
        BOOST_TEST(says(found, "Dovecot writes to /var/log/dovecot (" + key + " in "), found);
        host.follow(found);
        BOOST_TEST(host.warnings().empty(), key);
        BOOST_TEST(host.restarted() == "restart dovecot\n");
    }
}

BOOST_AUTO_TEST_CASE(spamd_that_logs_elsewhere_is_told_of) {
    for (const std::string options : {"-s /var/log/spamd.log --max-children 5", "--syslog=stderr", "--syslog null -m 5",
                                      "-snull", "-m 5 -s /x -H"}) {
        const Host host;
        host.directory.write("etc/default/spamd", "# OPTIONS=\"-s /x\"\nOPTIONS=\"" + options + "\"\n");
        host.follow(host.warning());
        BOOST_TEST(host.warnings().empty(), options << ": " << slurp(host.directory / "etc/default/spamd"));
        BOOST_TEST(host.restarted() == "restart spamd\n");
    }
    const Host host;
    host.directory.write("etc/default/spamassassin", "OPTIONS=\"--create-prefs --max-children 5 -s mail\"\n");
    BOOST_TEST(host.warnings().empty());
}

BOOST_AUTO_TEST_CASE(fail2ban_that_logs_elsewhere_is_told_of) {
    const struct {
        const char* label;
        const char* local;
        const char* words;
    } cases[] = {
        {"syslog", "logtarget = SYSLOG\n", "logtarget is SYSLOG in "},
        {"journal", "logtarget = SYSTEMD-JOURNAL\n", "logtarget is SYSTEMD-JOURNAL in "},
        {"level", "loglevel = ERROR\n", "loglevel is ERROR in "},
        {"another file", "logtarget = /srv/bans.log\n", "Fail2ban logs to /srv/bans.log (logtarget in "},
    };
    for (const auto& c : cases) {
        Host host;
        host.directory.write("etc/fail2ban/fail2ban.conf",
                             "[Definition]\nloglevel = INFO\nlogtarget = /var/log/fail2ban.log\n");
        fs::create_directory(host.paths.etc / "fail2ban/fail2ban.d");
        BOOST_TEST(host.warnings().empty(), c.label);
        host.directory.write("etc/fail2ban/fail2ban.local", std::string("[Definition]\n") + c.local);
        const auto found = host.warning();
        BOOST_TEST(says(found, c.words), found);
        host.follow(found);
        if (fs::exists(host.paths.metrics)) host.configuration = *config::load_configuration(host.paths.metrics);
        BOOST_TEST(host.warnings().empty(), c.label);
        host.configuration.fail2ban_log.clear();
        BOOST_TEST(host.warnings().empty(), c.label);
    }
}

BOOST_AUTO_TEST_CASE(only_fail2ban_is_judged_where_no_mail_log_is_read) {
    Host host;
    host.directory.write("etc/default/spamd", "OPTIONS=\"-s /x\"\n");
    BOOST_TEST(says(host.warning(), "spamd"), host.warning());
    host.configuration.mail_log.clear();
    BOOST_TEST(host.warnings().empty());
    host.directory.write("etc/fail2ban/fail2ban.conf", "[Definition]\nloglevel = INFO\nlogtarget = SYSLOG\n");
    BOOST_TEST(says(host.warning(), "ceymail_bans_total is absent"), host.warning());
}

BOOST_AUTO_TEST_CASE(words_of_a_command_are_safe_in_a_shell) {
    const Host host;
    const auto mark = (host.directory / "made").string();
    host.directory.write("etc/postfix/main.cf",
                         "maillog_file = /var/log/a'b; touch " + mark + "; $x`touch " + mark + "`\n");
    host.follow(host.warning());
    BOOST_TEST(!fs::exists(mark));
    BOOST_TEST(slurp(host.paths.metrics) == "mail_log = /var/log/a'b; touch " + mark + "; `touch " + mark + "`\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
