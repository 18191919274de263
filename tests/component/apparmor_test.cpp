// SPDX-License-Identifier: MIT
// AppArmor's profiles against what the programs do. No kernel with AppArmor is needed: the policy that apparmor_parser
// compiles is asked, as the kernel would ask it, about each operation that strace(1) saw.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ceymail/system/landlock.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "support/child_process.hpp"
#include "support/fake_systemd.hpp"
#include "support/fastcgi_client.hpp"
#include "support/journald.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/responder_process.hpp"
#include "support/temporary_directory.hpp"
#include "support/token_database.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ceymail::testing;
using namespace std::chrono_literals;

const fs::path k_metrics = "deploy/apparmor/ceymail-metrics";
constexpr std::size_t k_secret_length = 43;  // of the gateway secret
const fs::path k_settings = "deploy/apparmor/ceymail-settings";

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (!line.empty()) lines.push_back(line);
    return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

// Returns: those of `operations` that the profile refuses.
std::string refused(const fs::path& profile, const std::string& operations) {
    const auto done = run({.arguments = {"tests/apparmor/judge.py", profile}, .input = operations}, 60s);
    BOOST_TEST_REQUIRE((done.status == 0 || done.status == 1), done.output << done.errors);
    return text_of(lines_of(done.output));
}

// A host with all that the collectors read, in a mount namespace, and one service on it.
class Host {
public:
    explicit Host(const Settings& settings = {}) : m_bus(directory("bus")) {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
        m_bus.set("postfix.service", {.main_pid = 1, .main_start = 1, .active_since = 1});
        Settings all = m_database.settings({{"user", "nobody"},
                                            {"listen", "unix:/run/ceymail-metrics/ceymail-metrics.sock"},
                                            {"listen_group", ""},
                                            {"cache_ttl", "0"},
                                            {"settings_listen", "unix:/run/ceymail-settings/ceymail-settings.sock"},
                                            {"settings_user", "nobody"},
                                            {"settings_database_user", "responder"},
                                            {"work_budget_percent", "0"}});
        const auto option_file = slurp(all["database_option_file"]);
        all["database_socket"] = "/run/mysqld/mysqld.sock";
        all["database_option_file"] = all["settings_database_option_file"] = "/etc/ceymail-metrics/database.cnf";
        for (const auto& [key, value] : settings) all[key] = value;
        std::string text;
        for (const auto& [key, value] : all)
            if (value != "-") text += key + " = " + value + "\n";
        file("etc/ceymail-metrics/ceymail-metrics.conf", text);
        file("etc/ceymail-metrics/database.cnf", option_file);
        file("etc/ceymail-metrics/gateway-secret", std::string(k_secret_length, 'a') + "\n");
        furnish();
        bind(m_database.server().directory(), "/run/mysqld");
        bind(m_work / "bus/bus", "/run/dbus/system_bus_socket");
        m_sockets.push_back(silent_socket(SOCK_DGRAM, "notify"));
        bind(m_work / "notify", "/run/systemd/notify");
    }

    // In the place of a service that is not traced.
    void listen(const fs::path& where) {
        const auto name = where.filename().string();
        m_sockets.push_back(silent_socket(SOCK_SEQPACKET, name));
        BOOST_TEST_REQUIRE(::listen(m_sockets.back().get(), 8) == 0);
        bind(m_work / name, where);
    }

    void bind(const fs::path& from, const fs::path& to) {
        std::ofstream(m_work / "mounts", std::ios::app) << from.string() << " " << to.string() << "\n";
    }

