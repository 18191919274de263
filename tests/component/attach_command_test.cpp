// SPDX-License-Identifier: MIT
// The command line of ceymail-attach, the commands that it runs, and the units that it starts.
#include <sys/mount.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "ceymail/attachment/command.hpp"
#include "ceymail/attachment/host.hpp"
#include "ceymail/attachment/site_file.hpp"
#include "ceymail/attachment/watch.hpp"
#include "support/captured_log.hpp"
#include "support/child_process.hpp"
#include "support/forked_child.hpp"
#include "support/mount_namespace.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using attachment::run_command;

Finished attach_tool(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), built_program("ceymail-attach"));
    return run({.arguments = arguments});
}

BOOST_AUTO_TEST_SUITE(attach_command)

BOOST_AUTO_TEST_CASE(refuses_options_that_do_not_go_together) {
    const struct {
        std::vector<std::string> in;
        const char* words;
    } table[] = {
        {{"--check", "--remove"}, "give one of --remove, --check and --repair"},
        {{"--check", "--dry-run"}, "--dry-run does not go with"},
        {{"--repair", "--site", "/x"}, "--repair takes what was attached before, without --site"},
        {{"--repair", "--settings"}, "without --settings"},
        {{"--site", ""}, "--site needs the name of a file"},
        {{"--site", "/a\nb"}, "--site needs the name of a file"},
        {{"--domain", "a b"}, "--domain needs a host name"},
        {{"--web-server", "caddy"}, "--web-server is nginx or apache2"},
        {{"--no-such"}, "see ceymail-attach --help"},
        {{"operand"}, "see ceymail-attach --help"},
    };
    for (const auto& row : table) {
        const auto finished = attach_tool(row.in);
        BOOST_TEST(finished.status == EX_USAGE, row.words);
        BOOST_TEST(finished.errors.find(row.words) != std::string::npos, finished.errors << " lacks " << row.words);
    }
}

BOOST_AUTO_TEST_CASE(judges_a_site_by_its_exit_code) {
    const TemporaryDirectory directory;
    const std::string plain = "server {\n    listen 443 ssl;\n    location / { }\n}\n";
    const std::string begin = "    # ceymail-metrics: begin, by ceymail-attach(8)\n";
    const std::string rest = "    include snippets/ceymail-metrics*.conf;\n    # ceymail-metrics: end\n";
    const auto with = [&](const std::string& lines) {
        return std::string(plain).insert(plain.find("    location"), lines);
    };
    const struct {
        std::string text;
        int code;
        const char* words;
    } table[] = {
        {with(begin + rest), 0, "attached: "},
        {plain, 1, "not attached: "},
        {with(begin), 2, "damaged: "},
        {"server { listen 80; }\n" + begin + rest, 2, "damaged: "},
        {"server { listen 80; }\n", 1, "not attached: "},
    };
    for (const auto& row : table) {
        const auto finished = attach_tool({"--check", "--site", directory.write("site", row.text)});
        BOOST_TEST(finished.status == row.code, row.text);
        BOOST_TEST(finished.output.starts_with(row.words), finished.output);
    }
    const auto missing = attach_tool({"--check", "--site", directory / "missing"});
    BOOST_TEST(missing.status == EX_NOINPUT);
    BOOST_TEST(missing.output.empty());
}

BOOST_AUTO_TEST_CASE(a_wrong_key_of_the_page_matters_for_the_page_alone) {
    const TemporaryDirectory directory;
    const auto site = directory.write("site", "server {\n    listen 443 ssl;\n    location / { }\n}\n");
    const auto wrong = directory.write("x.conf", "settings_session_secret = nowhere\n");
    const std::string words = "x.conf: settings_session_secret = nowhere: the value is not allowed";
    const auto without = attach_tool({"--dry-run", "--site", site, "--config", wrong});
    BOOST_TEST(without.status == 0, without.errors);
    BOOST_TEST(without.errors.find(words) != std::string::npos, without.errors);
    BOOST_TEST(without.output.find("ceymail-metrics*.conf") != std::string::npos, without.output);
    const auto with = attach_tool({"--dry-run", "--settings", "--site", site, "--config", wrong});
    BOOST_TEST(with.status == EX_CONFIG);
    BOOST_TEST(with.errors.find(words) != std::string::npos, with.errors);
    BOOST_TEST(with.output.empty(), with.output);
}

