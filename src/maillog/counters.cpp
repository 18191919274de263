// SPDX-License-Identifier: MIT
#include "ceymail/maillog/counters.hpp"

#include <algorithm>

#include "ceymail/maillog/cursor.hpp"

namespace ceymail::maillog {
namespace {

constexpr bool is_of_jail(char c) noexcept { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_'; }

bool is_jail(std::string_view name) noexcept {
    return !name.empty() && name.size() <= BanTable::k_longest_name && std::ranges::all_of(name, is_of_jail);
}

}  // namespace

void DelayHistogram::add(std::uint64_t microseconds, std::uint64_t times) noexcept {
    std::size_t bucket = 0;
    while (bucket < k_delay_bounds.size() &&
           static_cast<double>(microseconds) > k_delay_bounds[bucket] * k_microseconds)
        ++bucket;
    buckets[bucket] += times;
    sum_microseconds += microseconds * times;
}

std::string_view BanTable::name_of(const Jail& jail) noexcept {
    const auto end = std::ranges::find_if_not(jail.name, is_of_jail);
    return {jail.name.data(), static_cast<std::size_t>(end - jail.name.begin())};
}

void BanTable::add(std::string_view name, std::uint64_t bans) noexcept {
    if (is_jail(name)) {
        for (auto& jail : m_jails) {
            if (jail.name[0] == '\0') std::ranges::copy(name, jail.name.begin());
            if (name_of(jail) != name) continue;
            jail.bans += bans;
            return;
        }
    }
    m_others += bans;
}

}  // namespace ceymail::maillog
