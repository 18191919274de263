// SPDX-License-Identifier: MIT
// A gatherer that hangs in the kernel at a dead mount, where SIGKILL has no effect: the service stops and starts
// nevertheless.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>

#include <boost/test/unit_test.hpp>

#include "ceymail/system/instance_lock.hpp"
#include "ceymail/system/landlock.hpp"
#include "support/hung_mount.hpp"
#include "support/mount_namespace.hpp"
#include "support/responder_process.hpp"
#include "support/token_database.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ceymail::testing;
using ceymail::util::BootClock;

boost::test_tools::assertion_result has_fuse(boost::unit_test::test_unit_id) { return HungMount::possible(); }

bool runs(pid_t pid) { return ::kill(pid, 0) == 0; }

struct DeadMount {
    TemporaryDirectory disk;
    TokenDatabase database;
    std::optional<HungMount> mount;
    ResponderProcess responder;

    DeadMount() : responder(settings(), {"WATCHDOG_USEC=600000"}) {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
        BOOST_TEST_REQUIRE(enter_mount_namespace());
        BOOST_TEST_REQUIRE(responder.stop().value_or(-1) == 0);
        mount.emplace(disk.path());
        mount->begin();
        responder.start();
    }
    ~DeadMount() { mount.reset(); }  // before the responder, so that its processes can exit

    [[nodiscard]] Settings settings() const {
        return database.settings({{"disk", disk.path()}, {"work_budget_percent", "0"}});
    }
    [[nodiscard]] CgiAnswer scrape() const {
        return responder.ask({.token = TokenDatabase::k_token, .timeout = "1.5"});
    }
    // The gatherer with a thread that no signal ends.
    [[nodiscard]] pid_t hanging_gatherer() {
        const auto pid = responder.gatherer();
        const auto answer = scrape();
        BOOST_TEST_REQUIRE(answer.status == 200);
        BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"disk\"} 0"), answer.body);
        BOOST_TEST_REQUIRE(mount->take_request());
        return pid;
    }
    [[nodiscard]] bool serves_all_but_disk() const {
        const auto answer = scrape();
        return answer.status == 200 && answer.mentions("ceymail_memory_total_bytes ") &&
               !answer.mentions("ceymail_disk_total_bytes ") &&
               value_of(answer.body, "ceymail_snapshot_age_seconds").value_or(10) < 1.5;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dead_mount, *boost::unit_test::precondition(has_fuse))

BOOST_FIXTURE_TEST_CASE(delays_a_stop_by_a_few_seconds_and_keeps_no_instance_from_starting, DeadMount) {
    const auto hangs = hanging_gatherer();
    const auto start = BootClock::now();
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    BOOST_TEST((BootClock::now() - start < 5s));
    BOOST_TEST(runs(hangs), "or nothing hung");
    BOOST_TEST(responder.log().find("gatherer " + std::to_string(hangs) + " cannot be ended") != std::string::npos,
               responder.log());
    BOOST_TEST(!ceymail::system::find_instance(responder.directory() / "run").has_value());

    responder.start();
    BOOST_TEST(serves_all_but_disk());
    BOOST_TEST(runs(hangs), "or nothing hung");
    mount.reset();
    BOOST_TEST(eventually([&] { return scrape().mentions("ceymail_disk_total_bytes "); }));
}

BOOST_FIXTURE_TEST_CASE(keeps_no_instance_from_replacing_a_damaged_segment, DeadMount) {
    const auto hangs = hanging_gatherer();
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    std::ofstream(responder.directory() / "run/segment", std::ios::in | std::ios::out) << "another version";
    responder.start();
    BOOST_TEST(runs(hangs), "or nothing hung");
    BOOST_TEST(
        responder.log().find("replaced " + (responder.directory() / "run/segment").string()) != std::string::npos,
        responder.log());
    BOOST_TEST(serves_all_but_disk());
}

BOOST_FIXTURE_TEST_CASE(keeps_no_instance_from_starting_after_the_supervisor_was_killed, DeadMount) {
    const auto hangs = hanging_gatherer();
    responder.supervisor().signal(SIGKILL);
    BOOST_TEST(responder.supervisor().wait(2s).value_or(0) == -SIGKILL);
    responder.start();
    BOOST_TEST(runs(hangs), "or nothing hung");
    BOOST_TEST(serves_all_but_disk());
}

