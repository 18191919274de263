// SPDX-License-Identifier: MIT
// ceymail-attach's work on a real nginx and a real Apache: attached, found, put back, taken out, attached again.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <sysexits.h>
#include <unistd.h>

#include "attach_host.hpp"
#include "ceymail/attachment/attachment.hpp"
#include "ceymail/attachment/record.hpp"
#include "ceymail/attachment/site_file.hpp"
#include "support/captured_log.hpp"

namespace ceymail::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using attachment::attach;
using attachment::detach;
using attachment::Wish;
using site::WebServer;

constexpr WebServer k_servers[] = {WebServer::nginx, WebServer::apache};

struct stat status_of(const fs::path& path) {
    struct stat status{};
    BOOST_TEST_REQUIRE(::lstat(path.c_str(), &status) == 0, path);
    return status;
}

void check_dashboard(const AttachHost& host, const std::string& label) {
    BOOST_TEST(host.ask("/").body == "dashboard", label);
    const auto api = host.ask("/api/users");
    BOOST_TEST(api.status == 401, label);
    BOOST_TEST(api.header("x-ceymail-metrics").empty(), label);
}

// What went wrong, after a look at whether all is as before.
attachment::Failure check_refused(AttachHost& host, int exit_code, const std::string& words,
                                  const Wish& wish = Wish()) {
    const auto before = host.site_text();
    const auto done = attach(host.host(), wish);
    BOOST_TEST_REQUIRE(!done.has_value(), words);
    BOOST_TEST(done.error().exit_code == exit_code, done.error().message);
    BOOST_TEST(done.error().message.find(words) != std::string::npos, done.error().message << " lacks " << words);
    BOOST_TEST(host.site_text() == before, done.error().message);
    for (const auto& entry : fs::directory_iterator(host.path("sites-available")))
        BOOST_TEST(entry.path() == host.site_file(), entry.path());
    return done.error();
}

Wish with_settings() {
    Wish wish;
    wish.settings = true;
    return wish;
}
Wish with_plain_http() {
    Wish wish;
    wish.plain_http = true;
    return wish;
}
Wish of_site(const fs::path& path) {
    Wish wish;
    wish.site = path;
    return wish;
}

// A file system of 64 KiB over a directory.
class SmallDisk {
public:
    explicit SmallDisk(const fs::path& path) : m_path(path) {
        BOOST_TEST_REQUIRE(::mount("of-tests", m_path.c_str(), "tmpfs", 0, "size=64k,mode=0755") == 0);
    }
    ~SmallDisk() { ::umount2(m_path.c_str(), MNT_DETACH); }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    void remount(unsigned long flags) const {
        BOOST_TEST_REQUIRE(::mount("of-tests", m_path.c_str(), "tmpfs", MS_REMOUNT | flags, "size=64k") == 0);
    }
    [[nodiscard]] const std::string& path() const noexcept { return m_path; }

private:
    std::string m_path;
};

std::string published(const AttachHost& host) {
    const auto path = host.path("published/state");
    return fs::exists(path) ? slurp(path).substr(0, 2) : "";
}

BOOST_AUTO_TEST_SUITE(attach_site)

BOOST_AUTO_TEST_CASE(attaches_and_detaches_on_both_web_servers) {
    for (const auto server : k_servers) {
        AttachHost host(server);
        const std::string label(server == WebServer::nginx ? "nginx" : "Apache");
        const auto before = host.site_text();
        BOOST_TEST(host.scrape().header("x-ceymail-metrics").empty(), label);

        const auto done = attach(host.host(), {});
        BOOST_TEST_REQUIRE(done.has_value(), label << (done ? "" : done.error().message));
        BOOST_TEST(done->edited, label);
        BOOST_TEST(host.scrape().status == 200, label);
        check_dashboard(host, label);
        BOOST_TEST(fs::is_symlink(host.site_link()), label);
        BOOST_TEST(attachment::check(host.host(), {})->message.starts_with("attached: "), label);
        BOOST_TEST(published(host) == "1 ", label);

        const auto once = host.site_text();
        const auto again = attach(host.host(), {});
        BOOST_TEST_REQUIRE(again.has_value(), label << (again ? "" : again.error().message));
        BOOST_TEST(!again->edited, label);
        BOOST_TEST(host.site_text() == once, label);
        BOOST_TEST(host.reloads() == "reload\n", label);

        const auto out = detach(host.host(), {});
        BOOST_TEST_REQUIRE(out.has_value(), label << (out ? "" : out.error().message));
        BOOST_TEST(host.site_text() == before, label);
        BOOST_TEST(eventually([&] { return host.scrape().header("x-ceymail-metrics").empty(); }), label);
        check_dashboard(host, label);
        BOOST_TEST(published(host).empty(), label);
        BOOST_TEST(attachment::check(host.host(), {})->message.starts_with("not attached: "), label);
    }
}

BOOST_AUTO_TEST_CASE(attaches_the_page_too_when_asked_and_keeps_it) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    BOOST_TEST(host.ask(k_settings_page).status == 200);
    const auto done = attach(host.host(), with_settings());
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(host.ask(k_settings_page).status == 401);
    BOOST_TEST(!attach(host.host(), {})->edited);
    BOOST_TEST(host.ask(k_settings_page).status == 401);
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(keeps_owner_mode_and_attributes_of_the_file) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(::chown(host.site_file().c_str(), 1234, 2345) == 0);
    BOOST_TEST_REQUIRE(::chmod(host.site_file().c_str(), 0640) == 0);
    const bool has_attributes = ::setxattr(host.site_file().c_str(), "user.note", "x", 1, 0) == 0;
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto status = status_of(host.site_file());
    BOOST_TEST((status.st_uid == 1234 && status.st_gid == 2345 && (status.st_mode & 07777) == 0640));
    char value = 0;
    if (has_attributes) BOOST_TEST(::getxattr(host.site_file().c_str(), "user.note", &value, 1) == 1);
}

