// SPDX-License-Identifier: MIT
// TokenReader: a worker's access to the tokens. Reads the active digest in metrics_tokens, records the last use in
// metrics_token_uses.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/statement.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::database {

struct TokenRow {
    std::uint64_t id = 0;
    util::Digest digest{};
    std::optional<std::uint64_t> created_at{};  // seconds since 1970, UTC; no value: the account may not read it
};

inline constexpr std::chrono::seconds k_until_asked_for_again{60};

// Keeps its connection and its prepared statements between calls. Each call reconnects once, within its deadline, where
// the server has ended the idle session.
// Processes: one instance per worker.
// Threads: one.
class TokenReader {
public:
    TokenReader(Address address, const std::string& dashboard_schema);

    // Returns: the active row; no value where there is none. Without the right to read created_at, which earlier
    // releases did not grant, the row lacks it; it is asked for again after k_until_asked_for_again.
    // Reads causally: on a Galera node it waits until the node has applied all changes that were committed before.
    // Errors: unavailable and timed_out: MariaDB cannot answer now, also because of a lock, or because the node is not
    // in its cluster or does not apply changes; internal: the digest is not 32 bytes; otherwise those of Connection,
    // but never conflict.
    [[nodiscard]] util::Result<std::optional<TokenRow>> active(util::BootTime deadline);

    // Records that the token `id` was used now, in the row of this server. Waits at most 1 s for a lock, and takes no
    // lock on metrics_tokens. Succeeds too where another host has just written the same row.
    [[nodiscard]] util::Result<void> touch(std::uint64_t id, util::BootTime deadline);

    // Checks that the table and the grants for touch() exist. Changes nothing.
    [[nodiscard]] util::Result<void> may_touch(util::BootTime deadline);

private:
    [[nodiscard]] util::Result<Outcome> select_active(util::BootTime deadline);

    std::string m_uses;
    std::unique_ptr<Connection> m_connection;  // before the statements, which refer to it
    Statement m_select;
    Statement m_select_without_time;
    util::BootTime m_with_time_from{};  // until then m_select_without_time
    Statement m_prepare_session;
    Statement m_update;
    Statement m_insert;
};

}  // namespace ceymail::database
