// SPDX-License-Identifier: MIT
#include "ceymail/scheduler/work_budget.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace ceymail::scheduler {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr double k_rounding_error = 1e-12;  // seconds

}  // namespace

WorkAccount::WorkAccount(WorkBudget budget, std::size_t collectors) : m_share(budget.share), m_entries(collectors) {}

void WorkAccount::charge(std::size_t i, std::chrono::nanoseconds cost, util::BootTime now) {
    pay(now);
    const double seconds = std::max(Seconds(cost).count(), 0.0);
    // An old debt, left by a run that maximum_age forced, is dropped: it could never be paid.
    m_entries[i] = {std::sqrt(seconds), m_share > 0 ? seconds : 0};
}

bool WorkAccount::clear(std::size_t i, util::BootTime now) {
    pay(now);
    return m_entries[i].debt <= k_rounding_error;
}

void WorkAccount::pay(util::BootTime now) {
    const double passed = Seconds(now - std::exchange(m_paid_until, now)).count();
    const double weights = std::accumulate(m_entries.begin(), m_entries.end(), 0.0,
                                           [](double sum, const Entry& entry) { return sum + entry.weight; });
    if (weights <= 0) return;
    for (Entry& entry : m_entries) entry.debt = std::max(entry.debt - passed * m_share * entry.weight / weights, 0.0);
}

}  // namespace ceymail::scheduler