BOOST_AUTO_TEST_CASE(enables_apaches_modules_and_disables_them_when_it_fails) {
    AttachHost host(WebServer::apache);
    const auto reload = host.host().apache.reload;
    host.host().apache.reload = {"false"};
    check_refused(host, EX_UNAVAILABLE, "cannot reload apache2");
    BOOST_TEST(!fs::exists(host.path("mods-enabled/proxy_fcgi.load")));
    host.host().apache.reload = reload;
    const auto done = attach(host.host(), {});
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    const std::vector<std::string> all{"authn_core", "env", "proxy_fcgi", "setenvif"};
    BOOST_TEST(done->modules == all, boost::test_tools::per_element());
    BOOST_TEST(fs::exists(host.path("mods-enabled/proxy_fcgi.load")));
    const auto page = attach(host.host(), with_settings());
    BOOST_TEST_REQUIRE(page.has_value(), (page ? "" : page.error().message));
    const std::vector<std::string> of_page{"auth_basic", "authn_file", "authz_user"};
    BOOST_TEST(page->modules == of_page, boost::test_tools::per_element());
}

// Each of them is needed: without it Apache refuses the shipped file.
BOOST_AUTO_TEST_CASE(enables_no_module_of_apache_that_its_file_does_not_need) {
    AttachHost host(WebServer::apache);
    const auto needed = host.host().needed_modules;
    for (const auto& one : needed) {
        host.host().needed_modules = needed;
        std::erase(host.host().needed_modules, one);
        check_refused(host, EX_CONFIG, "with the change, the configuration of apache2 is invalid");
    }
}

