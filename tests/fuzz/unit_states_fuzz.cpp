// SPDX-License-Identifier: MIT
// state_of_units() on any answer of systemd. The input: one unit per line, "name load active sub".
// fuzz: -max_len=512
#include <string>
#include <vector>

#include "ceymail/collect/systemd_units.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::collect::ServiceState;
using ceymail::fuzz::cut;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> names;
    std::vector<ceymail::collect::UnitState> units;
    bool any_running = false;
    for (auto rest = ceymail::fuzz::text_of(data, size); !rest.empty() && units.size() < 8;) {
        const auto [line, others] = cut(rest, '\n');
        const auto [name, states] = cut(line, ' ');
        const auto [load, behind_load] = cut(states, ' ');
        const auto [active, sub] = cut(behind_load, ' ');
        names.emplace_back(name);
        units.push_back({std::string(load), std::string(active), std::string(sub)});
        any_running =
            any_running || (active == "active" && sub == "running") || active == "reloading" || active == "refreshing";
        rest = others;
    }
    const auto state = ceymail::collect::state_of_units(names, units);
    ceymail::fuzz::require(state != ServiceState::up || any_running, "up is active and running, or reloading");
    const auto enabled = ceymail::collect::state_of_enabled(names, units);
    ceymail::fuzz::require(enabled != ServiceState::up || any_running, "and so are instances");
    return 0;
}
