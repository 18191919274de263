// SPDX-License-Identifier: MIT
// A soak of seconds, what it leaves however it ends, and that its oracle notices what is wrong.
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <set>

#include <unistd.h>

#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

boost::test_tools::assertion_result as_root(boost::unit_test::test_unit_id) { return ::geteuid() == 0; }

// The programs that this test is built with, laid out as `make install` does it.
class Soak {
public:
    explicit Soak(const std::string& hours) {
        install("ceymail-metrics", "usr/libexec");
        install("ceymail-token", "usr/sbin");
        fs::create_directories(m_directory / "root/etc/nginx/snippets");
        fs::copy_file(source("nginx/ceymail-metrics.conf"),
                      m_directory / "root/etc/nginx/snippets/ceymail-metrics.conf");
        m_process.emplace(ChildOptions{
            .arguments = {source("tests/soak/run"), m_directory / "root", built_program("stepped-clock.so"), report()},
            .environment = {"HOURS=" + hours, "SEED=4"},
            .output_file = m_directory / "printed",
            .errors_file = m_directory / "printed"});
    }

    [[nodiscard]] ChildProcess& process() { return *m_process; }
    [[nodiscard]] fs::path report() const { return m_directory / "report"; }
    [[nodiscard]] std::string printed() const { return slurp(m_directory / "printed"); }
    [[nodiscard]] bool has_begun() const { return printed().find("the disturbances begin") != std::string::npos; }

    // Its processes name this directory in their arguments, or are in the namespace of the one that does.
    [[nodiscard]] std::set<std::string> processes() const {
        std::set<std::string> found;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            std::error_code gone;
            const auto root = fs::read_symlink(entry.path() / "ns/mnt", gone);
            if (!gone && m_namespaces.contains(root.string())) found.insert(entry.path().filename());
        }
        return found;
    }

    // Requires: it has begun.
    void remember_namespace() {
        for (const auto& entry : fs::directory_iterator("/proc")) {
            std::error_code gone;
            const auto own = fs::read_symlink("/proc/self/ns/mnt");
            try {
                if (slurp(entry.path() / "cmdline").find(report().string()) == std::string::npos) continue;
            } catch (const std::exception&) {
                continue;
            }
            const auto name = fs::read_symlink(entry.path() / "ns/mnt", gone);
            if (!gone && name != own) m_namespaces.insert(name.string());
        }
        BOOST_TEST_REQUIRE(m_namespaces.size() == 1U);
        BOOST_TEST_REQUIRE(processes().size() > 8U);  // run.py, MariaDB, nginx, the responder's
    }

private:
    void install(const std::string& program, const fs::path& directory) {
        fs::create_directories(m_directory / "root" / directory);
        fs::copy_file(built_program(program), m_directory / "root" / directory / program);
    }

    TemporaryDirectory m_directory;
    std::set<std::string> m_namespaces;
    std::optional<ChildProcess> m_process;
};

BOOST_AUTO_TEST_SUITE(soak, *boost::unit_test::precondition(as_root))

BOOST_AUTO_TEST_CASE(finds_nothing_wrong_in_some_seconds) {
    Soak soak("0.005");
    BOOST_TEST(soak.process().wait(150s).value_or(-1) == 0, soak.printed());
    const auto report = slurp(soak.report() / "soak.md");
    BOOST_TEST(report.find(" 0 wrong: held") != std::string::npos, report);
    BOOST_TEST(report.find("| workers: descriptors |") != std::string::npos, report);
    BOOST_TEST(slurp(soak.report() / "soak.csv").starts_with("at,segment bytes,supervisor descriptors,"));
}

BOOST_AUTO_TEST_CASE(names_a_process_that_died_and_leaves_nothing_but_its_report_after_a_signal) {
    Soak soak("0.01");
    BOOST_TEST_REQUIRE(eventually([&] { return soak.has_begun(); }, 60s), soak.printed());
    soak.remember_namespace();
    for (const auto& pid : soak.processes())
        if (slurp(fs::path("/proc") / pid / "comm") == "ceymail-gather\n") ::kill(std::stoi(pid), SIGKILL);
    BOOST_TEST(eventually([&] { return soak.printed().find("and none was killed") != std::string::npos; }, 20s),
               soak.printed());
    soak.process().signal(SIGTERM);
    BOOST_TEST(soak.process().wait(30s).value_or(-99) == 1);
    const auto report = slurp(soak.report() / "soak.md");
    BOOST_TEST(report.find("gatherer: the processes [") != std::string::npos, report);
    BOOST_TEST(report.find("SIGTERM ended the soak") != std::string::npos, report);
    BOOST_TEST(report.find(" wrong: BROKEN") != std::string::npos, report);
    BOOST_TEST(eventually([&] { return soak.processes().empty(); }, 5s));
    BOOST_TEST(slurp("/proc/self/mountinfo").find("- tmpfs soak ") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(leaves_no_process_and_no_mount_when_it_is_killed) {
    Soak soak("1");
    BOOST_TEST_REQUIRE(eventually([&] { return soak.has_begun(); }, 60s), soak.printed());
    soak.remember_namespace();
    soak.process().signal(SIGKILL);
    BOOST_TEST(soak.process().wait(30s).value_or(-99) == -SIGKILL);
    BOOST_TEST(eventually([&] { return soak.processes().empty(); }, 5s));
    BOOST_TEST(slurp("/proc/self/mountinfo").find("- tmpfs soak ") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(has_an_oracle_that_reports_each_wrong_answer) {
    const auto tests = run({.arguments = {"python3", "-B", source("tests/soak/oracle_test.py")}}, 60s);
    BOOST_TEST(tests.status == 0, tests.errors);
}

BOOST_AUTO_TEST_CASE(has_a_table_that_names_what_grew) {
    const auto tests = run({.arguments = {"python3", "-B", source("tests/soak/figures_test.py")}}, 60s);
    BOOST_TEST(tests.status == 0, tests.errors);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