BOOST_AUTO_TEST_CASE(attaches_an_apache_whose_port_is_a_variable_and_whose_engine_is_the_servers) {
    AttachHost host(WebServer::apache);
    auto text = replaced(host.dashboard_site(), "<VirtualHost 127.0.0.1:(\\d+)>\n(.*\n) *SSLEngine on\n",
                         "Define tls_port $1\n<VirtualHost 127.0.0.1:${tls_port}>\n$2");
    text = replaced(text, " *Redirect", "    SSLEngine off\n    Redirect");
    const auto tls = host.path("tls/server").string();  // the server needs a certificate of its own
    text = "SSLEngine on\nSSLCertificateFile " + tls + ".pem\nSSLCertificateKeyFile " + tls + ".key\n" + text;
    host.installer_writes(text);
    const auto done = attach(host.host(), {});
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(changes_nothing_when_the_configuration_was_invalid_before) {
    for (const auto server : k_servers) {
        AttachHost host(server);
        fs::copy_file(source("README.md"), host.path("sites-enabled/other.conf"));
        const auto failure = check_refused(host, EX_CONFIG, "it was so before any change");
        BOOST_TEST(failure.message.find("README") == std::string::npos);
        BOOST_TEST(failure.message.find("other.conf") != std::string::npos, failure.message);
        BOOST_TEST(host.reloads().empty());
    }
}

BOOST_AUTO_TEST_CASE(puts_all_back_when_the_include_makes_the_configuration_invalid) {
    for (const auto server : k_servers) {
        AttachHost host(server);
        const auto inode = status_of(host.site_file()).st_ino;
        std::ofstream(host.files().metrics_file, std::ios::app) << "no_such_directive on;\n";
        const auto failure = check_refused(host, EX_CONFIG, "with the change, the configuration of");
        BOOST_TEST(failure.message.find("no_such_directive") != std::string::npos, failure.message);
        BOOST_TEST(failure.message.ends_with("; the site is as before"), failure.message);
        BOOST_TEST(status_of(host.site_file()).st_ino == inode);
        BOOST_TEST(host.reloads().empty());
        BOOST_TEST(!fs::exists(host.path("mods-enabled/proxy_fcgi.load")));
    }
}

BOOST_AUTO_TEST_CASE(puts_all_back_when_the_endpoint_does_not_answer) {
    for (const auto server : k_servers) {
        AttachHost host(server);
        host.host().scrape_timeout = 1s;
        auto text = slurp(host.files().metrics_file);
        text = server == WebServer::nginx ? replaced(text, "location = /api/stats", "location = /api/other")
                                          : replaced(text, "/api/stats/metrics", "/api/other/metrics");
        std::ofstream(host.files().metrics_file) << text;
        check_refused(host, EX_UNAVAILABLE, "by the site instead of the responder");
        BOOST_TEST(host.reloads() == "reload\nreload\n");
        check_dashboard(host, "put back");
    }
}

BOOST_AUTO_TEST_CASE(names_a_responder_that_is_not_reached) {
    AttachHost host(WebServer::apache);
    host.host().scrape_timeout = 1s;
    const auto text = replaced(slurp(host.files().metrics_file), "unix:/[^|]*", "unix:/nonexistent");
    std::ofstream(host.files().metrics_file) << text;
    check_refused(host, EX_UNAVAILABLE, "the responder is not reached");
}

BOOST_AUTO_TEST_CASE(changes_nothing_while_the_web_server_is_down) {
    for (const auto server : k_servers) {
        AttachHost host(server);
        host.stop();
        check_refused(host, EX_UNAVAILABLE,
                      "is not running, so that the endpoint cannot be tried; nothing was changed");
    }
}

BOOST_AUTO_TEST_CASE(names_what_is_wrong_with_the_site) {
    AttachHost host(WebServer::nginx);
    const struct {
        const char* label;
        std::string text;
        const char* words;
    } table[] = {
        {"no TLS", "server {\n listen 127.0.0.1:@PLAIN@;\n location / { return 200 x; }\n}\n", "answers TLS"},
        {"two with TLS",
         nginx_dashboard_site() + "server { listen 127.0.0.1:@TLS@ ssl; server_name dash.example.test; }",
         "several server blocks qualify"},
        {"Lua", nginx_dashboard_site() + "server { content_by_lua_block { } }", "Lua cannot be read here"},
        {"unbalanced", nginx_dashboard_site() + "}", "unexpected \"}\""},
        {"empty", "", "answers TLS"},
    };
    for (const auto& row : table) {
        host.write_site(host.filled(row.text));
        const auto failure = check_refused(host, EX_DATAERR, row.words);
        BOOST_TEST(failure.message.starts_with(host.site_file().string()), failure.message);
    }
}

BOOST_AUTO_TEST_CASE(names_a_site_that_is_no_file) {
    AttachHost host(WebServer::nginx);
    const auto other = [&](const std::string& name) { return host.path(name); };
    fs::create_symlink("loop-b", other("loop-a"));
    fs::create_symlink("loop-a", other("loop-b"));
    fs::create_symlink("nowhere", other("dangling"));
    fs::create_hard_link(host.site_file(), other("hard"));
    BOOST_TEST_REQUIRE(::mkfifo(other("fifo").c_str(), 0644) == 0);
    const struct {
        const char* name;
        const char* words;
    } table[] = {
        {"loop-a", "lead in a circle"}, {"dangling", "to a file that does not exist"},
        {"missing", "No such file"},    {"sites-enabled", "it is a directory"},
        {"fifo", "it is a FIFO"},       {"hard", "another hard link"},
    };
    for (const auto& row : table) {
        const auto done = attach(host.host(), of_site(other(row.name)));
        BOOST_TEST_REQUIRE(!done.has_value(), row.name);
        BOOST_TEST(done.error().exit_code == EX_NOINPUT, row.name);
        BOOST_TEST(done.error().message.find(row.words) != std::string::npos, done.error().message);
    }
}

BOOST_AUTO_TEST_CASE(names_what_is_wrong_with_the_installers_file) {
    AttachHost host(WebServer::nginx);
    std::ofstream(host.host().ceymail_conf) << "DASHBOARD_DOMAIN=other.example.test\nWEB_SERVER=nginx\n";
    check_refused(host, EX_NOINPUT, "there is no site");
    std::ofstream(host.host().ceymail_conf) << "WEB_SERVER=nginx\n";
    check_refused(host, EX_CONFIG, "has no DASHBOARD_DOMAIN");
    fs::remove(host.host().ceymail_conf);
    check_refused(host, EX_NOINPUT, "is this a CeyMail host? Else name the site's file with --site");
    const auto done = attach(host.host(), of_site(host.site_link()));
    BOOST_TEST(done.has_value(), (done ? "" : done.error().message));
}

BOOST_AUTO_TEST_CASE(says_that_the_site_is_not_enabled) {
    AttachHost host(WebServer::nginx);
    fs::remove(host.site_link());
    check_refused(host, EX_CONFIG, "is not enabled");
}

BOOST_AUTO_TEST_CASE(edits_a_site_with_crlf_and_a_site_that_is_no_link) {
    AttachHost host(WebServer::nginx);
    const auto crlf = std::regex_replace(host.dashboard_site(), std::regex("\n"), "\r\n");
    fs::remove(host.site_link());
    std::ofstream(host.site_link()) << crlf;
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    BOOST_TEST(host.scrape().status == 200);
    BOOST_TEST(!std::regex_search(slurp(host.site_link()), std::regex("[^\r]\n")));
    BOOST_TEST_REQUIRE(detach(host.host(), {}).has_value());
    BOOST_TEST(slurp(host.site_link()) == crlf);
}

BOOST_AUTO_TEST_CASE(serves_a_site_without_tls_only_when_told) {
    AttachHost host(WebServer::nginx);
    host.write_site(host.filled("server {\n listen 127.0.0.1:@PLAIN@;\n location / { return 200 x; }\n}\n"));
    check_refused(host, EX_DATAERR, "the token would travel in clear");
    const auto done = attach(host.host(), with_plain_http());
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(done->url.starts_with("http://"), done->url);
}

BOOST_AUTO_TEST_CASE(tries_the_endpoint_by_ipv6_and_the_proxy_protocol) {
    AttachHost host(WebServer::nginx);
    auto text = replaced(host.dashboard_site(), "listen 127.0.0.1:(\\d+) ssl", "listen [::1]:$1 ssl proxy_protocol");
    host.write_site(text);
    BOOST_TEST_REQUIRE(run({.arguments = host.files().reload}).status == 0);
    const auto done = attach(host.host(), {});
    BOOST_TEST(done.has_value(), (done ? "" : done.error().message));
}

BOOST_AUTO_TEST_CASE(takes_the_include_out_of_the_former_site) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto other = host.link_other_site();
    CapturedLog log;
    const auto done = attach(host.host(), of_site(other));
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(host.site_text() == host.dashboard_site());
    BOOST_TEST(log.count("took the include out of the former site " + host.site_file().string()) == 1U);
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(does_not_overwrite_what_another_program_writes_meanwhile) {
    AttachHost host(WebServer::nginx);
    const auto file = attachment::SiteFile::open(host.site_link());
    BOOST_TEST_REQUIRE(file.has_value());
    host.write_site(host.dashboard_site() + "# rewritten\n");
    const auto replaced_by_us = file->replace("ours");
    BOOST_TEST_REQUIRE(!replaced_by_us.has_value());
    BOOST_TEST(replaced_by_us.error().exit_code == EX_TEMPFAIL);
    BOOST_TEST(host.site_text() == host.dashboard_site() + "# rewritten\n");

    // It writes into the file that it opened before the change.
    std::ofstream held(host.site_file(), std::ios::app);
    host.host().nginx.test = {"sh", "-c", "true"};
    const auto before = host.site_text();
    std::thread writer([&] {
        (void)eventually([&] { return host.reloads() == "reload\n"; }, 20s);
        held << "# late\n" << std::flush;
    });
    host.host().nginx.reload.back() += "; sleep 1";
    const auto done = attach(host.host(), {});
    writer.join();
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(host.site_text() == before + "# late\n");
}

BOOST_AUTO_TEST_CASE(puts_back_what_a_killed_run_left) {
    AttachHost host(WebServer::nginx);
    const auto before = host.site_text();
    host.host().nginx.reload = {"sleep", "30"};
    const pid_t child = ::fork();
    if (child == 0) {
        (void)attach(host.host(), {});
        ::_exit(0);
    }
    BOOST_TEST(eventually([&] { return host.site_text() != before; }));
    ::kill(child, SIGTERM);  // waits
    std::this_thread::sleep_for(200ms);
    BOOST_TEST(::kill(child, 0) == 0);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    BOOST_TEST(host.site_text() != before);
    host.host().nginx.test = {"false"};
    const auto next = attach(host.host(), {});
    BOOST_TEST_REQUIRE(!next.has_value());
    BOOST_TEST(next.error().message.find("it was so before") != std::string::npos, next.error().message);
    BOOST_TEST(host.site_text() == before);
}

// From the change of the site on, SIGTERM waits until the record tells of it: --remove and the units read that.
BOOST_AUTO_TEST_CASE(a_signal_between_the_change_and_its_record_waits_for_the_record) {
    AttachHost host(WebServer::nginx);
    const auto before = host.site_text();
    host.host().nginx.reload.back() += "; sleep 1";
    const pid_t child = ::fork();
    if (child == 0) {
        (void)attach(host.host(), {});
        ::_exit(0);
    }
    BOOST_TEST(eventually([&] { return host.site_text() != before; }));
    ::kill(child, SIGTERM);
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
    const auto record = attachment::load_record(host.host());
    BOOST_TEST_REQUIRE((record && record->has_value()));
    BOOST_TEST((*record)->file == host.site_file());
    BOOST_TEST(attachment::check(host.host(), {})->message.starts_with("attached: "));
    BOOST_TEST(host.scrape().status == 200);
}

// SIGKILL cannot wait. The new site has the include then, the record names the former one, whose change is not proven.
BOOST_AUTO_TEST_CASE(mends_what_a_run_left_that_was_killed_between_the_change_and_its_record) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto former = host.site_text();
    const auto other = host.link_other_site();
    const auto reload = host.host().nginx.reload;
    // The first reload is for the new site, the second for the former one: only the record is left to do then.
    host.host().nginx.reload.back() += "; [ $(wc -l <" + host.path("reloads").string() + ") -lt 3 ] || sleep 30";
    const pid_t child = ::fork();
    if (child == 0) {
        (void)attach(host.host(), of_site(other));
        ::_exit(0);
    }
    BOOST_TEST(eventually([&] { return host.site_text() != former; }, 20s));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    host.host().nginx.reload = reload;
    BOOST_TEST(attachment::load_record(host.host())->value().file == host.site_file());
    BOOST_TEST(attachment::check(host.host(), of_site(other))->message.starts_with("attached: "));

    const auto next = attach(host.host(), of_site(other));
    BOOST_TEST_REQUIRE(next.has_value(), (next ? "" : next.error().message));
    BOOST_TEST(!next->edited);
    BOOST_TEST(attachment::load_record(host.host())->value().file == other);
    BOOST_TEST(host.site_text() == host.dashboard_site());
    BOOST_TEST(!fs::exists(host.path("state/undo")));
    BOOST_TEST(host.scrape().status == 200);
}

