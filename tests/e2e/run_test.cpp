// SPDX-License-Identifier: MIT
// deploy/miniature/run itself: how it ends, and what it leaves.
#include <boost/test/unit_test.hpp>

#include <csignal>

#include "support/demo.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Processes that stand in `directory` or name it, as "pid command".
std::vector<std::string> processes_of(const fs::path& directory) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
        std::error_code gone;
        std::string command;
        try {
            command = slurp(entry.path() / "cmdline");
        } catch (const std::exception&) {
            continue;
        }
        if (command.find(directory) != command.npos ||
            fs::read_symlink(entry.path() / "cwd", gone).string().starts_with(directory.string()))
            found.push_back(entry.path().filename().string() + " " + command.c_str());
    }
    return found;
}

void check_nothing_left(const fs::path& directory) {
    BOOST_TEST(eventually([&] { return processes_of(directory).empty(); }, 5s));
    BOOST_TEST(processes_of(directory) == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE(miniature_run)

BOOST_AUTO_TEST_CASE(prints_one_scrape_alone_when_asked_for_once) {
    const TemporaryDirectory parent;
    auto options = miniature_options(parent / "run");
    options.environment = {"ONCE=1"};
    const auto once = run(options, 120s);
    BOOST_TEST_REQUIRE(once.status == 0, once.errors);
    BOOST_TEST(once.output.starts_with("# HELP "));
    BOOST_TEST(once.output.ends_with("\n"));
    BOOST_TEST(value_of(once.output, "ceymail_queue_deferred").value_or(0) == 5);
    BOOST_TEST(value_of(once.output, "ceymail_mailboxes_total").value_or(0) == 12);
    check_nothing_left(parent / "run");
}

BOOST_AUTO_TEST_CASE(stops_all_at_an_interrupt) {
    Miniature miniature;
    miniature.process().signal(SIGINT);
    BOOST_TEST(miniature.process().wait(15s).value_or(-1) == 0, miniature.log());
    check_nothing_left(miniature.directory());
}

BOOST_AUTO_TEST_CASE(the_demo_stops_all_at_an_interrupt_too) {
    const TemporaryDirectory parent;
    const auto words = parent.write("words", "");
    auto options = demo_options(parent / "demo");
    options.errors_file = words;
    ChildProcess demo(options);
    BOOST_TEST_REQUIRE(
        eventually([&] { return slurp(words).find("demo: Ctrl-C stops all") != std::string::npos; }, 120s),
        slurp(words));
    demo.signal(SIGINT);
    BOOST_TEST(demo.wait(30s).value_or(-1) == 0, slurp(words));
    check_nothing_left(parent / "demo");
}

BOOST_AUTO_TEST_CASE(names_the_server_that_ended_and_stops_the_others) {
    Miniature miniature;
    for (const auto& process : processes_of(miniature.directory()))
        if (process.find("nginx: master") != process.npos) ::kill(std::stoi(process), SIGKILL);
    BOOST_TEST(miniature.process().wait(15s).value_or(-1) == 70);
    BOOST_TEST(miniature.log().find("run: nginx ended") != std::string::npos, miniature.log());
    check_nothing_left(miniature.directory());
}

BOOST_AUTO_TEST_CASE(starts_where_a_killed_one_was) {
    Miniature miniature;
    miniature.process().signal(SIGKILL);
    BOOST_TEST(miniature.process().wait(15s).value_or(0) == -SIGKILL);
    auto options = miniature_options(miniature.directory());
    options.environment = {"ONCE=1"};
    const auto next = run(options, 120s);
    BOOST_TEST(next.status == 0, next.errors);
    check_nothing_left(miniature.directory());
}

BOOST_AUTO_TEST_CASE(refuses_a_directory_that_is_in_use_or_not_its_own) {
    const auto beside = run(miniature_options(Miniature::shared().directory()), 20s);
    BOOST_TEST(beside.status == 75);
    BOOST_TEST(beside.errors.find("run: already running as process ") != std::string::npos, beside.errors);

    const TemporaryDirectory foreign;
    foreign.write("letter", "keep me");
    const auto refused = run(miniature_options(foreign.path()), 20s);
    BOOST_TEST(refused.status == 73);
    BOOST_TEST(slurp(foreign / "letter") == "keep me");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
