// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_history.hpp"

#include <charconv>

namespace ceymail::admission {
namespace {

constexpr std::string_view k_revoked = " revoked";
constexpr std::uint64_t k_latest = UINT64_MAX / 2;

std::uint64_t packed(TokenMark mark) noexcept { return mark.created_at << 1U | (mark.revoked ? 1U : 0U); }

TokenMark unpacked(std::uint64_t number) noexcept { return {number >> 1U, (number & 1U) != 0}; }

}  // namespace

std::string to_text(TokenMark mark) {
    return std::to_string(mark.created_at).append(mark.revoked ? k_revoked : "").append("\n");
}

std::optional<TokenMark> parse_token_mark(std::string_view text) noexcept {
    if (!text.ends_with('\n')) return std::nullopt;
    text.remove_suffix(1);
    TokenMark mark;
    mark.revoked = text.ends_with(k_revoked);
    if (mark.revoked) text.remove_suffix(k_revoked.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mark.created_at);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && mark.created_at <= k_latest ? std::optional(mark) : std::nullopt;
}

bool came_back(std::uint64_t created_at, TokenMark newest, std::uint64_t now) noexcept {
    return newest.created_at <= now && TokenMark{created_at, false} < newest;
}

TokenMark TokenHistory::newest() const noexcept { return unpacked(m_storage->newest.load()); }

bool TokenHistory::saw_active(std::uint64_t created_at, TokenMark before, std::uint64_t now) noexcept {
    if (created_at == 0 || created_at > k_latest) return false;
    if (came_back(created_at, before, now)) return m_storage->returned.exchange(created_at) != created_at;
    m_storage->returned = 0;
    const TokenMark seen{created_at, false};
    const bool replaces = seen > before || (before.created_at > now && created_at <= now);
    auto expected = packed(before);
    if (replaces) m_storage->newest.compare_exchange_strong(expected, packed(seen));
    return false;
}

void TokenHistory::saw_none(TokenMark before) noexcept {
    m_storage->returned = 0;
    if (before.created_at == 0 || before.revoked) return;
    auto expected = packed(before);
    m_storage->newest.compare_exchange_strong(expected, packed({before.created_at, true}));
}

void TokenHistory::recall(TokenMark mark) noexcept {
    auto found = m_storage->newest.load();
    while (packed(mark) > found && !m_storage->newest.compare_exchange_weak(found, packed(mark))) {
    }
}

}  // namespace ceymail::admission
