// SPDX-License-Identifier: MIT
// TokenReader: what a worker may do: read the active digest in metrics_tokens, note the last use in metrics_token_uses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::database {

struct TokenRow {
    std::uint64_t id = 0;
    util::Digest digest{};
};

// One per worker, one thread; keeps its connection and its prepared statements between calls. A session that the
// server ended while idle is opened anew once, by hand, within the same deadline.
class TokenReader {
public:
    TokenReader(Address address, const std::string& dashboard_schema);
    TokenReader(TokenReader&&) noexcept;
    ~TokenReader();

    // The active row, or no value. A row whose digest is not 32 bytes is an error of kind internal. Whatever keeps
    // MariaDB from answering now is unavailable or timed_out, also a lock (never conflict).
    [[nodiscard]] util::Result<std::optional<TokenRow>> active(util::BootTime deadline);

    // The token `id` was last used now. With a lock wait of 1 s; takes no lock on metrics_tokens.
    [[nodiscard]] util::Result<void> touch(std::uint64_t id, util::BootTime deadline);

    // An error where touch() would fail for want of a table or of a grant. Changes nothing.
    [[nodiscard]] util::Result<void> may_touch(util::BootTime deadline);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::database
