// SPDX-License-Identifier: MIT
// Endpoint: answers one request for the metrics, from its parameters to the response.
// Processes: each worker; the single process of plain CGI.
// May touch: the segment, the snapshot, the token table of the database. Opens no file.
// Security: every client on the Internet can reach it, without a token. All request parameters are untrusted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

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

// Replaces `text` with the exposition of the host. It is not older than `not_before` if `deadline` permits.
// Returns: when the snapshot was taken; BootTime{}: there is none.
using SnapshotSource = std::function<util::BootTime(std::string& text, util::BootTime not_before,
                                                    util::BootTime deadline, snapshot::RefreshReason reason)>;

// Threads: one. Requires: `configuration` and `segment` outlive the object.
class Endpoint {
public:
    Endpoint(const config::Configuration& configuration, shared::Segment& segment, SnapshotSource snapshots,
             database::TokenReader tokens, util::ClockFunction clock = util::BootClock::now);
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    // Decides about the request and counts the answer.
    // Returns: the response, valid until the next call, which reuses its buffers.
    // Errors: none; an exception becomes a 500 and a line in the log.
    [[nodiscard]] const fastcgi::Response& answer(const fastcgi::Request& request) noexcept;

    // Call after the response was sent. Writes last_used_at, at most once a minute over all workers, and at the first
    // use of another token.
    void record_last_used() noexcept;

private:
    void decide(const fastcgi::Request& request);
    void authenticate(const fastcgi::Request& request, const admission::AddressKey& address, util::BootTime start);
    [[nodiscard]] util::Result<std::optional<admission::ActiveToken>> read_active_token(util::BootTime deadline);
    void record_schema(const util::Error* error);
    void refuse_token(std::string_view token, util::BootTime now);
    void serve(const admission::TokenVerdict& verdict, util::BootTime start, util::BootTime deadline);
    void refuse_without_authorization(const fastcgi::Request& request, util::BootTime now);
    void refuse(const Refusal& refusal);
    void refuse(const admission::RateDecision& decision);
    [[nodiscard]] bool claim_last_used();

    const config::Configuration& m_configuration;
    shared::Segment& m_segment;
    admission::RateTable m_rates;
    SnapshotSource m_snapshots;
    database::TokenReader m_tokens;
    admission::TokenCheck m_check;
    util::ClockFunction m_clock;
    fastcgi::Response m_response;
    std::string m_retry_after;  // a header of m_response points to it
    std::optional<std::uint64_t> m_token_used;
    AuthorizationHint m_hint;
    OutageLog m_token_check_outage;
    OutageLog m_last_used_outage;
};

}  // namespace ceymail::endpoint
