// SPDX-License-Identifier: MIT
#include "ceymail/maillog/kept_reading.hpp"

#include <cstring>

namespace ceymail::maillog {

bool KeptReading::start(const util::SipKey& key) noexcept {
    if (number() != 0 && committed().counters.is_valid()) return false;
    make_empty(key);
    return true;
}

void KeptReading::make_empty(util::SipKey key) noexcept {
    Reading& empty = begin();
    empty = Reading{};
    empty.counters.senders.set_key(key);
    commit();
}

Reading& KeptReading::begin() noexcept {
    const auto next = number() + 1;
    const bool is_retry = m_begun.load(std::memory_order_relaxed) == next;
    m_attempts.store(is_retry ? attempts() + 1 : 1, std::memory_order_relaxed);
    m_begun.store(next, std::memory_order_relaxed);
    // The other reading is selected no more: the store of the last commit() comes before the copy.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    Reading& draft = m_readings[next % 2];
    std::memcpy(&draft, &committed(), sizeof draft);  // model: mail-log/copy-committed
    return draft;
}

// model: mail-log/commit
void KeptReading::commit() noexcept { m_number.store(number() + 1, std::memory_order_release); }

bool KeptReading::load(Reading& copy) const noexcept {
    constexpr int k_attempts = 100;
    for (int i = 0; i < k_attempts; ++i) {
        const auto number = m_number.load(std::memory_order_acquire);  // model: mail-log/load-number
        if (number == 0) return false;
        std::memcpy(&copy, &m_readings[number % 2], sizeof copy);  // model: mail-log/copy-reading
        std::atomic_thread_fence(std::memory_order_acquire);
        // model: mail-log/compare-number
        if (m_number.load(std::memory_order_relaxed) == number) return copy.counters.is_valid();
    }
    return false;
}

}  // namespace ceymail::maillog
