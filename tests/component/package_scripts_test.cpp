// SPDX-License-Identifier: MIT
// The package's maintainer scripts and the profiles of AppArmor, beside an apparmor_parser that writes down how it is
// called. tests/machine has dpkg run the scripts where AppArmor is missing.
#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail::testing;
using namespace std::chrono_literals;

// Runs commands where the directories that the scripts change are empty; nothing of the host is changed.
struct Host {
    TemporaryDirectory directory;

    Host() { BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check"); }

    void have_parser(const std::string& exit_code) const {
        const auto executable = std::filesystem::perms{0755};
        directory.write("bin/aa-enabled", "#!/bin/sh\nexit 0\n", executable);
        directory.write("bin/apparmor_parser",
                        "#!/bin/sh\necho \"$*\" >>" + (directory / "calls").string() + "\nexit " + exit_code + "\n",
                        executable);
    }
    [[nodiscard]] Finished run_commands(const std::string& commands) const {
        const std::string prepare =
            "set -e\nfor directory in /etc /var /run /usr/lib/ceymail-metrics; do\n"
            "[ ! -d $directory ] || mount -t tmpfs none $directory; done\n"
            "mkdir -p /etc/apparmor.d && cp deploy/apparmor/* /etc/apparmor.d\n"
            "script() { name=$1; shift; sh deploy/debian/ceymail-metrics.$name \"$@\"; }\n";
        return run({.arguments = {"unshare", "--mount", "--propagation", "private", "sh", "-c", prepare + commands},
                    .environment = {"PATH=" + (directory / "bin").string() + ":/usr/bin:/bin"}});
    }
    [[nodiscard]] std::string calls() const {
        return std::filesystem::exists(directory / "calls") ? slurp(directory / "calls") : std::string();
    }
};

constexpr const char* k_loaded =
    "--replace --skip-read-cache --write-cache /etc/apparmor.d/ceymail-metrics\n"
    "--replace --skip-read-cache --write-cache /etc/apparmor.d/ceymail-settings\n";

BOOST_AUTO_TEST_SUITE(package_scripts)

BOOST_AUTO_TEST_CASE(load_the_profiles_and_make_the_files_for_an_administrators_lines) {
    const Host host;
    host.have_parser("0");
    const auto done = host.run_commands(
        "script postinst configure 0.1.0\nstat -c '%a %s %n' /etc/apparmor.d/local/*\n"
        "echo '/srv/a r,' >/etc/apparmor.d/local/ceymail-metrics\nscript postinst configure 0.2.0\n"
        "cat /etc/apparmor.d/local/ceymail-metrics\n");
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(done.output ==
               "644 0 /etc/apparmor.d/local/ceymail-metrics\n644 0 /etc/apparmor.d/local/ceymail-settings\n"
               "/srv/a r,\n");
    BOOST_TEST(host.calls() == std::string(k_loaded) + k_loaded);
}

BOOST_AUTO_TEST_CASE(bring_back_no_profile_that_was_deleted) {
    const Host host;
    host.have_parser("0");
    const auto done = host.run_commands("rm /etc/apparmor.d/*\nscript postinst configure 0.1.0\nls /etc/apparmor.d\n");
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(done.output == "");
    BOOST_TEST(host.calls() == "");
}

BOOST_AUTO_TEST_CASE(succeed_where_a_profile_cannot_be_loaded_and_say_so) {
    const Host host;
    host.have_parser("1");
    const auto done = host.run_commands("script postinst configure 0.1.0\nscript postrm remove\n");
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(done.errors.contains("without AppArmor's profile ceymail-metrics;"), done.errors);
}

BOOST_AUTO_TEST_CASE(succeed_in_silence_where_there_is_no_apparmor) {
    const Host host;
    const auto done =
        host.run_commands("script postinst configure 0.1.0\nscript postrm remove\nscript postrm purge >/dev/null\n");
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(done.errors == "");
}

BOOST_AUTO_TEST_CASE(unload_the_profiles_at_a_removal_and_not_at_an_upgrade) {
    const Host host;
    host.have_parser("0");
    BOOST_TEST(host.run_commands("script postrm upgrade 0.3.0\n").status == 0);
    BOOST_TEST(host.calls() == "");
    BOOST_TEST(host.run_commands("script postrm remove\n").status == 0);
    BOOST_TEST(host.calls() == "--remove /etc/apparmor.d/ceymail-metrics\n--remove /etc/apparmor.d/ceymail-settings\n");
}

// dpkg has removed the profiles themselves.
BOOST_AUTO_TEST_CASE(leave_nothing_in_the_directory_of_the_profiles_at_a_purge) {
    const Host host;
    const auto done = host.run_commands(
        "script postinst configure 0.1.0\nmkdir -p /etc/apparmor.d/disable /var/cache/apparmor/1.0\n"
        "touch /etc/apparmor.d/local/other /var/cache/apparmor/1.0/ceymail-metrics\n"
        "ln -s ../ceymail-metrics /etc/apparmor.d/disable/ceymail-metrics\n"
        "rm /etc/apparmor.d/ceymail-*\nscript postrm purge >/dev/null\n"
        "find /etc/apparmor.d /var/cache/apparmor -type f -o -type l\n"
        "rm /etc/apparmor.d/local/other\nscript postrm purge >/dev/null\nls -d /etc/apparmor.d 2>/dev/null || echo "
        "gone\n");
    BOOST_TEST(done.status == 0, done.errors);
    BOOST_TEST(done.output == "/etc/apparmor.d/local/other\ngone\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
