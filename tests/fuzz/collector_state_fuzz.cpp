// SPDX-License-Identifier: MIT
// snapshot::from_text() on any text of a compromised gatherer, and the settings page that shows it.
// fuzz: -max_len=4096
#include <algorithm>
#include <string>

#include "ceymail/page/collectors_view.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ceymail;
    using fuzz::require;
    constexpr std::uint64_t k_now = 1'795'356'000;
    const auto states = snapshot::from_text(fuzz::text_of(data, size));
    const std::string shown = page::collectors_card(states, k_now).text();
    require(std::ranges::none_of(shown, [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; }),
            "no control characters on the page");
    if (!states) return 0;
    require(states->size() <= snapshot::k_most_collectors, "so many collectors and no more");
    auto harmless = *states;
    for (auto& state : harmless) {
        require(!state.name.empty() && state.name.size() <= snapshot::k_longest_name, "a name");
        require(state.trouble.size() <= snapshot::k_longest_trouble, "so many words and no more");
        require(state.trouble.empty() != (state.health == snapshot::Health::fails), "words where it fails");
        if (!state.trouble.empty()) state.trouble = state.trouble.find("; ") == std::string::npos ? "a" : "a; b";
    }
    // Each pair of backquotes is an element that has a start and an end.
    const auto tags = [](const std::string& text) { return std::ranges::count(text, '<'); };
    std::ptrdiff_t quotes = 0;
    for (const auto& state : *states) quotes += std::ranges::count(state.trouble, '`');
    const auto own = tags(page::collectors_card(harmless, k_now).text());
    require(tags(shown) >= own && tags(shown) <= own + quotes, "no markup but the page's");
    require(snapshot::from_text(snapshot::to_text(*states)).value() == *states, "it can be told again");
    return 0;
}
