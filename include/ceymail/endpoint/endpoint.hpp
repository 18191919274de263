// SPDX-License-Identifier: MIT
// Endpoint: one request from start to answer, in the order of the contract (DESIGN: the endpoint).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ceymail/admission/rate_table.hpp"
#include "ceymail/admission/token_check.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/database/token_reader.hpp"
#include "ceymail/endpoint/authorization_hint.hpp"
#include "ceymail/endpoint/outage_log.hpp"
#include "ceymail/endpoint/refusal.hpp"
#include "ceymail/fastcgi/request.hpp"
#include "ceymail/fastcgi/response.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::endpoint {

// Replaces `text` by the host's exposition, not older than `not_before` if that can be had by `deadline`; returns
// when it was taken, BootTime{} where there is none. SnapshotClient::fetch, or a gathering of one's own.
using SnapshotSource = std::function<util::BootTime(std::string& text, util::BootTime not_before,
                                                    util::BootTime deadline, snapshot::RefreshReason reason)>;

// One per worker, one thread. Configuration and segment outlive it.
class Endpoint {
public:
    Endpoint(const config::Configuration& configuration, shared::Segment& segment, SnapshotSource snapshots,
             database::TokenReader tokens, util::ClockFunction clock = util::BootClock::now);
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // Never throws: whatever goes wrong is a 500 with a line in the log. Counts the answer. The response is the
    // endpoint's, good until the next call: its buffers are used again and again.
    [[nodiscard]] const fastcgi::Response& answer(const fastcgi::Request& request) noexcept;

    // What is left to do once the answer is on its way: last_used_at, at most once in 5 s over all workers.
    void record_last_used() noexcept;

private:
    void decide(const fastcgi::Request& request);
    void authenticate(const fastcgi::Request& request, const admission::AddressKey& address, util::BootTime start);
    void serve(const admission::TokenVerdict& verdict, util::BootTime start, util::BootTime deadline);
    void note_keep_alive(const fastcgi::Request& request, util::BootTime now);
    void refuse_without_authorization(const fastcgi::Request& request, util::BootTime now);
    void refuse(const Refusal& refusal);
    void refuse(const admission::RateDecision& decision);
    void note(const admission::TokenVerdict& verdict);
    [[nodiscard]] bool claim_last_used();

    const config::Configuration& m_configuration;
    shared::Segment& m_segment;
    admission::RateTable m_rates;
    SnapshotSource m_snapshots;
    database::TokenReader m_tokens;
    admission::TokenCheck m_check;
    util::ClockFunction m_clock;
    fastcgi::Response m_response;
    std::string m_retry_after;  // what a header of m_response refers to
    std::optional<std::uint64_t> m_token_used;
    AuthorizationHint m_hint;
    OutageLog m_checking;
    OutageLog m_touching;
};

}  // namespace ceymail::endpoint