    void start(const std::string& program, const std::string& capability) {
        m_process.emplace(
            ChildOptions{.arguments = {"unshare", "--mount", "--propagation", "private", "tests/apparmor/host",
                                       built_program(program), m_work.path(), capability},
                         .environment = {"NOTIFY_SOCKET=/run/systemd/notify"}});
        const bool up = eventually([&] {
            try {
                return !m_process->running() || ask(program, Scrape{.uri = "/"}.parameters()).status != 0;
            } catch (const std::system_error&) {
                return false;  // it does not listen yet
            }
        });
        BOOST_TEST_REQUIRE((up && m_process->running()), m_process->errors() << log());
    }
    [[nodiscard]] CgiAnswer ask(const std::string& program, const Parameters& parameters) const {
        const auto socket = root() / "run" / program / (program + ".sock");
        return read_cgi(ceymail::testing::ask("unix:" + socket.string(), parameters).text);
    }
    [[nodiscard]] CgiAnswer scrape() const {
        return ask("ceymail-metrics", Scrape{.token = TokenDatabase::k_token}.parameters());
    }
    // Returns: what it did.
    std::string stop() {
        m_process->signal(SIGTERM);
        BOOST_TEST_REQUIRE((m_process->wait(60s).value_or(-1) == 0), m_process->errors() << log());
        return slurp(m_work / "operations");
    }
    // The host's files, while the service runs.
    [[nodiscard]] fs::path root() const { return "/proc/" + std::to_string(m_process->pid()) + "/root"; }
    [[nodiscard]] std::string log() const { return fs::exists(m_work / "log") ? slurp(m_work / "log") : std::string(); }
    void file(const fs::path& name, const std::string& text) { m_work.write("files" / name, text); }

private:
    fs::path directory(const char* name) const {
        fs::create_directory(m_work / name);
        return m_work / name;
    }
    [[nodiscard]] ceymail::util::Fd silent_socket(int type, const std::string& name) const {
        ceymail::util::Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        (m_work / name).string().copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_TEST_REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        fs::permissions(m_work / name, fs::perms{0666});
        return socket;
    }
    void furnish() {
        const auto archive = m_work / "files/etc/letsencrypt/archive/mail";
        const auto live = m_work / "files/etc/letsencrypt/live/mail";
        fs::create_directories(archive);
        fs::create_directories(live);
        const auto made =
            run({.arguments = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                               "-nodes", "-days", "30", "-subj", "/CN=mail", "-keyout", archive / "privkey1.pem",
                               "-out", archive / "fullchain1.pem"}});
        BOOST_TEST_REQUIRE(made.status == 0, made.errors);
        fs::create_symlink("../../archive/mail/fullchain1.pem", live / "fullchain.pem");
        const std::string certificate = "/etc/letsencrypt/live/mail/fullchain.pem";
        file("etc/nginx/nginx.conf", "http { include /etc/nginx/sites-enabled/*; }\n");
        file("etc/nginx/sites-enabled/site", "server { listen 443 ssl; ssl_certificate " + certificate + "; }\n");
        file("etc/apache2/apache2.conf", "SSLCertificateFile " + certificate + "\n");
        file("etc/postfix/main.cf", "smtpd_tls_cert_file = " + certificate + "\n");
        file("etc/dovecot/dovecot.conf", "ssl = yes\nssl_cert = <" + certificate + "\n");
        file("etc/systemd/system/multi-user.target.wants/apache2.service", "");
        file("run/dovecot/config", "");
        file("run/apache2/apache2.pid", "1\n");
        for (const auto* queue : {"active", "deferred", "bounce", "hold", "incoming", "maildrop"})
            fs::create_directories(m_work / "files/var/spool/postfix" / queue);
        file("var/spool/postfix/active/3F9A12", "");
        file("var/log/mail.log", "");
        file("var/log/fail2ban.log", "");
        file("var/backups/ceymail/ceymail-backup-20270115-080000-config.tar.gz", "x");
        const auto now = ceymail::util::BootClock::now().time_since_epoch();
        file("run/ceymail-attach/state",
             "1 " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count()) + "\n");
        for (const auto* units : {"system", "generator", "generator.late"})
            file(fs::path("run/systemd") / units / "multi-user.target.wants/other.service", "");
    }

    TemporaryDirectory m_work;
    TokenDatabase m_database;
    FakeSystemd m_bus;
    std::vector<ceymail::util::Fd> m_sockets;
    std::optional<ChildProcess> m_process;
};

void append(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::app) << text; }

// What the gatherer's calls on the bus are, which strace does not show. Source: src/collect, sd_bus_open_system(3).
constexpr const char* k_on_the_bus =
    "dbus org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus Hello\n"
    "dbus org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager ListUnitsByNames\n"
    "dbus org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/postfix_2eservice org.freedesktop.DBus.Properties "
    "Get\n";
