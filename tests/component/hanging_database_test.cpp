// SPDX-License-Identifier: MIT
// A locked token table, and clients with wrong tokens that would make every worker wait for it.
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "support/live_responder.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_wrong_token = "ceymail_metrics_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr int k_strangers = 20;

// The addresses send 4 wrong tokens a second in all. Each of them uses its whole limit in a minute.
class Strangers {
public:
    explicit Strangers(const LiveResponder& live) {
        for (int i = 0; i < k_strangers; ++i)
            m_threads.emplace_back([&live, i](const std::stop_token& stop) {
                std::this_thread::sleep_for(i * 5s / k_strangers);
                for (int request = 0; request < 12 && !stop.stop_requested(); ++request) {
                    (void)live.ask(k_wrong_token, "203.0.113." + std::to_string(i));
                    for (int nap = 0; nap < 50 && !stop.stop_requested(); ++nap) std::this_thread::sleep_for(100ms);
                }
            });
    }

private:
    std::vector<std::jthread> m_threads;
};

BOOST_AUTO_TEST_SUITE(hanging_database)

BOOST_AUTO_TEST_CASE(strangers_with_wrong_tokens_starve_no_scrape) {
    LiveResponder live;
    const auto token = live.generate();
    BOOST_TEST_REQUIRE(live.ask(token).status == 200);
    ChildProcess locker(
        {.arguments = {"mariadb", "--no-defaults", "--socket=" + live.database().socket().string(), "-N", "-B", "-n"},
         .input = "LOCK TABLES ceymail_dashboard.metrics_tokens WRITE; SELECT 1; DO SLEEP(60);"});
    BOOST_TEST_REQUIRE(eventually([&] { return !locker.output().empty(); }));
    {
        const Strangers strangers(live);
        for (const auto end = util::BootClock::now() + 15s; util::BootClock::now() < end;
             std::this_thread::sleep_for(1s)) {
            const auto reply = live.ask(token);
            BOOST_TEST(reply.status == 200);
            BOOST_TEST(value_of(reply.body, "ceymail_auth_stale").value_or(0) == 1);
            BOOST_TEST(reply.took.count() < 2500);
        }
        // Also many at once: the requests before the first time-out wait for it, and the later ones do not.
        std::vector<std::jthread> crowd;
        for (int i = 0; i < 60; ++i)
            crowd.emplace_back(
                [&live, i] { (void)live.ask(k_wrong_token, "198.51.100." + std::to_string(i % k_strangers)); });
        std::this_thread::sleep_for(100ms);
        const auto reply = live.ask(token);
        BOOST_TEST(reply.status == 200);
        BOOST_TEST(reply.took.count() < 2500);
    }
    locker.terminate();
    BOOST_TEST(eventually([&] { return value_of(live.ask(token).body, "ceymail_database_up") == 1; }, 4s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
