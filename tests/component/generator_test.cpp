// SPDX-License-Identifier: MIT
// ceymail-metrics-generator: what it adds to the unit for a configuration. tests/machine has systemd run it.
#include <filesystem>
#include <map>
#include <string>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/hung_mount.hpp"
#include "support/mariadb_server.hpp"
#include "support/mount_namespace.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail::testing;

// The drop-in but for its first two lines; empty where there is none.
std::string added_for(const std::string& configuration) {
    const TemporaryDirectory directory;
    const auto file = directory.write("ceymail-metrics.conf", configuration);
    const auto done = run({.arguments = {source("deploy/systemd/ceymail-metrics-generator"), directory / "units"},
                           .environment = {"CEYMAIL_METRICS_CONFIG=" + file.string()}});
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(done.errors == "");
    const auto drop_in = directory / "units/ceymail-metrics.service.d/10-configuration.conf";
    if (!std::filesystem::exists(drop_in)) return {};
    const auto text = slurp(drop_in);
    const std::string section = "\n[Service]\n";
    const auto begin = text.find(section);
    BOOST_TEST_REQUIRE(begin != std::string::npos, text);
    return text.substr(begin + section.size());
}

// What it adds for the settings page: the text of each file without its first line, by name.
std::map<std::string, std::string> session_units(const std::string& configuration) {
    const TemporaryDirectory directory;
    const auto file = directory.write("ceymail-metrics.conf", configuration);
    const auto done = run({.arguments = {source("deploy/systemd/ceymail-metrics-generator"), directory / "units"},
                           .environment = {"CEYMAIL_METRICS_CONFIG=" + file.string()}});
    BOOST_TEST((done.status == 0 && done.errors.empty()), done.errors);
    std::map<std::string, std::string> units;
    if (!std::filesystem::exists(directory / "units")) return units;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "units")) {
        if (!entry.is_regular_file()) continue;
        const auto text = slurp(entry.path());
        units[std::filesystem::relative(entry.path(), directory / "units")] = text.substr(text.find('\n') + 1);
    }
    return units;
}

std::string shown(const std::string& path) { return "BindReadOnlyPaths=-" + path + "\nNoExecPaths=-+" + path + "\n"; }

boost::test_tools::assertion_result has_fuse(boost::unit_test::test_unit_id) { return HungMount::possible(); }

BOOST_AUTO_TEST_SUITE(generator)

BOOST_AUTO_TEST_CASE(shows_what_the_configuration_names) {
    struct {
        const char* label;
        const char* configuration;
        std::string want;
    } const cases[] = {
        {"nothing", "", ""},
        {"the defaults", "queue_directory = /var/spool/postfix\ndatabase_socket = /run/mysqld/mysqld.sock\n", ""},
        {"a socket by the old name of /run", "database_socket = /var/run/mysqld/mysqld.sock\n", ""},
        {"an option file beside the configuration", "database_option_file = /etc/ceymail-metrics/database.cnf\n", ""},
        {"another queue", "queue_directory = /srv/spool/postfix\n", shown("/srv/spool")},
        {"as the program reads it", "  queue_directory=/srv/spool/postfix/  # ours\n", shown("/srv/spool")},
        {"a comment", "# queue_directory = /srv/spool/postfix\n", ""},
        {"another key", "no_queue_directory = /srv/spool/postfix\n", ""},
        {"several queues",
         "queue_directory = /var/spool/postfix\nqueue_directory = /srv/a/out\nqueue_directory = /srv/b/in\n",
         shown("/srv/a") + shown("/srv/b")},
        {"right below a top-level directory", "queue_directory = /srv/postfix\n", shown("/srv/postfix")},
        {"a top-level directory", "queue_directory = /postfix\n", shown("/postfix")},
        {"another log", "mail_log = /srv/log/mail.log\nfail2ban_log =\n", shown("/srv/log")},
        {"a log in a directory of the usual one", "mail_log = /var/log/mail/mail.log\n", ""},
        {"a certificate", "certificate = imap /srv/tls/mail.pem\n", shown("/srv/tls")},
        {"no certificates", "certificate = none\ncertificate =\n", ""},
        {"a certificate of certbot", "certificate = imap /etc/letsencrypt/live/x/fullchain.pem\n", ""},
        {"a key's directory of certbot", "certificate = imap /etc/letsencrypt/keys/x.pem\n",
         shown("/etc/letsencrypt/keys")},
        {"the usual backups", "backup_directory = /var/backups/ceymail\n", ""},
        {"other backups", "backup_directory = /srv/backups/mail\n", shown("/srv/backups")},
        {"no backups", "backup_directory =\n", ""},
        {"backups on a network share", "backup_directory = /mnt/nas/mail\n", shown("/mnt")},
        {"a share right below /mnt", "backup_directory = /mnt/nas\n", shown("/mnt")},
        {"a share below /media", "queue_directory = /media/nas/spool/postfix\n", shown("/media")},
        {"another directory whose name begins so", "backup_directory = /mnt2/nas/mail\n", shown("/mnt2/nas")},
        {"the journal", "mail_log = journal\n", ""},
        {"another journal", "journal_directory = /srv/journal/mail\n", shown("/srv/journal/mail")},
        {"a journal of a namespace", "journal_directory = /var/log/journal/1.mail\n", ""},
        {"another socket", "database_socket = /var/lib/mysql/mysql.sock\n", shown("/var/lib/mysql")},
        {"another option file", "database_option_file = /etc/mysql/metrics.cnf\n", shown("/etc/mysql")},
        {"an option file in /etc", "database_option_file = /etc/metrics.cnf\n", shown("/etc/metrics.cnf")},
        {"the last line without its end", "queue_directory = /srv/spool/postfix", shown("/srv/spool")},
        {"systemd", "service_manager = systemd\n", ""},
    };
    for (const auto& c : cases) BOOST_TEST(added_for(c.configuration) == c.want, c.label);
}

