// SPDX-License-Identifier: MIT
// PageModel: the data that the page shows, and its rendering as HTML.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/database/dashboard_tables.hpp"
#include "ceymail/database/token_registry.hpp"
#include "ceymail/page/csrf_tokens.hpp"
#include "ceymail/page/html.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

// A last use within this time means that Prometheus scrapes.
inline constexpr std::uint64_t k_scraped_lately_seconds = 300;

struct PageModel {
    const config::Configuration& configuration;
    std::string_view user;
    std::string_view host;  // is_host() is true
    std::uint64_t now = 0;  // seconds since 1970

    std::string database_error{};  // error message; empty: `token` and `history` are valid
    std::optional<database::TokenStatus> token{};
    std::optional<std::vector<database::AuditEntry>> history{};  // none: reading failed

    util::Result<std::vector<snapshot::CollectorState>> collectors{};  // or the error

    std::optional<Action> confirm{};  // the action to confirm
    std::string generate_csrf{};      // CSRF tokens of the forms; empty: no such form
    std::string revoke_csrf{};
    std::string_view fresh_token{};  // the new token, shown once
    bool revoked_now = false;        // the previous form revoked the token
    bool token_may_linger = false;   // see Outcome
};

// Returns: well-formed HTML for any texts. Pure function.
[[nodiscard]] Html render(const PageModel& model);

// A page with one message and a link, also for a refusal.
struct Message {
    int status;
    std::string_view title;
    std::string words;              // of a refusal: the cause and the remedy
    std::string_view link_words{};  // empty: no link
    std::string_view link_to{};     // a path; empty: the page
};
[[nodiscard]] Html render(const config::Configuration& configuration, const Message& message);

// Returns: the scrape configuration for prometheus.yml. Requires: is_host(host).
[[nodiscard]] std::string prometheus_configuration(std::string_view host, std::string_view metrics_path);

}  // namespace ceymail::page
