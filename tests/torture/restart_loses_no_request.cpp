// SPDX-License-Identifier: MIT
// Restart and upgrade lose no request and keep the limiter, where the socket is held outside.
#include <thread>

#include "support/live_responder.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_spent = "10.9.9.9";

struct Count {
    std::atomic<std::size_t> asked{0};
    std::atomic<std::size_t> lost{0};
    std::atomic<int> answer{0};  // of one that was lost
};

// The window is the real one, so each address may ask 12 times.
void ask_on(const LiveResponder& live, const std::string& token, Count& count, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        const auto number = count.asked++ / 10;
        const auto address = "10.8." + std::to_string(number / 250) + "." + std::to_string(number % 250);
        if (const auto reply = live.ask(token, address); reply.status != 200) {
            ++count.lost;
            count.answer = reply.status;
        }
        std::this_thread::sleep_for(5ms);
    }
}

}  // namespace

void a_restart_loses_no_request(Proof& proof) {
    LiveResponder live;
    const auto token = live.generate();
    const auto upgraded = live.directory() / "upgraded";
    std::filesystem::copy_file(built_program("ceymail-metrics"), upgraded);
    for (int i = 0; i < 12; ++i) (void)live.ask(token, k_spent);
    const auto spent_at = util::BootClock::now();

    Count count;
    std::vector<std::jthread> clients;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&](const std::stop_token& stop) { ask_on(live, token, count, stop); });
    const auto restarts = proof.rounds(100, 10);
    std::size_t still_spent = 0;
    for (std::size_t i = 0; i < restarts; ++i) {
        std::this_thread::sleep_for(30ms);
        live.stop();
        live.start(i % 2 == 0 ? upgraded.string() : built_program("ceymail-metrics"));
        if (util::BootClock::now() - spent_at > 55s) continue;  // its minute is over
        const auto status = live.ask(token, k_spent).status;
        proof.hold(status == 429, "a spent address was answered " + std::to_string(status) + " after a restart");
        ++still_spent;
    }
    clients.clear();
    proof.hold(count.lost == 0, grouped(count.lost) + " of " + grouped(count.asked) + " requests lost, one of them " +
                                    "answered " + std::to_string(count.answer));
    proof.hold(count.asked > 2 * restarts, "only " + grouped(count.asked) + " requests: hardly a load");
    proof.tell(restarts, "restarts, every other an upgrade");
    proof.tell(count.asked, "requests");
    proof.tell("0 lost");
    proof.tell(still_spent, "times a spent address still was");
}

}  // namespace ceymail::testing