BOOST_AUTO_TEST_CASE(shows_the_processes_and_programs_where_systemd_is_not_asked) {
    const auto added = added_for("service_manager = processes\n");
    BOOST_TEST(added.starts_with("ProtectProc=default\n"), added);
    BOOST_TEST(added.find(shown("/usr/sbin")) != std::string::npos, added);
}

// systemd would read them otherwise than they stand there, or the unit must not show them.
BOOST_AUTO_TEST_CASE(shows_no_path_that_is_not_plain) {
    for (const std::string path : {"/", "//", "relative/path", "/srv/a b/c", "/srv/%h/c", "/srv/\"a/c",
                                   "/srv/a:/etc:rbind/c", "/srv/../etc/x", "/srv/$(touch x)/c", "/srv/`x`/c",
                                   "/srv/a\\b/c", "/srv/*/c", "/home/a/queue/x", "/proc/1/root/x", "/tmp/queue/x"}) {
        for (const std::string key : {"queue_directory", "database_socket", "database_option_file"})
            BOOST_TEST(added_for(key + " = " + path + "\n") == "", path);
    }
}

BOOST_AUTO_TEST_CASE(follows_a_queue_directory_that_is_a_symbolic_link) {
    const TemporaryDirectory directory;
    const auto link = directory / "spool/postfix";
    std::filesystem::create_directories(link.parent_path());
    const std::pair<const char*, std::string> targets[] = {
        {"/srv/mail/postfix", shown("/srv/mail")},
        {"queues/postfix", ""},  // below /tmp, which the unit hides
        {"../../../srv/postfix", ""},
        {"/srv/%h/postfix", ""},
    };
    for (const auto& [target, want] : targets) {
        std::filesystem::remove(link);
        std::filesystem::create_directory_symlink(target, link);
        const auto added = added_for("queue_directory = " + link.string() + "\n");
        BOOST_TEST(added == want, target << ": " << added);
    }
}

// systemd does nothing else while it waits for it.
BOOST_AUTO_TEST_CASE(ends_beside_a_dead_mount, *boost::unit_test::precondition(has_fuse)) {
    BOOST_TEST_REQUIRE(enter_mount_namespace(), "this test needs root: sudo make check");
    for (const auto requests : {HungMount::Requests::left, HungMount::Requests::taken}) {
        const TemporaryDirectory directory;
        const HungMount mount(directory.path(), requests);
        const auto paths = "backup_directory = " + (directory / "backups").string() + "\n";
        BOOST_TEST(added_for(paths + "queue_directory = /srv/spool/postfix\n") == shown("/srv/spool"));
    }
}