// The same at the first run: the site is attached, and nothing is recorded. A repair does nothing then, so that the
// administrator's next run, --check and --remove must be right.
BOOST_AUTO_TEST_CASE(records_at_the_next_run_what_a_killed_first_run_attached) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    fs::remove(host.path("state/record"));
    BOOST_TEST(attachment::check(host.host(), {})->message.starts_with("attached: "));
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST(host.scrape().status == 200);
    const auto next = attach(host.host(), {});
    BOOST_TEST_REQUIRE(next.has_value(), (next ? "" : next.error().message));
    BOOST_TEST(!next->edited);
    BOOST_TEST(attachment::load_record(host.host())->has_value());
    fs::remove(host.path("state/record"));
    BOOST_TEST(detach(host.host(), {}).has_value());
    BOOST_TEST(host.site_text() == host.dashboard_site());
}

BOOST_AUTO_TEST_CASE(leaves_the_site_alone_on_a_disk_that_is_full_or_read_only) {
    AttachHost host(WebServer::nginx);
    const SmallDisk disk(host.path("sites-available"));
    host.write_site(host.dashboard_site());
    const auto fill = "head -c 1M /dev/zero >" + disk.path() + "/filler";
    (void)run({.arguments = {"sh", "-c", fill}});
    const auto full = attach(host.host(), {});
    BOOST_TEST_REQUIRE(!full.has_value());
    BOOST_TEST(full.error().exit_code == EX_CANTCREAT);
    BOOST_TEST(full.error().message.find("make room on its disk") != std::string::npos, full.error().message);
    BOOST_TEST(host.site_text() == host.dashboard_site());
    fs::remove(disk.path() + "/filler");
    for (const auto& entry : fs::directory_iterator(disk.path()))
        BOOST_TEST(entry.path().filename() == fs::path(host.site_file()).filename(), entry << " was left behind");

    disk.remount(MS_RDONLY);
    check_refused(host, EX_CANTCREAT, "mount its file system writable");
    disk.remount(0);

    // Putting back needs no room.
    host.host().nginx.reload = {"sh", "-c", fill + "; false"};
    const auto failure = attach(host.host(), {});
    BOOST_TEST_REQUIRE(!failure.has_value());
    BOOST_TEST(failure.error().message.find("; the site is as before") != std::string::npos, failure.error().message);
    BOOST_TEST(host.site_text() == host.dashboard_site());
}

