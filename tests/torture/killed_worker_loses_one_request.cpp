// SPDX-License-Identifier: MIT
// A killed worker loses only its own request and is replaced at once; one that cannot live is not started in a loop.
#include <algorithm>
#include <csignal>
#include <set>
#include <thread>

#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Clients that ask without end, and count.
class Clients {
public:
    Clients(const LiveResponder& live, const std::string& token, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            m_threads.emplace_back([&live, token, this](const std::stop_token& stop) {
                while (!stop.stop_requested()) {
                    ++(live.ask(token).status == 200 ? answered : lost);
                    std::this_thread::sleep_for(3ms);
                }
            });
        }
    }
    void stop() { m_threads.clear(); }

    std::atomic<std::size_t> answered{0};
    std::atomic<std::size_t> lost{0};

private:
    std::vector<std::jthread> m_threads;
};

milliseconds until(const std::function<bool()>& condition) {
    const auto begin = util::BootClock::now();
    while (!condition() && util::BootClock::now() - begin < 5s) std::this_thread::sleep_for(1ms);
    return std::chrono::duration_cast<milliseconds>(util::BootClock::now() - begin);
}

// Each in turn, when it has lived for more than a second.
void kill_one_after_another(Proof& proof, const LiveResponder& live, std::size_t kills) {
    std::vector<milliseconds> took;
    auto order = live.workers();
    for (std::size_t i = 0; i < kills; ++i) {
        std::this_thread::sleep_for(1100ms / order.size());
        const auto victim = order.front();
        ::kill(victim, SIGKILL);
        took.push_back(until([&] {
            const auto now = live.workers();
            return now.size() == order.size() && std::ranges::find(now, victim) == now.end();
        }));
        order.erase(order.begin());
        for (const pid_t pid : live.workers()) {
            if (std::ranges::find(order, pid) == order.end()) order.push_back(pid);
        }
    }
    const auto slowest = *std::ranges::max_element(took);
    proof.hold(slowest <= 200ms, "a killed worker was replaced after " + std::to_string(slowest.count()) + " ms");
    proof.tell(kills, "kills");
    proof.tell("replaced within " + std::to_string(slowest.count()) + " ms");
}

// Each worker has a request in hand, for the database does not answer; one of them dies.
void kill_with_a_request_in_hand(Proof& proof, LiveResponder& live, const std::string& token, std::size_t rounds) {
    for (std::size_t i = 0; i < rounds; ++i) {
        std::this_thread::sleep_for(1100ms);  // all have lived so long that they are replaced at once
        live.database().pause();
        std::atomic<int> lost{0};
        std::vector<std::jthread> clients;
        for (std::size_t n = 0; n < live.workers().size(); ++n)
            clients.emplace_back([&] { lost += live.ask(token).status == 200 ? 0 : 1; });
        std::this_thread::sleep_for(200ms);
        ::kill(live.workers().front(), SIGKILL);
        live.database().resume();
        clients.clear();
        proof.hold(lost == 1, "a worker that was killed with a request in hand lost " + std::to_string(lost));
    }
    proof.tell(rounds, "kills with all workers busy, each lost exactly 1 request");
}

// As a binary that dies at once: no worker lives for longer than it takes to find it.
void let_none_live(Proof& proof, const LiveResponder& live, milliseconds time) {
    std::set<pid_t> seen;
    const auto end = util::BootClock::now() + time;
    while (util::BootClock::now() < end) {
        for (const pid_t pid : live.workers()) {
            ::kill(pid, SIGKILL);
            seen.insert(pid);
        }
        std::this_thread::sleep_for(1ms);
    }
    // Those that were there, one replaced at once for each, and from then on one a second.
    const auto allowed = 2 * 4 + static_cast<std::size_t>(time / 1s) + 1;
    proof.hold(seen.size() <= allowed, grouped(seen.size()) + " workers were started in " +
                                           std::to_string(time.count()) + " ms where none lives");
    proof.tell(grouped(seen.size()) + " starts in " + std::to_string(time / 1s) + " s where none lives");
}

}  // namespace

void a_killed_worker_loses_one_request(Proof& proof) {
    LiveResponder live({.configuration = {{"rate_window", "1"}, {"workers", "4"}}});
    const auto token = live.generate();
    proof.hold(live.ask(token).status == 200, "the responder does not answer");
    std::this_thread::sleep_for(1s);
    const auto kills = proof.rounds(100, 8);
    Clients clients(live, token, 4);
    kill_one_after_another(proof, live, kills);
    clients.stop();
    proof.hold(clients.lost <= kills, grouped(clients.lost) + " requests lost by " + grouped(kills) + " kills");
    proof.tell(clients.answered, "requests answered");
    proof.tell(clients.lost, "lost");

    kill_with_a_request_in_hand(proof, live, token, proof.rounds(15, 2));
    let_none_live(proof, live, proof.time(8s, 2s));
    const auto reply = live.ask(token);
    proof.hold(reply.status == 200, "the socket did not survive workers that die at once");
}

}  // namespace ceymail::testing
