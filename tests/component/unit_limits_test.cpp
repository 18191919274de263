// SPDX-License-Identifier: MIT
// What the units of systemd allow, against the most that the configuration makes of the programs.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/config/configuration.hpp"
#include "ceymail/scheduler/snapshot_server.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

// The value of a unit's only line of this key.
std::string setting(const std::string& unit, const std::string& key) {
    const auto text = slurp(source("deploy/systemd/" + unit));
    const auto at = text.find("\n" + key + "=");
    BOOST_TEST_REQUIRE(at != std::string::npos, unit << " sets no " << key);
    BOOST_TEST_REQUIRE(text.find("\n" + key + "=", at + 1) == std::string::npos);
    const auto begin = at + key.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
}

unsigned most_workers() {
    unsigned most = 1;
    while (config::parse_configuration("workers = " + std::to_string(most + 1), "x").has_value()) ++most;
    return most;
}

// The number at "KEY:" in a file of /proc.
std::size_t number_in(const std::filesystem::path& path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key + ":")) return std::stoul(line.substr(key.size() + 1));
    return 0;
}

// With as many workers as can be.
struct MostWorkers {
    unsigned workers = most_workers();
    ResponderProcess responder{{{"workers", std::to_string(workers)}}};

    MostWorkers() {
        BOOST_TEST_REQUIRE(eventually([&] { return responder.workers().size() == workers; }, 30s));
        BOOST_TEST_REQUIRE(eventually([&] { return sum_of("status", "Threads") > workers + 6; }, 30s), "no collectors");
    }
    [[nodiscard]] std::size_t sum_of(const std::string& file, const std::string& key) {
        auto all = responder.workers();
        all.push_back(responder.gatherer());
        all.push_back(responder.supervisor().pid());
        std::size_t total = 0;
        for (const auto pid : all) total += number_in("/proc/" + std::to_string(pid) + "/" + file, key);
        return total;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(unit_limits)

BOOST_FIXTURE_TEST_CASE(allow_the_most_workers_and_a_gatherer_that_hangs_besides, MostWorkers) {
    const auto tasks = sum_of("status", "Threads");
    const auto of_gatherer = tasks - workers - 1;
    constexpr std::size_t k_more_readers = 7;      // of a long queue, on a host with many processors
    constexpr std::size_t k_paths_that_hang = 40;  // 16 certificates, 8 queues, the keys that are one path, servers
    BOOST_TEST(std::stoul(setting("ceymail-metrics.service", "TasksMax")) >=
               tasks + of_gatherer + 2 * (k_more_readers + k_paths_that_hang));
}

BOOST_FIXTURE_TEST_CASE(allow_twice_the_memory_of_the_most_workers, MostWorkers) {
    const auto limit = setting("ceymail-metrics.service", "MemoryMax");
    BOOST_TEST_REQUIRE(limit.ends_with("M"));
    const auto used = sum_of("smaps_rollup", "Pss");
    BOOST_TEST(used > 1000U);
    BOOST_TEST(std::stoul(limit) * 1024 >= 2 * used);
}

BOOST_AUTO_TEST_CASE(allow_the_gatherer_as_many_descriptors_as_it_takes_connections) {
    constexpr std::size_t k_own = 64;  // files, directories and sockets of the collectors, reports
    BOOST_TEST(std::stoul(setting("ceymail-metrics.service", "LimitNOFILE")) >= scheduler::k_clients + k_own);
}

BOOST_AUTO_TEST_CASE(leave_it_to_the_supervisor_to_replace_a_process_that_was_killed_for_memory) {
    for (const std::string unit : {"ceymail-metrics.service", "ceymail-settings.service"})
        BOOST_TEST(setting(unit, "OOMPolicy") == "continue", unit);
}

BOOST_AUTO_TEST_SUITE_END()