// As after a power failure: the file system is mounted read-only until it was checked.
BOOST_AUTO_TEST_CASE(puts_back_at_a_later_run_what_a_killed_run_left_on_a_disk_that_is_read_only_then) {
    AttachHost host(WebServer::nginx);
    const SmallDisk disk(host.path("sites-available"));
    host.write_site(host.dashboard_site());
    const auto reload = host.host().nginx.reload;
    host.host().nginx.reload = {"sleep", "30"};
    const pid_t child = ::fork();
    if (child == 0) {
        (void)attach(host.host(), {});
        ::_exit(0);
    }
    BOOST_TEST(eventually([&] { return host.site_text() != host.dashboard_site(); }, 20s));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    host.host().nginx.reload = reload;
    disk.remount(MS_RDONLY);
    CapturedLog log;
    for (const bool settings : {true, false}) {
        attachment::Wish wish;
        wish.settings = settings;
        const auto refused = attach(host.host(), wish);
        BOOST_TEST_REQUIRE(!refused.has_value());
        BOOST_TEST(refused.error().message.contains("the site is not as before: "), refused.error().message);
        BOOST_TEST(refused.error().message.contains("mount its file system writable"), refused.error().message);
    }
    BOOST_TEST_REQUIRE(attachment::save_record(host.host(), {}).has_value());
    BOOST_TEST(attachment::repair(host.host()) == EX_CANTCREAT);
    BOOST_TEST(published(host) == "0 ");
    disk.remount(0);
    const auto done = attach(host.host(), {});
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(log.count("put back " + host.site_file().string()) == 1U);
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(only_one_works_at_a_time) {
    AttachHost host(WebServer::nginx);
    const auto lock = attachment::lock_state(host.host(), 0ms);
    BOOST_TEST_REQUIRE(lock.has_value());
    const auto second = attachment::lock_state(host.host(), 60ms);
    BOOST_TEST_REQUIRE(!second.has_value());
    BOOST_TEST(second.error().exit_code == EX_TEMPFAIL);
}

BOOST_AUTO_TEST_CASE(the_preview_changes_nothing) {
    AttachHost host(WebServer::apache);
    const auto before = host.site_text();
    const auto difference = attachment::preview(host.host(), {}, attachment::Direction::attach);
    BOOST_TEST_REQUIRE(difference.has_value());
    BOOST_TEST(host.site_text() == before);
    BOOST_TEST(!fs::exists(host.path("state")));
    const auto patched = run({.arguments = {"patch", "-s", "-o", "-", host.site_file()}, .input = *difference});
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    BOOST_TEST(patched.output == host.site_text(), patched.errors);
}

BOOST_AUTO_TEST_CASE(names_a_module_that_cannot_be_enabled_and_disables_the_others) {
    AttachHost host(WebServer::apache);
    const auto last = host.host().needed_modules.back();
    const auto enable = host.host().enable_module.at(2);
    host.host().enable_module.at(2) = "if [ $1 = " + last + " ]; then echo no such module; exit 1; fi; " + enable;
    const std::string words = "cannot enable Apache's module " + last +
                              ": no such module; the site is unchanged; run a2enmod " + last + " and look at";
    check_refused(host, EX_CONFIG, words);
    for (const auto& module : host.host().needed_modules)
        BOOST_TEST(!fs::exists(host.path("mods-enabled/" + module + ".load")), module);
    BOOST_TEST(host.reloads().empty());

    host.host().disable_module = {"sh", "-c", "echo it stays; exit 1", "a2dismod"};
    CapturedLog log;
    check_refused(host, EX_CONFIG, words);
    const auto& first = host.host().needed_modules.front();
    BOOST_TEST(log.count("cannot disable Apache's module " + first + " again: it stays; run a2dismod " + first) == 1U);
}

BOOST_AUTO_TEST_CASE(names_a_path_that_the_responder_does_not_serve) {
    AttachHost host(WebServer::nginx);
    host.host().scrape_timeout = 1s;
    host.host().endpoint_path = "/api/stats/other";
    const auto text = slurp(host.files().metrics_file);
    std::ofstream(host.files().metrics_file) << replaced(text, "= /api/stats/metrics", "= /api/stats/other");
    check_refused(host, EX_UNAVAILABLE, "/api/stats/other is answered 404: give `path` of ceymail-metrics.conf and");
}

BOOST_AUTO_TEST_CASE(names_a_page_that_asks_for_no_sign_in) {
    AttachHost host(WebServer::nginx);
    host.host().scrape_timeout = 1s;
    std::ofstream(host.files().settings_file) << "location ^~ " << k_settings_page << " { return 200 open; }\n";
    check_refused(host, EX_UNAVAILABLE,
                  std::string(k_settings_page) + " is answered 200 instead of a demand to sign in", with_settings());
    BOOST_TEST(attach(host.host(), {}).has_value(), "without the page");
}

BOOST_AUTO_TEST_CASE(names_a_file_of_the_package_that_is_gone) {
    AttachHost host(WebServer::nginx);
    fs::remove(host.files().settings_file);
    check_refused(host, EX_CONFIG, "there is no " + host.files().settings_file.string() + "; install the package again",
                  with_settings());
    const auto without = attach(host.host(), {});
    BOOST_TEST_REQUIRE(without.has_value(), (without ? "" : without.error().message));
    BOOST_TEST_REQUIRE(detach(host.host(), {}).has_value());
    fs::remove(host.files().metrics_file);
    check_refused(host, EX_CONFIG, "there is no " + host.files().metrics_file.string());
}

BOOST_AUTO_TEST_CASE(says_that_an_attached_endpoint_does_not_answer_and_changes_nothing) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().scrape_timeout = 300ms;
    const auto text = slurp(host.files().metrics_file);
    std::ofstream(host.files().metrics_file) << replaced(text, "location = /api/stats", "location = /api/other");
    host.stop();
    host.start();
    const auto reloads = host.reloads();
    check_refused(host, EX_UNAVAILABLE, "the site includes the endpoint, but https://dash.example.test");
    BOOST_TEST(host.reloads() == reloads);
}

