// SPDX-License-Identifier: MIT
// The shipped program while calls of the C library fail in it: memory, descriptors, sockets, threads. A request may be
// lost to that; no other may, no wrong answer may come, and nothing may stay behind when it is over.
// CEYMAIL_STORM=N: N requests at random instead of a few, and every call of a scrape in turn instead of some.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "ceymail/util/clock.hpp"
#include "support/failing_calls.hpp"
#include "support/responder_process.hpp"
#include "support/token_database.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using util::BootClock;

constexpr const char* k_wrong_token = "ceymail_this-is-some-other-one-0123456789";
constexpr auto k_longest = 7s;  // of one request: 5 s for the answer, and a worker's replacement before it

int storm_requests() {
    const char* const wanted = std::getenv("CEYMAIL_STORM");
    return wanted == nullptr ? 0 : std::atoi(wanted);
}

struct Reply {
    int status = 0;  // 0: none, or not whole
    std::string body;
};

class Responder : public ResponderProcess {
public:
    Responder(const TokenDatabase& database, const FailingCalls& calls)
        : ResponderProcess(database.settings({{"workers", "2"}, {"rate_window", "1"}, {"work_budget_percent", "0"}}),
                           calls.environment()),
          m_pid(supervisor().pid()) {}

    // What a web server would make of it: an answer that is cut short is none.
    Reply ask_for_better_or_worse(Scrape scrape) {
        // A thousand addresses: few enough for the table, which keeps who has shown a right token for an hour.
        scrape.address = "10.9." + std::to_string(asked / 250 % 4) + "." + std::to_string(asked % 250);
        const auto start = BootClock::now();
        std::string bytes;
        try {
            FastcgiClient client(address());
            client.send(request(scrape.parameters()));
            bytes = client.receive(k_longest + 1s);
        } catch (const std::system_error&) {
        }
        ++asked;
        BOOST_TEST((BootClock::now() - start < k_longest), "an answer took too long");
        const auto answer = read_answer(bytes);
        if (!answer.valid || !answer.ended || !answer.text.starts_with("Status: ")) return {};
        const auto cgi = read_cgi(answer.text);
        if (cgi.header("Content-Length") != std::to_string(cgi.body.size())) return {};
        return {cgi.status, cgi.body};
    }

    void check_right(const Reply& reply) {
        BOOST_TEST((reply.status == 0 || reply.status == 200 || reply.status == 500 || reply.status == 503),
                   "the right token was answered " << reply.status << " " << reply.body);
        lost += reply.status == 0 ? 1 : 0;
        if (reply.status != 200) return;
        ++served;
        BOOST_TEST(reply.body.find("\nceymail_build_info{") != std::string::npos, "a 200 without metrics");
        BOOST_TEST(reply.body.ends_with('\n'));
    }

    void check_wrong(const Reply& reply) {
        BOOST_TEST((reply.status == 0 || reply.status == 401 || reply.status == 500 || reply.status == 503),
                   "a wrong token was answered " << reply.status << " " << reply.body);
        lost += reply.status == 0 ? 1 : 0;
    }

    [[nodiscard]] bool has_recovered() {
        return eventually(
            [&] {
                const auto reply = ask_for_better_or_worse({.token = TokenDatabase::k_token});
                return reply.status == 200 && reply.body.find("ceymail_domains_total ") != std::string::npos &&
                       reply.body.find("ceymail_queue_active ") != std::string::npos &&
                       reply.body.find("ceymail_cpu_idle_jiffies ") != std::string::npos;
            },
            10s);
    }

    [[nodiscard]] bool supervisor_lives() { return supervisor().running() && supervisor().pid() == m_pid; }

