// SPDX-License-Identifier: MIT
// The cost of a request in system calls, as strace(1) counts them, and no cost without requests.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "support/live_responder.hpp"
#include "support/miniature.hpp"

namespace {

using namespace ceymail::testing;
using namespace std::chrono_literals;

constexpr std::size_t k_requests = 20;

struct Fixture {
    LiveResponder responder{{.configuration = {{"workers", "1"}, {"cache_ttl", "300"}}}};
    std::string token = responder.generate();

    // Also so that last_used_at has been written for the next 5 s.
    void warm_up() {
        for (int i = 0; i < 3; ++i) BOOST_TEST_REQUIRE(responder.ask(token).status == 200, responder.log());
    }
};

std::string field(const std::filesystem::path& status, const std::string& name) {
    std::ifstream file(status);
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name + ":")) return line.substr(name.size() + 1);
    }
    return "0";
}

// strace(1) on one worker, from construction to calls().
class Strace {
public:
    Strace(pid_t pid, const std::filesystem::path& file)
        : m_file(file),
          m_strace({.arguments = {"strace", "-qq", "-e", "signal=none", "-o", file, "-p", std::to_string(pid)}}) {
        const auto status = "/proc/" + std::to_string(pid) + "/status";
        const bool attached = eventually([&] { return std::stoi(field(status, "TracerPid")) != 0; });
        BOOST_TEST_REQUIRE(attached, "strace does not come up: " << m_strace.errors());
    }

    // Of each request, from one accepted connection to the next; the last one, which nothing ends, is left out.
    std::vector<int> calls() {
        m_strace.terminate();
        std::ifstream file(m_file);
        std::vector<int> counts;
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with("accept4(") && !line.contains(" = -1 ")) counts.push_back(0);
            if (!counts.empty()) ++counts.back();
        }
        BOOST_TEST_REQUIRE(counts.size() == k_requests);
        counts.pop_back();
        return counts;
    }

private:
    std::filesystem::path m_file;
    ChildProcess m_strace;
};

// A worker that is quicker than its peer finds nothing on the connection yet: it then looks once more than it would,
// puts it on its watch list and waits.
constexpr int k_for_a_slow_peer = 3;

template <class Ask>
void check_calls(Fixture& fixture, int status, int bound, Ask ask) {
    Strace strace(fixture.responder.workers().at(0), fixture.responder.directory() / "strace");
    for (std::size_t i = 0; i < k_requests; ++i) BOOST_TEST_REQUIRE(ask().status == status);
    const auto calls = strace.calls();
    BOOST_TEST(std::ranges::min(calls) <= bound, status);
    BOOST_TEST(std::ranges::max(calls) <= bound + k_for_a_slow_peer, status);
}

// How often a thread of the responder was scheduled.
long long times_running(const LiveResponder& responder) {
    long long sum = 0;
    auto processes = responder.children();
    processes.push_back(responder.supervisor());
    for (const pid_t pid : processes) {
        for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
            for (const char* kind : {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"})
                sum += std::stoll(field(thread.path() / "status", kind));
        }
    }
    return sum;
}

BOOST_FIXTURE_TEST_SUITE(cost_of_a_request, Fixture)

// Accepting, looking, libfcgi's reading, sending, closing, waiting.
BOOST_AUTO_TEST_CASE(is_six_system_calls_where_it_is_refused) {
    warm_up();
    for (int i = 0; i < 12; ++i) BOOST_TEST_REQUIRE(responder.ask_with("", "192.0.2.1").status == 401);
    check_calls(*this, 429, 6, [&] { return responder.ask_with("", "192.0.2.1"); });
    check_calls(*this, 401, 6, [&] { return responder.ask_with(""); });
}

// Besides: the question to MariaDB, a look for its answer, waiting for it, the answer.
BOOST_AUTO_TEST_CASE(is_ten_system_calls_where_the_metrics_are_there) {
    warm_up();
    check_calls(*this, 200, 10, [&] { return responder.ask(token); });
}

BOOST_AUTO_TEST_CASE(is_nothing_while_nobody_asks) {
    warm_up();
    std::this_thread::sleep_for(500ms);  // for what the last answer left to do
    const auto before = times_running(responder);
    std::this_thread::sleep_for(10s);
    BOOST_TEST(times_running(responder) == before);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