BOOST_AUTO_TEST_CASE(prints_the_difference) {
    const TemporaryDirectory directory;
    const auto site = directory.write("site", "server {\n    listen 443 ssl;\n    location / { }\n}\n");
    const auto finished = attach_tool({"--dry-run", "--site", site});
    BOOST_TEST(finished.status == 0, finished.errors);
    BOOST_TEST(finished.output.find("\n+    include snippets/ceymail-metrics*.conf;\n") != std::string::npos,
               finished.output);
}

BOOST_AUTO_TEST_CASE(runs_a_command_without_a_shell_and_with_a_bare_environment) {
    const auto finished = run_command({"env"}, 5s);
    BOOST_TEST(finished.succeeded());
    BOOST_TEST(finished.output == "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
    BOOST_TEST(run_command({"echo", "$HOME; *"}, 5s).output == "$HOME; *\n");
    BOOST_TEST(run_command({"cat"}, 5s).succeeded());  // no input
    BOOST_TEST(run_command({}, 5s).succeeded());
}

BOOST_AUTO_TEST_CASE(says_how_a_command_failed) {
    const struct {
        std::vector<std::string> in;
        int code;
        const char* cause;
    } table[] = {
        {{"false"}, 1, "exit code 1"},
        {{"/nonexistent"}, 127, "the command is missing"},
        {{"sh", "-c", "kill -9 $$"}, 137, "exit code 137"},
        {{"sh", "-c", "echo one; echo two >&2; exit 3"}, 3, "one two"},
        {{"sh", "-c", "echo 'nginx: [emerg] x'; echo 'nginx: configuration file y test failed'; exit 1"},
         1,
         "nginx: [emerg] x"},
    };
    for (const auto& row : table) {
        const auto finished = run_command(row.in, 5s);
        BOOST_TEST(!finished.succeeded(), row.cause);
        BOOST_TEST(finished.exit_code == row.code, row.cause);
        BOOST_TEST(finished.cause() == row.cause);
    }
    const auto loud = run_command({"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; exit 1"}, 5s);
    BOOST_TEST(loud.output.size() == 16U * 1024U);
    BOOST_TEST(loud.cause().size() == 400U);
}

BOOST_AUTO_TEST_CASE(ends_a_command_that_hangs_and_its_children) {
    const TemporaryDirectory directory;
    const auto pid_file = (directory / "pid").string();
    const auto since = std::chrono::steady_clock::now();
    const auto finished = run_command({"sh", "-c", "sleep 60 & echo $! >" + pid_file + "; wait"}, 500ms);
    BOOST_TEST(finished.timed_out);
    BOOST_TEST(finished.cause() == "it did not end in time");
    BOOST_TEST((std::chrono::steady_clock::now() - since < 20s));
    const auto child = std::stoi(slurp(pid_file));
    bool gone = false;
    for (int i = 0; i < 200 && !gone; ++i) {
        gone = !fs::exists("/proc/" + std::to_string(child) + "/exe");
        ::usleep(10'000);
    }
    BOOST_TEST(gone);
}

BOOST_AUTO_TEST_CASE(does_not_wait_for_a_child_that_keeps_the_output_open) {
    const auto since = std::chrono::steady_clock::now();
    BOOST_TEST(run_command({"sh", "-c", "sleep 20 & echo done"}, 30s).succeeded());
    BOOST_TEST((std::chrono::steady_clock::now() - since < 15s));
}

attachment::Host watched_host(const TemporaryDirectory& directory) {
    const auto noted = [&](const std::string& word) {
        return attachment::Arguments{"sh", "-c", "echo " + word + " >>" + (directory / "ran").string()};
    };
    attachment::Host host;
    host.watched = {"/etc/nginx/sites-enabled", "/etc/nginx/sites-available"};
    host.drop_ins = directory / "units";
    host.reload_units = noted("reload");
    host.start_watch = noted("start");
    host.stop_watch = noted("stop");
    return host;
}

BOOST_AUTO_TEST_CASE(starts_and_stops_the_units) {
    const TemporaryDirectory directory;
    const auto host = watched_host(directory);
    attachment::start_watch(host, "/etc/nginx/sites-enabled/a", "/etc/nginx/sites-available/a");
    BOOST_TEST(slurp(directory / "ran") == "reload\nstart\n");
    BOOST_TEST(!fs::exists(host.drop_ins));
    attachment::stop_watch(host);
    BOOST_TEST(slurp(directory / "ran") == "reload\nstart\nstop\nreload\n");
}

BOOST_AUTO_TEST_CASE(watches_a_site_in_another_directory_by_a_drop_in) {
    const TemporaryDirectory directory;
    const auto host = watched_host(directory);
    attachment::start_watch(host, "/srv/a/site", "/srv/b/site");
    const auto path = host.drop_ins / "ceymail-attach.path.d/site.conf";
    BOOST_TEST(slurp(path).ends_with("[Path]\nPathChanged=/srv/a\nPathChanged=/srv/b\n"), slurp(path));
    BOOST_TEST(slurp(host.drop_ins / "ceymail-attach.service.d/site.conf")
                   .ends_with("[Service]\nReadWritePaths=-/srv/a\nReadWritePaths=-/srv/b\n"));
    attachment::start_watch(host, "/etc/nginx/sites-enabled/a", "/etc/nginx/sites-available/a");
    BOOST_TEST(!fs::exists(path));

    CapturedLog log;
    attachment::start_watch(host, "/srv/a%h/site", "/srv/a%h/site");
    BOOST_TEST(log.count("the directory /srv/a%h is not watched") == 1U);
    attachment::stop_watch(host);
    BOOST_TEST(!fs::exists(path));
}

BOOST_AUTO_TEST_CASE(says_that_nothing_watches_without_systemd) {
    attachment::Host host;
    CapturedLog log;
    attachment::start_watch(host, "/a/b", "/a/b");
    BOOST_TEST(log.count("without systemd nothing watches the site") == 1U);
}

BOOST_AUTO_TEST_CASE(names_a_configuration_that_cannot_be_used) {
    const TemporaryDirectory directory;
    const auto wrong = directory.write("x.conf", "no_such_key = 1\n");
    for (const std::string command : {"--check", "--repair", "--dry-run"}) {
        const auto finished = attach_tool({command, "--config", wrong});
        BOOST_TEST(finished.status == EX_CONFIG, command);
        BOOST_TEST(finished.errors.find("x.conf: no_such_key: there is no such key") != std::string::npos,
                   finished.errors);
    }
}

BOOST_AUTO_TEST_CASE(takes_the_domain_and_the_web_server_from_the_command_line) {
    const TemporaryDirectory directory;
    const auto block = [](const std::string& name, const std::string& lines) {
        return "server {\n    listen 443 ssl;\n    server_name " + name + ";\n" + lines + "    location / { }\n}\n";
    };
    const std::string include =
        "    # ceymail-metrics: begin, by ceymail-attach(8)\n    include snippets/ceymail-metrics*.conf;\n"
        "    # ceymail-metrics: end\n";
    const auto site = directory.write("site", block("a.example.org", "") + block("b.example.org", include));
    const auto check = [&](const std::string& domain, const std::string& server) {
        return attach_tool({"--check", "--site", site, "--domain", domain, "--web-server", server});
    };
    BOOST_TEST(check("B.example.ORG", "nginx").status == 0);
    BOOST_TEST(check("B.example.ORG", "nginx").output.starts_with("attached: "));
    BOOST_TEST(check("a.example.org", "nginx").status != 0);
    const auto as_apache = check("b.example.org", "apache2");
    BOOST_TEST(as_apache.status != 0);
    BOOST_TEST(as_apache.output.find("no virtual host of it answers TLS") != std::string::npos,
               as_apache.output << as_apache.errors);
}

// In a mount namespace of its own.
BOOST_AUTO_TEST_CASE(reloads_and_watches_by_systemd_where_that_runs) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    ForkedChild child([] {
        if (!enter_mount_namespace()) return 1;
        if (::mount("of-tests", "/run", "tmpfs", 0, nullptr) != 0) return 2;
        const auto without = attachment::installed_host({});
        if (!without.start_watch.empty() || without.nginx.reload.front() == "systemctl") return 3;
        fs::create_directories("/run/systemd/system");
        const auto with = attachment::installed_host({});
        if (with.reload_units != attachment::Arguments{"systemctl", "daemon-reload"}) return 4;
        for (const auto* const command : {&with.start_watch, &with.stop_watch})
            if (std::ranges::count(*command, "--now") != 1 ||
                std::ranges::count(*command, "ceymail-attach.path") != 1 ||
                std::ranges::count(*command, "ceymail-attach.timer") != 1)
                return 5;
        if (with.start_watch.at(1) != "enable" || with.stop_watch.at(1) != "disable") return 6;
        return with.nginx.reload.front() == "systemctl" && with.apache.reload.front() == "systemctl" ? 0 : 7;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(site_file)

// A regular file whose read fails. In a child, which a loop without end would keep.
BOOST_AUTO_TEST_CASE(that_cannot_be_read_is_refused_at_once) {
    ForkedChild child([] {
        ::alarm(5);
        const auto file = attachment::SiteFile::open("/proc/self/mem");
        return !file && file.error().exit_code == EX_IOERR ? 0 : 1;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
