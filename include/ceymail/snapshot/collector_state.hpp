// SPDX-License-Identifier: MIT
// CollectorState: the state of one collector, for people, and the text form that the gatherer sends to its readers.
// Processes: the gatherer writes the text; ceymail-settings and --check read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/util/result.hpp"

namespace ceymail::snapshot {

enum class Health {
    works,  // its metrics are served
    fails,  // its metrics are absent
    waits,  // its metrics are absent, and no failure is known: it has not answered yet
};

struct CollectorState {
    std::string name;  // a-z and '_'
    Health health = Health::waits;
    std::uint64_t seconds = 0;  // works: age of its metrics; fails: for how long
    std::string trouble{};      // fails: what failed, the cause, the remedy

    bool operator==(const CollectorState&) const = default;
};

// Limits of from_text(). to_text() cuts longer values.
inline constexpr std::size_t k_most_collectors = 32;
inline constexpr std::size_t k_longest_name = 32;
inline constexpr std::size_t k_longest_trouble = 1000;
inline constexpr std::uint64_t k_most_seconds = 10ULL * 365 * 86400;
inline constexpr std::size_t k_longest_text = k_most_collectors * (k_longest_name + k_longest_trouble + 32);  // bytes

// Returns: one line a collector: name, health, seconds and trouble, separated by tabs. Control characters become
// spaces.
[[nodiscard]] std::string to_text(const std::vector<CollectorState>& states);

// Errors: invalid: not the lines that to_text() writes, or beyond the limits above.
// Security: an attacker may control the gatherer. `trouble` is any text without ASCII control characters; the caller
// escapes it.
[[nodiscard]] util::Result<std::vector<CollectorState>> from_text(std::string_view text);

}  // namespace ceymail::snapshot
