// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/endpoint.hpp"

#include <atomic>
#include <exception>
#include <utility>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/admission/bearer.hpp"
#include "ceymail/admission/token_form.hpp"
#include "ceymail/admission/token_history.hpp"
#include "ceymail/endpoint/request_path.hpp"
#include "ceymail/endpoint/self_metrics.hpp"
#include "ceymail/endpoint/time_budget.hpp"
#include "ceymail/exposition/text_format.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/time_format.hpp"

namespace ceymail::endpoint {

namespace {

using namespace std::chrono_literals;
using snapshot::RefreshReason;
using util::BootTime;

constexpr const char* k_keep_alive_hint =
    "the web server asks to keep its connections: each would hold a worker, so none is kept. Set fastcgi_keep_conn off "
    "(nginx), or take enablereuse away (Apache), as the shipped files do";
constexpr std::size_t k_typical_answer_size = 8192;  // bytes
constexpr auto k_last_used_interval = 1min;

std::string token_came_back(std::uint64_t created_at, admission::TokenMark newest) {
    return "the active token, made at " + util::utc_time(created_at) + ", is an old one that came back: " +
           (created_at == newest.created_at ? std::string("it had been revoked")
                                            : "one made at " + util::utc_time(newest.created_at) + " had replaced it") +
           "; a restored dump of the database does that. Unless that was meant, make a new one: ceymail-token generate";
}

constexpr const char* k_rest_key_hint =
    "a client sent a key of CeyMail's REST API, which begins with ceymail_ too. It opens nothing here: give Prometheus "
    "the token that ceymail-token generate prints, ceymail_metrics_...";

// Logs `hint` the first time. Every time is recorded for --check.
void record(std::atomic<std::int64_t>& seen_at, BootTime now, std::string_view hint) {
    if (seen_at.exchange(now.time_since_epoch().count(), std::memory_order_relaxed) == 0)
        util::log(util::LogLevel::notice, hint);
}

}  // namespace

Endpoint::Endpoint(const config::Configuration& configuration, shared::Segment& segment, SnapshotSource snapshots,
                   database::TokenReader tokens, util::ClockFunction clock)
    : m_configuration(configuration),
      m_segment(segment),
      m_rates(segment.layout().rate, configuration.rate_window, clock),
      m_snapshots(std::move(snapshots)),
      m_tokens(std::move(tokens)),
      m_check(admission::VerifiedToken(segment.layout().verified, clock),
              admission::CircuitBreaker(segment.layout().database, clock), configuration.auth_grace,
              [this](BootTime deadline) { return read_active_token(deadline); }),
      m_clock(clock),
      m_token_check_outage("check tokens", clock),
      m_last_used_outage("note when the token was last used", clock) {
    // Reserves a typical answer. A refusal then allocates nothing, even without free memory.
    m_response.body.reserve(k_typical_answer_size);
    m_response.headers.reserve(2);
}

const fastcgi::Response& Endpoint::answer(const fastcgi::Request& request) noexcept {
    m_token_used.reset();
    m_response.content_type = "text/plain; charset=utf-8";
    m_response.headers.assign(1, fastcgi::k_origin_header);
    m_response.body.clear();
    m_response.head_only = request.method == "HEAD";
    try {
        decide(request);
    } catch (const std::exception& problem) {
        util::log(util::LogLevel::error, problem.what());
        m_response.headers.assign(1, fastcgi::k_origin_header);
        refuse(k_internal_error);
    }
    m_segment.count_answer(m_response.status);
    return m_response;
}

// The order of the checks is part of the contract: ceymail-metrics(8).
void Endpoint::decide(const fastcgi::Request& request) {
    const BootTime start = m_clock();
    if (request.keep_connection) record(m_segment.layout().keep_alive_seen_at, start, k_keep_alive_hint);
    if (request_path(request.uri) != m_configuration.path) return refuse(k_other_path);
    if (request.method != "GET" && request.method != "HEAD") return refuse(k_other_method);
    if (request.malformed) return refuse(k_bad_request);
    if (admission::is_unix_peer(request.remote_addr)) return refuse(k_unix_peer);
    const auto address = admission::parse_address_key(request.remote_addr);
    if (!address) return refuse(k_bad_request);
    if (const auto decision = m_rates.admit(*address); decision.admission != admission::Admission::admitted)
        return refuse(decision);
    if (m_configuration.plan == config::Plan::unknown) return refuse(k_unknown_plan);
    if (!config::may_export_metrics(m_configuration.plan)) return refuse(k_plan_too_low);
    authenticate(request, *address, start);
}

void Endpoint::authenticate(const fastcgi::Request& request, const admission::AddressKey& address, BootTime start) {
    const auto bearer = admission::parse_bearer(request.authorization.reveal());
    if (bearer.form == admission::BearerForm::absent) return refuse_without_authorization(request, start);
    if (bearer.form == admission::BearerForm::malformed) return refuse(k_bad_authorization);

    const auto budget = time_budget(start, request.scrape_timeout);
    const auto verdict = m_check.check(bearer.token, {budget.token, budget.latest_token});
    if (verdict.database_error) {
        m_token_check_outage.failed(*verdict.database_error);
    } else {
        m_token_check_outage.recovered();
    }
    if (verdict.standing == admission::TokenStanding::wrong) return refuse_token(bearer.token, start);
    if (verdict.standing == admission::TokenStanding::unknown) return refuse(k_database_away);
    m_rates.keep(address);
    serve(verdict, start, budget.snapshot);
}

// Records also what only the supervisor may write to a file: the history of tokens, and that the tables are missing.
util::Result<std::optional<admission::ActiveToken>> Endpoint::read_active_token(BootTime deadline) {
    auto& layout = m_segment.layout();
    admission::TokenHistory history(layout.tokens);
    const auto before = history.newest();
    const auto row = m_tokens.active(deadline);
    record_schema(row ? nullptr : &row.error());
    if (!row) return std::unexpected(row.error());
    if (!*row) {
        history.saw_none(before);
        return std::nullopt;
    }
    const auto& created_at = (*row)->created_at;
    if (created_at && history.saw_active(*created_at, before, util::seconds_since_1970()))
        util::log(util::LogLevel::warning, token_came_back(*created_at, before));
    return admission::ActiveToken{(*row)->id, (*row)->digest, created_at};
}

// An outage tells nothing about the schema.
void Endpoint::record_schema(const util::Error* error) {
    auto& layout = m_segment.layout();
    if (error == nullptr) return layout.schema_missing_since.store(0, std::memory_order_relaxed);
    if (error->kind != util::ErrorKind::not_found && error->kind != util::ErrorKind::denied) return;
    const std::int64_t now = m_clock().time_since_epoch().count();
    std::int64_t none = 0;
    layout.schema_missing_since.compare_exchange_strong(none, now, std::memory_order_relaxed);
    layout.schema_missing_at.store(now, std::memory_order_relaxed);
}

// Security: the answer is the same for every token.
void Endpoint::refuse_token(std::string_view token, BootTime now) {
    if (admission::looks_like_rest_key(token)) record(m_segment.layout().rest_key_seen_at, now, k_rest_key_hint);
    refuse(k_wrong_token);
}

void Endpoint::serve(const admission::TokenVerdict& verdict, BootTime start, BootTime deadline) {
    const bool database_up = verdict.standing == admission::TokenStanding::valid;
    // A snapshot from before the outage would not show it, so an outage requests a new one.
    const BootTime taken_at =
        database_up ? m_snapshots(m_response.body, start - m_configuration.cache_ttl, deadline, RefreshReason::scrape)
                    : m_snapshots(m_response.body, start, deadline, RefreshReason::outage);

    SelfMetrics self{{}, database_up, !database_up, verdict.created_at, &m_segment.layout()};
    if (taken_at != BootTime{}) self.snapshot_age = m_clock() - taken_at;
    append_self_metrics(m_response.body, self);
    m_response.status = 200;
    m_response.content_type = exposition::k_content_type;
    if (database_up) m_token_used = verdict.token_id;
}

void Endpoint::refuse_without_authorization(const fastcgi::Request& request, BootTime now) {
    const std::chrono::nanoseconds last_accepted{
        m_segment.layout().last_used_written_at.load(std::memory_order_relaxed)};
    if (m_hint.due(request.server_software, now.time_since_epoch(), last_accepted))
        util::log(util::LogLevel::notice, k_authorization_hint);
    refuse(k_no_authorization);
}

void Endpoint::refuse(const Refusal& refusal) {
    m_response.status = refusal.status;
    m_response.body = refusal.line;
    if (!refusal.header_name.empty()) m_response.headers.push_back({refusal.header_name, refusal.header_value});
}

void Endpoint::refuse(const admission::RateDecision& decision) {
    if (decision.admission == admission::Admission::undecided) return refuse(k_undecided);
    refuse(decision.admission == admission::Admission::full ? k_table_full : k_too_many);
    m_retry_after = std::to_string(decision.retry_after.count());
    m_response.headers.back().value = m_retry_after;
}

void Endpoint::record_last_used() noexcept {
    try {
        if (!m_token_used || !claim_last_used()) return;
        if (const auto touched = m_tokens.touch(*m_token_used, m_clock() + k_longest_touch); touched) {
            m_last_used_outage.recovered();
        } else {
            m_last_used_outage.failed(touched.error());
        }
    } catch (const std::exception& problem) {
        util::log(util::LogLevel::error, problem.what());
    }
}

// Returns: true for one worker in a minute, and for the first use of another token. It claims before it writes, so that
// no second worker waits for a locked row.
bool Endpoint::claim_last_used() {
    auto& layout = m_segment.layout();
    auto& written_at = layout.last_used_written_at;
    const auto now = m_clock().time_since_epoch();
    auto before = written_at.load(std::memory_order_relaxed);
    const bool another = layout.last_used_token.exchange(*m_token_used, std::memory_order_relaxed) != *m_token_used;
    if (!another && before != 0 && now - std::chrono::nanoseconds(before) < k_last_used_interval) return false;
    return written_at.compare_exchange_strong(before, now.count(), std::memory_order_relaxed);
}

}  // namespace ceymail::endpoint