BOOST_AUTO_TEST_CASE(passes_the_file_of_the_session_secret_to_the_settings_page) {
    const auto units = session_units("settings_session_secret = /var/lib/ceymail-mc/.env.local\n");
    BOOST_TEST_REQUIRE(units.size() == 3U);
    BOOST_TEST(units.at("ceymail-settings.service.d/10-configuration.conf") ==
               "[Unit]\nWants=ceymail-session-secret.path\n"
               "[Service]\nLoadCredential=dashboard-session:/var/lib/ceymail-mc/.env.local\n"
               "SetCredential=dashboard-session:missing\n");
    BOOST_TEST(units.at("ceymail-session-secret.path").ends_with("PathChanged=/var/lib/ceymail-mc/.env.local\n"));
    BOOST_TEST(units.contains("ceymail-session-secret.service"));
    for (const auto* other :
         {"", "settings_session_secret =\n", "# settings_session_secret = /x/y\n", "settings_session_secret = x/y\n",
          "settings_session_secret = /x/%i\n", "settings_session_secret = /x/a b\n", "settings_session_secret = /x:y\n",
          "settings_session_secret = /x/../y\n"})
        BOOST_TEST(session_units(other).empty(), other);
    const auto both = session_units("queue_directory = /srv/spool/postfix\nsettings_session_secret = /x/y");
    BOOST_TEST(both.size() == 4U + 3U);  // and of AppArmor
    BOOST_TEST(both.at("ceymail-metrics.service.d/10-configuration.conf") == "[Service]\n" + shown("/srv/spool"));
}

// `apparmor` asks the policy that comes of such rules.
BOOST_AUTO_TEST_CASE(writes_rules_of_apparmor_for_other_paths) {
    struct {
        const char* label;
        const char* configuration;
        std::string metrics;
        std::string settings;
    } const cases[] = {
        {"nothing", "", "", ""},
        {"what the profile has",
         "queue_directory = /var/spool/postfix\nmail_log = /var/log/mail.log\nbackup_directory = /var/backups/a\n"
         "database_socket = /run/mysqld/mysqld.sock\ndatabase_socket = /var/run/mysqld/mysqld.sock\n"
         "database_option_file = /etc/ceymail-metrics/database.cnf\nattach_state = /run/ceymail-attach/state\n"
         "certificate = imap /etc/letsencrypt/live/mail/fullchain.pem\n",
         "", ""},
        {"a queue", "queue_directory = /srv/spool/postfix\n", "  \"/srv/spool{,/,/**}\" r,\n", ""},
        {"a certificate", "certificate = imap /srv/tls/mail.pem\n", "  \"/srv/tls{,/,/**}\" r,\n", ""},
        {"a journal", "journal_directory = /srv/journal/mail\n", "  \"/srv/journal/mail{,/,/**}\" r,\n", ""},
        {"a network share", "backup_directory = /mnt/nas/mail\n", "  \"/mnt/nas{,/,/**}\" r,\n", ""},
        {"a socket", "database_socket = /srv/mysql/my.sock\n",
         "  \"/srv/mysql{,/,/**}\" r,\n  \"/srv/mysql/my.sock\" rw,\n", "  \"/srv/mysql/my.sock\" rw,\n"},
        {"a socket in /run", "database_socket = /var/run/my/my.sock\n",
         "  \"/run/my{,/,/**}\" r,\n  \"/run/my/my.sock\" rw,\n", "  \"/run/my/my.sock\" rw,\n"},
        {"what the unit hides", "queue_directory = /home/a/queue/x\ndatabase_socket = /tmp/x/my.sock\n", "", ""},
        {"what has signs of AppArmor", "queue_directory = /srv/a{b,c}/x\nqueue_directory = /srv/*/x\n", "", ""},
    };
    const auto text_of = [](const auto& units, const char* name) {
        return units.contains(name) ? units.at(name) : std::string();
    };
    for (const auto& c : cases) {
        const auto units = session_units(c.configuration);
        BOOST_TEST(text_of(units, "ceymail-metrics.apparmor") == c.metrics, c.label);
        BOOST_TEST(text_of(units, "ceymail-settings.apparmor") == c.settings, c.label);
        BOOST_TEST(units.contains("ceymail-apparmor.service") == !c.metrics.empty(), c.label);
        BOOST_TEST(units.contains("ceymail-metrics.service.d/20-apparmor.conf") == !c.metrics.empty(), c.label);
        BOOST_TEST(units.contains("ceymail-settings.service.d/20-apparmor.conf") == !c.settings.empty(), c.label);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
