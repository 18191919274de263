// SPDX-License-Identifier: MIT
// CollectorState: how one collector fares, for people; and the lines in which the gatherer tells the settings page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

enum class Health {
    works,  // its metrics are there
    fails,  // they are absent
    waits,  // it has been asked and has not answered yet
};

struct CollectorState {
    std::string name;  // a-z and '_'
    Health health = Health::waits;
    std::uint64_t seconds = 0;  // works: age of its metrics; fails: for how long
    std::string trouble{};      // fails: the thing, the cause, the remedy

    bool operator==(const CollectorState&) const = default;
};

// What from_text() takes. to_text() keeps to it by cutting.
inline constexpr std::size_t k_most_collectors = 32;
inline constexpr std::size_t k_longest_name = 32;
inline constexpr std::size_t k_longest_trouble = 1000;
inline constexpr std::uint64_t k_most_seconds = 10ULL * 365 * 86400;
inline constexpr std::size_t k_longest_text = k_most_collectors * (k_longest_name + k_longest_trouble + 32);  // bytes

// One line a collector: name, health, seconds, trouble, with tabs between them. Control characters become spaces.
[[nodiscard]] std::string to_text(const std::vector<CollectorState>& states);

// Foreign: the gatherer may have been taken over. Lines as to_text() writes them and within the limits above, or
// invalid. The trouble is any text without control characters of ASCII; whoever shows it escapes it.
[[nodiscard]] util::Result<std::vector<CollectorState>> from_text(std::string_view text);

}  // namespace ceymail::snapshot