BOOST_AUTO_TEST_CASE(goes_on_where_the_former_site_is_gone_or_no_file) {
    for (const bool is_gone : {true, false}) {
        AttachHost host(WebServer::nginx);
        BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
        const auto other = host.link_other_site();
        fs::remove(host.site_file());
        if (!is_gone) fs::create_directory(host.site_file());
        CapturedLog log;
        const auto done = attach(host.host(), of_site(other));
        BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
        BOOST_TEST(host.scrape().status == 200);
        BOOST_TEST(log.count("took the include out of the former site") == 0U);
        BOOST_TEST(log.count("cannot take the include out of the former site: cannot read the site " +
                             host.site_file().string() + ": it is a directory") == (is_gone ? 0U : 1U));
    }
}

BOOST_AUTO_TEST_CASE(takes_the_include_out_of_an_invalid_configuration_without_a_reload) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto reloads = host.reloads();
    fs::copy_file(source("README.md"), host.path("sites-enabled/other.conf"));
    CapturedLog log;
    const auto done = detach(host.host(), {});
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(host.site_text() == host.dashboard_site());
    BOOST_TEST(host.reloads() == reloads);
    BOOST_TEST(log.count("it was so before; the include is out, and nginx was not reloaded") == 1U);
}

// --remove with the name of another site.
BOOST_AUTO_TEST_CASE(takes_the_include_also_out_of_the_site_that_was_attached_last) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto other = host.path("other");
    std::ofstream(other) << host.dashboard_site();
    const auto done = detach(host.host(), of_site(other));
    BOOST_TEST_REQUIRE(done.has_value(), (done ? "" : done.error().message));
    BOOST_TEST(done->edited);
    BOOST_TEST(done->file == host.site_file());
    BOOST_TEST(host.site_text() == host.dashboard_site());
}

BOOST_AUTO_TEST_CASE(tells_an_include_that_was_made_by_hand) {
    AttachHost host(WebServer::nginx);
    host.write_site(replaced(host.dashboard_site(), "    location / \\{",
                             "    include snippets/ceymail-metrics*.conf;\n    location / {"));
    const auto found = attachment::check(host.host(), {});
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST((found->state == site::State::by_hand));
    BOOST_TEST(found->message.starts_with("attached: " + host.site_file().string() + ", line "), found->message);
    BOOST_TEST(found->message.ends_with(", by an include that ceymail-attach did not write"), found->message);
}

