// SPDX-License-Identifier: MIT
// Endpoint: one request from start to answer, in the order of the contract (DESIGN: the endpoint).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ceymail/config/configuration.hpp"
#include "ceymail/database/token_reader.hpp"
#include "ceymail/fastcgi/request.hpp"
#include "ceymail/fastcgi/response.hpp"
#include "ceymail/gate/segment.hpp"
#include "ceymail/gate/token_check.hpp"
#include "ceymail/snapshot/client.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::endpoint {

// One per worker, one thread. The segment outlives it.
class Endpoint {
public:
    Endpoint(const config::Configuration& configuration, gate::Segment& segment, snapshot::SnapshotClient snapshots,
             database::TokenReader tokens, util::ClockFunction clock = util::BootClock::now);

    // Never throws: whatever goes wrong is a 500 with a line in the log. Counts the answer.
    [[nodiscard]] fastcgi::Response answer(const fastcgi::Request& request) noexcept;

    // What is left to do once the answer is on its way: last_used_at, at most once in 5 s over all workers.
    void settle() noexcept;

private:
    const config::Configuration& m_configuration;
    gate::Segment& m_segment;
    gate::RateTable m_rates;
    snapshot::SnapshotClient m_snapshots;
    database::TokenReader m_tokens;
    gate::TokenCheck m_check;
    util::ClockFunction m_clock;
    std::optional<std::uint64_t> m_token_used;
};

}  // namespace ceymail::endpoint
