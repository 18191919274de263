// SPDX-License-Identifier: MIT
// TokenHistory: recognises a token that came back after it was replaced or revoked, as from a restored dump.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ceymail::admission {

// The newest token that was active, and whether it was seen revoked. Ordered: a later state is greater.
struct TokenMark {
    std::uint64_t created_at = 0;  // seconds since 1970, UTC; 0: no token was seen yet
    bool revoked = false;

    friend auto operator<=>(const TokenMark&, const TokenMark&) = default;
};

// Returns: one line of text for a file, and what such a line says; no value for any other text.
[[nodiscard]] std::string to_text(TokenMark mark);
[[nodiscard]] std::optional<TokenMark> parse_token_mark(std::string_view text) noexcept;

// The layout in shared memory. Only TokenHistory uses it. All zeroes: empty.
struct TokenHistoryStorage {
    std::atomic<std::uint64_t> newest;    // TokenMark in one number, so that no lock is needed
    std::atomic<std::uint64_t> returned;  // created_at of the active token if it came back; 0: it did not
};

// A view of the storage, which must outlive it. It records only; no token is refused because of it.
// A process reads newest() before it asks the database, and hands it in with the answer. An answer that is older than
// what another process has recorded meanwhile then changes nothing.
// Threads: any number, also of several processes.
// Security: a taken-over worker can write any value, and so cause or suppress a line in the log.
class TokenHistory {
public:
    explicit TokenHistory(TokenHistoryStorage& storage) noexcept : m_storage(&storage) {}

    [[nodiscard]] TokenMark newest() const noexcept;

    // Records what the database answered. `now`: seconds since 1970. A mark of the future, from a clock that was wrong,
    // does not count and is replaced.
    // Returns: whether the active token came back and no process has recorded that yet.
    bool saw_active(std::uint64_t created_at, TokenMark before, std::uint64_t now) noexcept;
    void saw_none(TokenMark before) noexcept;

    // Records a mark from before the boot, unless the storage has a later one.
    void recall(TokenMark mark) noexcept;

private:
    TokenHistoryStorage* m_storage;
};

// Returns: whether a token of that time came back, after `newest` was seen.
[[nodiscard]] bool came_back(std::uint64_t created_at, TokenMark newest, std::uint64_t now) noexcept;

}  // namespace ceymail::admission
