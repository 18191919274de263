// SPDX-License-Identifier: MIT
// Never fewer: whoever is refused as spent had 12 admissions in the window before.
#include "torture/guarantees.hpp"
#include "torture/storm.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

std::size_t possible_before(const std::vector<Span>& spans, std::int64_t moment) {
    const auto from = moment - std::chrono::nanoseconds(k_storm_window).count();
    return static_cast<std::size_t>(
        std::ranges::count_if(spans, [&](const Span& span) { return span.begin <= moment && span.end > from; }));
}

// Most refusals need no look at the spans, of which there are many.
std::size_t refused_too_early(const KeyHistory& key) {
    return static_cast<std::size_t>(std::ranges::count_if(key.refused, [&](std::int64_t moment) {
        const auto admitted = in_window_before(key.admitted, moment, k_storm_window);
        return admitted < k_promised && admitted + possible_before(key.possible, moment) < k_promised;
    }));
}

}  // namespace

void never_fewer_than_twelve(Proof& proof) {
    const auto report = storm({.kills = proof.rounds(1000, 100),
                               .kills_of_holders = 0,
                               .stops_of_holders = proof.rounds(20, 2),
                               .restarts = proof.rounds(5, 1),
                               .longest = proof.rounds(60, 10) * 1s});
    std::size_t refused = 0, early = 0, possible = 0;
    for (const auto& key : report.keys) {
        refused += key.refused.size();
        early += refused_too_early(key);
        possible += key.possible.size();
    }
    proof.hold(early == 0,
               grouped(early) + " of " + grouped(refused) + " refusals had fewer than 12 admissions before");
    proof.hold(refused > 10'000, "only " + grouped(refused) + " refusals: hardly a storm");
    proof.tell(refused, "refusals, each after 12 admissions");
    proof.tell(report.kills, "kills");
    proof.tell(report.undecided, "undecided and counted");
    proof.tell(possible, "that may have been admitted unlogged");
}

}  // namespace ceymail::testing