BOOST_AUTO_TEST_CASE(says_where_the_old_text_is_when_it_cannot_be_put_back) {
    AttachHost host(WebServer::nginx);
    host.host().nginx.reload = {"sh", "-c", "echo '# others' >>" + host.site_file().string() + "; exit 1"};
    const auto done = attach(host.host(), {});
    BOOST_TEST_REQUIRE(!done.has_value());
    const auto words =
        "the site is NOT as before: another program wrote " + host.site_file().string() + " meanwhile; its text is in ";
    const auto at = done.error().message.find(words);
    BOOST_TEST_REQUIRE(at != std::string::npos, done.error().message);
    const auto rest = done.error().message.substr(at + words.size());
    BOOST_TEST(slurp(rest.substr(0, rest.find(';'))) == host.dashboard_site(), rest);
    BOOST_TEST(host.site_text().find("# others\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_a_state_that_cannot_be_written_or_read) {
    AttachHost host(WebServer::nginx);
    const auto state = host.host().state_directory;
    std::ofstream(host.path("file")) << "";
    host.host().state_directory = host.path("file/state");
    check_refused(host, EX_CANTCREAT, "cannot make " + host.path("file/state").string());
    host.host().state_directory = state;
    fs::create_directories(state / "record");
    check_refused(host, EX_IOERR, (state / "record").string());
    CapturedLog log;
    BOOST_TEST(attachment::repair(host.host()) == EX_IOERR);
    BOOST_TEST(log.count((state / "record").string()) == 1U);
}

BOOST_AUTO_TEST_CASE(a_record_without_a_key_has_its_default) {
    AttachHost host(WebServer::nginx);
    const auto state = host.host().state_directory;
    fs::create_directories(state);
    std::ofstream(state / "record") << "web_server=apache2\nsettingsx=yes\nfile=/a=b\n";
    const auto record = attachment::load_record(host.host());
    BOOST_TEST_REQUIRE(record.has_value());
    BOOST_TEST_REQUIRE(record->has_value());
    BOOST_TEST(((*record)->wish.server == WebServer::apache));
    BOOST_TEST(!(*record)->wish.settings);
    BOOST_TEST((*record)->file == "/a=b");
    BOOST_TEST((*record)->failed_text.empty());
    BOOST_TEST((*record)->last_edit == 0);
}

BOOST_AUTO_TEST_CASE(reads_a_site_of_4_mib_and_none_that_is_longer) {
    AttachHost host(WebServer::nginx);
    const auto path = host.path("large");
    std::string text = host.dashboard_site() + "#";
    text.resize((4U << 20) - 1, 'x');
    std::ofstream(path) << text << '\n';
    const auto whole = attachment::SiteFile::open(path);
    BOOST_TEST_REQUIRE(whole.has_value(), (whole ? "" : whole.error().message));
    BOOST_TEST(whole->text().size() == 4U << 20);
    std::ofstream(path, std::ios::app) << '\n';
    const auto longer = attachment::SiteFile::open(path);
    BOOST_TEST_REQUIRE(!longer.has_value());
    BOOST_TEST(longer.error().exit_code == EX_NOINPUT);
    BOOST_TEST(longer.error().message == "cannot read the site " + path.string() + ": it is longer than 4 MiB");
}

BOOST_AUTO_TEST_CASE(names_a_site_that_is_a_socket_or_a_device) {
    const TemporaryDirectory directory;
    const std::pair<const char*, mode_t> table[] = {
        {"a socket", S_IFSOCK}, {"a device", S_IFCHR}, {"a device", S_IFBLK}};
    for (const auto& [words, kind] : table) {
        const std::string path = directory / "site";
        BOOST_TEST_REQUIRE(::mknod(path.c_str(), kind | 0600, makedev(1, 3)) == 0, words);
        const auto opened = attachment::SiteFile::open(path);
        BOOST_TEST_REQUIRE(!opened.has_value(), words);
        BOOST_TEST(opened.error().message == "cannot read the site " + path + ": it is " + words);
        fs::remove(path);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(repair_site)

BOOST_AUTO_TEST_CASE(attaches_again_what_the_installer_rewrote) {
    for (const auto server : k_servers) {
        AttachHost host(server);
        BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
        host.host().interval = 1s;
        host.write_site(host.dashboard_site());
        BOOST_TEST(attachment::check(host.host(), {})->message.starts_with("lost: "));
        CapturedLog log;
        const int code = attachment::repair(host.host());
        BOOST_TEST(code == 0);
        BOOST_TEST(log.count("the include was lost; attached again: " + host.site_file().string()) == 1U);
        BOOST_TEST(host.scrape().status == 200);
        BOOST_TEST(published(host) == "1 ");
    }
}

// The kept text is a second hard link of the site then.
BOOST_AUTO_TEST_CASE(attaches_again_after_a_repair_that_was_killed_before_its_change) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    host.installer_writes(host.dashboard_site());
    BOOST_TEST_REQUIRE(
        attachment::save_undo(host.host(), {host.site_file(), site::WebServer::nginx, "of the change"}).has_value());
    BOOST_TEST_REQUIRE(attachment::set_aside(host.site_file()).has_value());
    CapturedLog log;
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST(log.count("the include was lost; attached again: ") == 1U);
    BOOST_TEST(host.scrape().status == 200);
}

// A command of that run, between fork(2) and execve(2).
BOOST_AUTO_TEST_CASE(waits_for_the_lock_that_a_child_of_a_killed_run_holds_for_a_moment) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto attached = host.site_text();
    BOOST_TEST_REQUIRE(
        attachment::save_undo(host.host(), {host.site_file(), site::WebServer::nginx, "of the change"}).has_value());
    std::optional lock(attachment::lock_state(host.host(), 0ms));
    BOOST_TEST_REQUIRE(lock->has_value());
    std::thread child([&] {
        std::this_thread::sleep_for(300ms);
        lock.reset();
    });
    BOOST_TEST(attachment::repair(host.host()) == 0);
    child.join();
    BOOST_TEST(!fs::exists(host.path("state/undo")));
    BOOST_TEST(host.site_text() == attached);
}

// The site has the include, and the web server does not know it.
BOOST_AUTO_TEST_CASE(attaches_again_after_a_repair_that_was_killed_before_its_reload) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    host.installer_writes(host.dashboard_site());
    const auto reload = host.host().nginx.reload;
    host.host().nginx.reload = {"sleep", "30"};
    const pid_t child = ::fork();
    if (child == 0) {
        (void)attachment::repair(host.host());
        ::_exit(0);
    }
    BOOST_TEST(eventually([&] { return host.site_text() != host.dashboard_site(); }, 20s));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    host.host().nginx.reload = reload;
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST(host.scrape().status == 200);
    BOOST_TEST(!fs::exists(host.path("state/undo")));
}

// The installer first writes a site without TLS, and gets the certificate after that.
BOOST_AUTO_TEST_CASE(waits_until_the_installer_is_done) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    host.host().patience = 10s;
    host.write_site(host.filled("server { listen 127.0.0.1:@PLAIN@; location / { return 200 x; } }\n"));
    int code = -1;
    std::thread repairing([&] { code = attachment::repair(host.host()); });
    std::this_thread::sleep_for(1s);
    BOOST_TEST(published(host) == "0 ");
    host.write_site(host.dashboard_site());
    repairing.join();
    BOOST_TEST(code == 0);
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(gives_up_after_its_patience_and_says_why) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    host.host().patience = 500ms;
    host.write_site("server { listen 127.0.0.1:1; }\n");
    CapturedLog log;
    BOOST_TEST(attachment::repair(host.host()) == EX_DATAERR);
    BOOST_TEST(log.count("cannot attach again: ") == 1U);
    BOOST_TEST(published(host) == "0 ");
}