constexpr const char* k_dac_read_search = "capability 2\n";

void expect_all_collectors(Host& host, const std::vector<std::string>& but = {}) {
    const std::regex failed("ceymail_collector_success\\{collector=\"([a-z_]+)\"\\} 0");
    std::set<std::string> failing;
    const bool all = eventually([&] {
        const auto answer = host.scrape();
        failing.clear();
        for (std::sregex_iterator hit(answer.body.begin(), answer.body.end(), failed), end; hit != end; ++hit)
            failing.insert((*hit)[1]);
        return answer.status == 200 && failing == std::set<std::string>(but.begin(), but.end()) &&
               answer.has_line("ceymail_collector_success{collector=\"mail_log\"} 1");
    });
    BOOST_TEST_REQUIRE(all, host.scrape().body << host.log());
}

// Each of these returns what the service does on such a host.

std::string with_systemd_and_log_files() {
    Host host(Settings{{"certificate", "imap /etc/letsencrypt/live/mail/fullchain.pem"}});
    host.start("ceymail-metrics", "dac_read_search");
    expect_all_collectors(host);
    const auto log = host.root() / "var/log/mail.log";
    append(log, "2027-01-15T08:00:00.000000+00:00 mail postfix/qmgr[7]: 3F9A12: removed\n");
    fs::rename(log, host.root() / "var/log/mail.log.1");
    append(log, "2027-01-15T08:00:01.000000+00:00 mail postfix/qmgr[7]: 3F9A13: removed\n");
    expect_all_collectors(host);
    return host.stop();
}

std::string with_processes_and_the_journal() {
    const Journald journald;
    journald.log("postfix/qmgr", "3F9A12: removed");
    journald.sync();
    Host host({{"service_manager", "processes"}, {"mail_log", "journal"}});
    host.bind(journald.directory(), "/var/log/journal/" + journald.directory().filename().string());
    host.file("etc/machine-id", journald.directory().filename().string() + "\n");
    host.start("ceymail-metrics", "dac_read_search");
    expect_all_collectors(host);
    return host.stop();
}

std::string with_a_database_on_another_host() {
    Host host({{"database_host", "db.example.test"},
               {"database_socket", "-"},
               {"database_tls_ca", "/etc/ssl/certs/ca-of-mariadb.pem"}});
    host.file("etc/ssl/certs/ca-of-mariadb.pem", "none\n");
    host.file("etc/hosts", "127.0.0.1 localhost db.example.test\n");
    host.start("ceymail-metrics", "dac_read_search");
    BOOST_TEST_REQUIRE(eventually([&] { return host.scrape().status == 503; }), host.log());
    return host.stop();
}

std::string all_of_the_service() {
    return with_systemd_and_log_files() + with_processes_and_the_journal() + with_a_database_on_another_host() +
           k_on_the_bus + k_dac_read_search;
}

const std::string& what_the_service_does() {
    static const std::string s_operations = all_of_the_service();
    return s_operations;
}

std::string all_of_the_settings_page() {
    Host host;
    host.listen("/run/ceymail-metrics/page/collectors.sock");
    host.start("ceymail-settings", "");
    const auto asked = [&](const char* method, const char* address) {
        return host.ask("ceymail-settings", {{"REQUEST_METHOD", method},
                                             {"REQUEST_URI", "/settings/security/prometheus-metrics"},
                                             {"REMOTE_ADDR", address},
                                             {"REMOTE_USER", "amal"},
                                             {"HTTPS", "on"},
                                             {"HTTP_HOST", "mail.example.org"},
                                             {"CEYMAIL_GATEWAY_SECRET", std::string(k_secret_length, 'a')}});
    };
    const auto page = asked("GET", "10.0.0.1");
    BOOST_TEST(page.mentions("Signed in as"), page.body << host.log());
    return host.stop();
}

const std::string& what_the_settings_page_does() {
    static const std::string s_operations = all_of_the_settings_page();
    return s_operations;
}

