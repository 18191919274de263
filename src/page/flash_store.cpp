// SPDX-License-Identifier: MIT
#include "ceymail/page/flash_store.hpp"

#include <algorithm>
#include <utility>

#include "ceymail/page/csrf_tokens.hpp"

namespace ceymail::page {

void FlashStore::keep(const std::string& nonce, const std::string& user, Outcome outcome) {
    expire();
    if (m_entries.size() >= k_most)
        m_entries.erase(
            std::ranges::min_element(m_entries, {}, [](const auto& entry) { return entry.second.kept_at; }));
    m_entries.insert_or_assign(nonce, Entry{user, m_clock(), std::move(outcome)});
}

FlashStore::State FlashStore::state(const std::string& nonce, const std::string& user) {
    expire();
    const auto found = m_entries.find(nonce);
    if (found == m_entries.end() || found->second.user != user) return State::unknown;
    return found->second.outcome ? State::waiting : State::gone;
}

std::optional<Outcome> FlashStore::take(const std::string& nonce, const std::string& user) {
    if (state(nonce, user) != State::waiting) return std::nullopt;
    return std::exchange(m_entries.find(nonce)->second.outcome, std::nullopt);
}

// A form is remembered for as long as its CSRF token is valid.
util::BootTime FlashStore::expire() {
    const auto now = m_clock();
    std::erase_if(m_entries, [&](const auto& entry) { return now - entry.second.kept_at > k_form_life; });
    bool waiting = false;
    for (auto& [nonce, entry] : m_entries) {
        if (now - entry.kept_at >= k_outcome_life) entry.outcome.reset();
        waiting = waiting || entry.outcome;
    }
    return waiting ? now + k_look_for_expired : util::BootTime::max();
}

}  // namespace ceymail::page