// The kernel sends no SIGCHLD for a process while a thread of it hangs.
BOOST_FIXTURE_TEST_CASE(does_not_prevent_the_replacement_of_a_killed_gatherer, DeadMount) {
    const auto hangs = hanging_gatherer();
    ::kill(hangs, SIGKILL);
    BOOST_TEST(eventually([&] { return serves_all_but_disk(); }));
    BOOST_TEST(
        responder.log().find("gatherer " + std::to_string(hangs) + " has ended, but it hangs") != std::string::npos,
        responder.log());
    BOOST_TEST(runs(hangs), "or nothing hung");
}

// Each path that the service reads, dead when it starts.
BOOST_AUTO_TEST_CASE(costs_only_the_collector_that_reads_it) {
    BOOST_TEST_REQUIRE(enter_mount_namespace());
    const std::pair<const char*, const char*> keys[] = {{"disk", "disk"},
                                                        {"queue_directory", "queue"},
                                                        {"attach_state", "attachment"},
                                                        {"backup_directory", "backups"},
                                                        {"mail_log", "mail_log"},
                                                        {"fail2ban_log", "mail_log"}};
    const TokenDatabase database;
    for (const auto& [key, collector] : keys) {
        BOOST_TEST_CONTEXT(key) {
            const TemporaryDirectory directory;
            std::filesystem::create_directory(directory / "dead");
            std::optional<HungMount> dead(directory / "dead");
            const ResponderProcess responder(database.settings({{key, directory / "dead/file"}}),
                                             {"WATCHDOG_USEC=600000"});
            const auto answer = responder.ask({.token = TokenDatabase::k_token, .timeout = "2.5"});
            BOOST_TEST(answer.status == 200);
            BOOST_TEST(answer.mentions("ceymail_memory_total_bytes "), answer.body);
            BOOST_TEST(!answer.has_line("ceymail_collector_success{collector=\"" + std::string(collector) + "\"} 1"),
                       answer.body);
            dead.reset();  // so that the processes can exit
        }
    }
}

// Those that no key names, such as a Let's Encrypt directory that hosts share.
BOOST_AUTO_TEST_CASE(at_a_directory_of_certificates_costs_only_those) {
    BOOST_TEST_REQUIRE(enter_mount_namespace());
    const TokenDatabase database;
    int looked_at = 0;
    for (const auto& path : ceymail::system::directories_of_servers({})) {
        if (!std::filesystem::exists(path)) continue;
        BOOST_TEST_CONTEXT(path) {
            ++looked_at;
            std::optional<HungMount> dead(path);
            const ResponderProcess responder(database.settings({{"certificate", ""}}), {"WATCHDOG_USEC=600000"});
            const auto answer = responder.ask({.token = TokenDatabase::k_token, .timeout = "2.5"});
            BOOST_TEST(answer.mentions("ceymail_memory_total_bytes "), answer.body);
            BOOST_TEST(responder.log().find("cannot look at " + path.string() + ": it hangs") != std::string::npos,
                       responder.log());
            dead.reset();  // so that the processes can exit
            BOOST_TEST(eventually(
                [&] { return responder.log().find("what hung at the start answers again") != std::string::npos; }));
        }
    }
    BOOST_TEST(looked_at > 0, "nginx and Postfix are among what the tests need");
}

BOOST_AUTO_TEST_CASE(needs_no_restart_when_it_answers_again) {
    BOOST_TEST_REQUIRE(enter_mount_namespace());
    const TokenDatabase database;
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "dead");
    const auto archive = directory.write("dead/mail.tar.gz", "an archive");
    std::filesystem::last_write_time(archive, std::filesystem::file_time_type::clock::now() - 10min);
    std::optional<HungMount> dead(directory / "dead");
    const ResponderProcess responder(database.settings({{"backup_directory", directory / "dead"}}));
    const auto scrape = [&] { return responder.ask({.token = TokenDatabase::k_token, .timeout = "2.5"}); };
    BOOST_TEST(!scrape().mentions("ceymail_backup_last_bytes "));
    const auto log = [&](const std::string& words) { return responder.log().find(words) != std::string::npos; };
    BOOST_TEST(log("cannot look at " + (directory / "dead").string() + ": it hangs, mostly at a dead mount"),
               responder.log());
    dead.reset();
    BOOST_TEST(eventually([&] { return scrape().has_line("ceymail_backup_last_bytes 10"); }), responder.log());
    BOOST_TEST(log("what hung at the start answers again"), responder.log());
}

BOOST_AUTO_TEST_SUITE_END()