    // Each of the two workers may yet connect to the database.
    [[nodiscard]] std::size_t most_open_files() const { return open_files() + 2; }
    [[nodiscard]] std::size_t open_files() const {
        std::size_t sum = 0;
        auto all = workers();
        all.push_back(gatherer());
        all.push_back(m_pid);
        for (const auto pid : all) {
            for ([[maybe_unused]] const auto& file :
                 std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
                ++sum;
        }
        return sum;
    }

    int asked = 0, served = 0, lost = 0;

private:
    pid_t m_pid;
};

struct Shaken {
    TokenDatabase database;
    FailingCalls calls;
    Responder responder{database, calls};
};

// The first, second, fourth, eighth, ...; in a storm every one.
std::int64_t next_call(std::int64_t n) { return storm_requests() > 0 ? n + 1 : 2 * n; }

void fail_each_in_turn(Shaken& shaken, Call call) {
    std::uint64_t failed = 0;
    for (std::int64_t n = 1; n < 5000; n = next_call(n)) {
        shaken.calls.fail_nth(call, n);
        shaken.responder.check_right(shaken.responder.ask_for_better_or_worse({.token = TokenDatabase::k_token}));
        const bool over = shaken.calls.failed() == 0;
        failed += shaken.calls.failed();
        if (!over) {
            shaken.calls.fail_nth(call, n);
            shaken.responder.check_wrong(shaken.responder.ask_for_better_or_worse({.token = k_wrong_token}));
            failed += shaken.calls.failed();
        }
        shaken.calls.stop();
        BOOST_TEST_REQUIRE(shaken.responder.supervisor_lives(), shaken.responder.log());
        if (over) break;
    }
    BOOST_TEST_MESSAGE(name_of(call) << ": " << failed << " calls failed");
    BOOST_TEST(shaken.responder.has_recovered(), name_of(call) << ": " << shaken.responder.log());
}

BOOST_AUTO_TEST_SUITE(failing_calls)

BOOST_FIXTURE_TEST_CASE(each_call_of_a_scrape_that_fails_costs_no_other_scrape, Shaken) {
    BOOST_TEST_REQUIRE(responder.has_recovered());
    const auto files = responder.most_open_files();
    for (const auto call : {Call::memory, Call::open, Call::map, Call::read, Call::write, Call::accept, Call::connect,
                            Call::watch, Call::fork})
        fail_each_in_turn(*this, call);
    BOOST_TEST(responder.served > 0);
    BOOST_TEST(eventually([&] { return responder.workers().size() == 2; }));
    BOOST_TEST(responder.has_recovered());
    BOOST_TEST(responder.open_files() <= files, responder.open_files() << " open files, before " << files);
    BOOST_TEST(responder.stop().value_or(-1) == 0, responder.log());
    BOOST_TEST_MESSAGE(responder.log());
    if (storm_requests() > 0)
        std::cout << "failing calls, one at a time: " << responder.asked << " requests, " << responder.lost
                  << " lost\n";
}

BOOST_FIXTURE_TEST_CASE(calls_that_fail_by_chance_bring_no_wrong_answer_and_leave_nothing_behind, Shaken) {
    BOOST_TEST_REQUIRE(responder.has_recovered());
    const auto files = responder.most_open_files();
    const int requests = storm_requests() > 0 ? storm_requests() : 60;
    constexpr auto k_all = (1U << static_cast<unsigned>(Call::count)) - 1;
    std::uint64_t failed = 0;
    for (int i = 0; i < requests; ++i) {
        if (i % 20 == 0) {
            failed += calls.failed();
            calls.fail_one_in(k_all, i % 40 == 0 ? 300 : 3000, static_cast<std::uint64_t>(i));
        }
        const bool right = i % 3 != 0;
        const auto reply = responder.ask_for_better_or_worse({.token = right ? TokenDatabase::k_token : k_wrong_token});
        right ? responder.check_right(reply) : responder.check_wrong(reply);
        BOOST_TEST_REQUIRE(responder.supervisor_lives(), responder.log());
    }
    failed += calls.failed();
    calls.stop();
    BOOST_TEST(failed > 0U);
    BOOST_TEST(responder.has_recovered(), responder.log());
    BOOST_TEST(eventually([&] { return responder.workers().size() == 2; }));
    BOOST_TEST(eventually([&] { return responder.open_files() <= files; }), responder.open_files()
                                                                                << " open files, before " << files);
    BOOST_TEST(responder.stop().value_or(-1) == 0, responder.log());
    BOOST_TEST_MESSAGE(responder.log());
    if (storm_requests() > 0)
        std::cout << "failing calls, by chance: " << failed << " calls failed in " << responder.asked << " requests, "
                  << responder.served << " served, " << responder.lost << " lost\n";
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
