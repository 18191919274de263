// SPDX-License-Identifier: MIT
#include "ceymail/collect/arrival_times.hpp"

#include <algorithm>
#include <limits>

namespace ceymail::collect {
namespace {

std::uint32_t clamped(std::chrono::seconds time) noexcept {
    constexpr std::chrono::seconds::rep k_last = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::chrono::seconds::rep>(time.count(), 0, k_last));
}

}  // namespace

bool ArrivalAllowance::take(std::size_t count) noexcept {
    auto left = m_left.load();
    while (left >= count) {
        if (m_left.compare_exchange_weak(left, left - count)) return true;
    }
    return false;
}

bool ArrivalTimes::add(std::chrono::microseconds arrival, ArrivalAllowance& allowance) {
    if (m_seconds.size() % k_step == 0 && !allowance.take(k_step)) return false;
    m_seconds.push_back(clamped(std::chrono::floor<std::chrono::seconds>(arrival)));
    return true;
}

void ArrivalTimes::sort() {
    m_seconds.shrink_to_fit();
    std::ranges::sort(m_seconds);
}

std::uint64_t ArrivalTimes::before(std::chrono::seconds time) const {
    return static_cast<std::uint64_t>(std::ranges::lower_bound(m_seconds, clamped(time)) - m_seconds.begin());
}

}  // namespace ceymail::collect