// Expects that the operations show of each rule but `known` that it is missing.
void expect_needed(const fs::path& profile, const std::string& operations, const std::set<std::string>& known) {
    const auto done = run({.arguments = {"tests/apparmor/judge.py", "--idle", profile}, .input = operations}, 120s);
    BOOST_TEST_REQUIRE((done.status == 0 || done.status == 1), done.output << done.errors);
    const auto idle = lines_of(done.output);
    BOOST_TEST(!idle.empty());
    for (const auto& rule : idle) BOOST_TEST(known.contains(rule), profile << ": " << rule);
}

void expect_traced(const std::string& operations, const std::vector<std::string>& wanted) {
    for (const auto& one : wanted) BOOST_TEST(("\n" + operations).contains("\n" + one + "\n"), one);
}

BOOST_AUTO_TEST_SUITE(apparmor)

BOOST_AUTO_TEST_CASE(the_parser_accepts_both_profiles_without_a_warning) {
    for (const auto& profile : {k_metrics, k_settings}) BOOST_TEST(refused(profile, "") == "");
}

BOOST_AUTO_TEST_CASE(allows_what_the_service_does) {
    const auto& operations = what_the_service_does();
    expect_traced(operations,
                  {"rw /run/mysqld/mysqld.sock", "rw /run/dbus/system_bus_socket", "r /var/log/mail.log",
                   "r /etc/letsencrypt/archive/mail/fullchain1.pem", "r /var/backups/ceymail/",
                   "r /run/ceymail-attach/state", "r /etc/dovecot/dovecot.conf", "network 2 1", "signal 15"});
    BOOST_TEST(refused(k_metrics, operations) == "");
}

BOOST_AUTO_TEST_CASE(allows_what_the_settings_page_does) {
    const auto& operations = what_the_settings_page_does();
    expect_traced(operations, {"rw /run/mysqld/mysqld.sock", "r /etc/ceymail-metrics/gateway-secret",
                               "rw /run/ceymail-metrics/page/collectors.sock"});
    BOOST_TEST(refused(k_settings, operations) == "");
}

// So the cases above fail where any other rule is missing. The rules that are known to be idle:
BOOST_AUTO_TEST_CASE(few_rules_can_be_missing_unnoticed) {
    std::set<std::string> known{
        // The kernel maps the program before it makes a call that strace sees.
        "/usr/libexec/ceymail-metrics mr,", "/usr/libexec/ceymail-settings mr,",
        // No name server is asked here, by IPv6 neither, and no systemd-resolved runs.
        "network inet dgram,", "network inet6 dgram,", "network inet6 stream,", "@{run}/systemd/resolve/{,*.conf} r,",
        "@{run}/systemd/resolve/io.systemd.Resolve rw,",
        // The CA of MariaDB is no link.
        "/usr/local/share/ca-certificates/{,**} r,",
        // The base rules have the first two; the third is for a runtime directory that is not on a tmpfs.
        "@{PROC}/{meminfo,stat,sys/kernel/random/boot_id} r,", "@{PROC}/sys/kernel/random/boot_id r,",
        "@{run}/systemd/notify rw,",
        // The journal is in /var/log, and nginx answers instead of Apache.
        "@{run}/log/{,journal/,journal/**} r,", "@{run}/apache2/*.pid r,",
        // It forbids; refuses_the_keys_beside_certificates needs it.
        "deny /var/backups/*{passwd,shadow,group}* r,"};
    // Landlock alone opens these directories themselves.
    if (!ceymail::system::has_landlock())
        known.insert({"/{etc,run,usr,var}/ r,", "/usr/share/ca-certificates/{,**} r,", "@{run}/systemd/ r,"});
    expect_needed(k_metrics, what_the_service_does(), known);
    // The page is served without TCP and without the dashboard's sessions.
    known.insert({"network inet stream,", "/usr/share/ca-certificates/{,**} r,",
                  "/etc/ssl/{,openssl.cnf,certs/,certs/**} r,",
                  "/etc/{gai.conf,host.conf,hosts,nsswitch.conf,resolv.conf,services} r,",
                  "@{run}/credentials/ceymail-settings.service/{,*} r,"});
    expect_needed(k_settings, what_the_settings_page_does(), known);
}

