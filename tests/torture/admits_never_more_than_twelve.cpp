// SPDX-License-Identifier: MIT
// Never more than 12 admitted per key in any window, whoever is killed, stopped or restarted, whatever the clock does.
#include <numeric>

#include "torture/guarantees.hpp"
#include "torture/storm.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

// A limiter that is wrong by one, asked as fast as can be: would the checker tell?
Times admissions_of_a_limiter_of(std::size_t count) {
    constexpr std::int64_t k_step = 100'000;
    Times log(count, -k_storm_window.count() * 1'000'000), admitted;
    for (std::int64_t now = 0; admitted.size() < 10 * count; now += k_step) {
        auto& oldest = *std::ranges::min_element(log);
        if (now - oldest < std::chrono::nanoseconds(k_storm_window).count()) continue;
        oldest = now;
        admitted.push_back(now);
    }
    return admitted;
}

}  // namespace

void never_more_than_twelve(Proof& proof) {
    proof.hold(most_in_a_window(admissions_of_a_limiter_of(12), k_storm_window) == 12,
               "the checker accuses a limiter that is right");
    proof.hold(most_in_a_window(admissions_of_a_limiter_of(13), k_storm_window) == 13,
               "the checker does not see that a limiter admits 13");

    const StormPlan plan{.kills = proof.rounds(10'000, 600),
                         .kills_of_holders = proof.rounds(300, 3),
                         .stops_of_holders = proof.rounds(40, 4),
                         .restarts = proof.rounds(10, 2),
                         .longest = proof.rounds(120, 30) * 1s};
    const auto report = storm(plan);
    std::size_t admitted = 0, most = 0;
    for (const auto& key : report.keys) {
        admitted += key.admitted.size();
        most = std::max(most, most_in_a_window(key.admitted, k_storm_window));
    }
    proof.hold(most <= k_promised, std::to_string(most) + " admissions in a window");
    proof.hold(report.foreign_times == 0,
               grouped(report.foreign_times) + " decisions by a clock that was set meanwhile");
    proof.hold(admitted > 20 * k_promised, "only " + grouped(admitted) + " admissions: hardly a storm");
    proof.hold(report.kills >= plan.kills && report.kills_of_holders >= plan.kills_of_holders,
               "only " + grouped(report.kills) + " kills, " + grouped(report.kills_of_holders) +
                   " of them with a lock: no time for more");
    proof.tell(report.kills, "kills");
    proof.tell(report.kills_of_holders, "of them with a lock");
    proof.tell(report.stops_of_holders, "stops with a lock");
    proof.tell(report.restarts, "restarts");
    proof.tell(report.clock_steps, "clock steps");
    proof.tell(admitted, "admissions");
    proof.tell("at most " + std::to_string(most) + " in a window, a limiter of 13 caught");
}

}  // namespace ceymail::testing