BOOST_AUTO_TEST_CASE(edits_at_most_once_in_its_interval) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto since = std::chrono::steady_clock::now();
    host.host().interval = 4s;
    host.write_site(host.dashboard_site());
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST((std::chrono::steady_clock::now() - since > 2s));  // whole seconds are kept
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(does_not_try_a_text_again_that_failed) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    const auto timeout = std::exchange(host.host().scrape_timeout, 300ms);
    const auto whole = slurp(host.files().metrics_file);
    std::ofstream(host.files().metrics_file) << replaced(whole, "location = /api/stats", "location = /api/other");
    host.installer_writes(host.dashboard_site());
    BOOST_TEST(attachment::repair(host.host()) == EX_UNAVAILABLE);
    BOOST_TEST(host.site_text() == host.dashboard_site());
    const auto reloads = host.reloads();
    for (int i = 0; i < 3; ++i) BOOST_TEST(attachment::repair(host.host()) == EX_TEMPFAIL);
    BOOST_TEST(host.reloads() == reloads);
    check_dashboard(host, "not in a loop");

    host.host().scrape_timeout = timeout;
    std::ofstream(host.files().metrics_file) << whole;
    host.write_site(host.dashboard_site() + "# changed\n");
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST(host.scrape().status == 200);
}

BOOST_AUTO_TEST_CASE(mends_what_was_damaged) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    const auto whole = host.site_text();
    host.host().interval = 0s;
    host.write_site(replaced(whole, "    # ceymail-metrics: end\n", ""));
    BOOST_TEST((attachment::check(host.host(), {})->state == site::State::damaged));
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST(host.site_text() == whole);
}

// Taking the include out is an event as well, and starts a repair.
BOOST_AUTO_TEST_CASE(does_not_attach_what_is_detached_meanwhile) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    host.host().quiet = 0s;
    auto slow = host.host();
    slow.nginx.reload = {"sh", "-c", "sleep 2"};  // the site is edited, the record still there
    std::thread detaching([&] { BOOST_TEST(detach(slow, {}).has_value()); });
    BOOST_TEST(eventually([&] { return host.site_text() == host.dashboard_site(); }));
    BOOST_TEST(attachment::repair(host.host()) == 0);
    detaching.join();
    BOOST_TEST(host.site_text() == host.dashboard_site());
    BOOST_TEST(published(host).empty());
}

BOOST_AUTO_TEST_CASE(does_nothing_where_nothing_was_attached) {
    AttachHost host(WebServer::nginx);
    CapturedLog log;
    BOOST_TEST(attachment::repair(host.host()) == 0);
    BOOST_TEST(log.count("nothing was attached on this host") == 1U);
    BOOST_TEST(host.site_text() == host.dashboard_site());
    BOOST_TEST(published(host).empty());
}

BOOST_AUTO_TEST_CASE(logs_that_a_failure_cannot_be_remembered) {
    AttachHost host(WebServer::nginx);
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const auto state = host.host().state_directory;
    fs::create_directory(state);
    const SmallDisk disk(state);
    BOOST_TEST_REQUIRE(attach(host.host(), {}).has_value());
    host.host().interval = 0s;
    host.host().quiet = 0s;
    host.write_site(host.dashboard_site());
    host.host().nginx.reload = {"sh", "-c", "head -c 100000 /dev/zero >" + (state / "full").string() + "; exit 1"};
    CapturedLog log;
    BOOST_TEST(attachment::repair(host.host()) == EX_UNAVAILABLE);
    BOOST_TEST(log.count("cannot write " + (state / "record").string() + ": No space left on device") == 1U);
    BOOST_TEST(log.count("cannot attach again: cannot reload nginx") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