BOOST_AUTO_TEST_CASE(no_path_chooses_a_profile) {
    for (const auto& profile : {k_metrics, k_settings}) BOOST_TEST(refused(profile, "attached\n") == "attached\n");
}

// A file of root's, or of another user's.
BOOST_AUTO_TEST_CASE(refuses_what_the_services_have_no_need_of) {
    const std::vector<std::string> for_both{
        "r /etc/shadow",
        "r /etc/gshadow",
        "r /etc/passwd",
        "r /etc/ssl/private/key.pem",
        "r /etc/ceymail.conf",
        "w /etc/ceymail-metrics/ceymail-metrics.conf",
        "w /etc/systemd/system/a.service",
        "w /etc/cron.d/a",
        "r /root/",
        "r /root/.ssh/id_ed25519",
        "r /home/amal/.ssh/id_ed25519",
        "r /home/amal/Maildir/new/1",
        "r /srv/secret",
        "r /var/mail/vhosts/example.test/amal/new/1",
        "r /var/lib/mysql/ceymail/virtual_users.ibd",
        "r /var/lib/ceymail-mc/config.json",
        "r /opt/mission-control/.env.local",
        "w /tmp/a",
        "w /var/tmp/a",
        "w /dev/shm/a",
        "w /run/a",
        "w /var/log/mail.log",
        "w /usr/lib/x86_64-linux-gnu/libc.so.6",
        "rw /run/docker.sock",
        "rw /run/systemd/private",
        "r /proc/1/environ",
        "r /proc/1/mem",
        "r /proc/kcore",
        "w /proc/sys/kernel/core_pattern",
        "r /dev/mem",
        "r /dev/sda",
        "x /bin/sh",
        "x /usr/bin/dash",
        "x /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "x /usr/libexec/ceymail-metrics",
        "x /usr/libexec/ceymail-settings",
        "x /run/ceymail-metrics/a",
        "m /run/ceymail-metrics/a.so",
        "m /run/ceymail-settings/a.so",
        "kill 9 unconfined",
        "kill 15 /usr/sbin/mariadbd",
        "ptrace unconfined",
        "mount",
        "pivot_root",
        "network 16 3",
        "network 17 3",
        "network 2 3",
        "capability 0",
        "capability 1",
        "capability 5",
        "capability 7",
        "capability 12",
        "capability 19",
        "capability 21",
        "dbus org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartUnit",
        "dbus org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager SetEnvironment",
        "dbus org.freedesktop.systemd1 /org/freedesktop/systemd1/unit/a_2eservice org.freedesktop.DBus.Properties Set",
        "dbus org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager PowerOff",
    };
    for (const auto& profile : {k_metrics, k_settings})
        BOOST_TEST(refused(profile, text_of(for_both)) == text_of(for_both), profile);
}

BOOST_AUTO_TEST_CASE(refuses_the_keys_beside_certificates) {
    const std::vector<std::string> keys{"r /etc/letsencrypt/archive/mail/privkey1.pem",
                                        "r /etc/letsencrypt/live/mail/privkey.pem",
                                        "r /etc/letsencrypt/accounts/acme/private_key.json",
                                        "r /etc/letsencrypt/keys/0000_key-certbot.pem",
                                        "r /var/backups/shadow.bak",
                                        "r /var/backups/gshadow.bak",
                                        "w /var/backups/ceymail/ceymail-backup-20270115-080000-config.tar.gz"};
    BOOST_TEST(refused(k_metrics, text_of(keys)) == text_of(keys));
}

BOOST_AUTO_TEST_CASE(refuses_the_settings_page_what_the_gatherer_may) {
    const std::vector<std::string> all{"r /var/log/mail.log",
                                       "r /var/spool/postfix/active/3F9A12",
                                       "r /var/backups/ceymail/",
                                       "r /etc/dovecot/dovecot.conf",
                                       "r /etc/postfix/main.cf",
                                       "rw /run/dbus/system_bus_socket",
                                       "rw /run/php/php-fpm.sock",
                                       "rw /run/ceymail-metrics/gatherer.sock",
                                       "r /run/ceymail-metrics/segment",
                                       "capability 2"};
    BOOST_TEST(refused(k_settings, text_of(all)) == text_of(all));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
