// SPDX-License-Identifier: MIT
// PageModel: all that the page shows; and the page that shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/database/audit_reader.hpp"
#include "ceymail/database/token_registry.hpp"
#include "ceymail/page/csrf_tokens.hpp"
#include "ceymail/page/html.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

// Where the page stands and what it speaks of.
struct Site {
    std::string path;          // of this page; its files are beneath it
    std::string metrics_path;  // of the endpoint
    std::string dashboards;    // address of the dashboards; empty: none is known
    config::Plan plan{};
};

// Younger than this is a token that Prometheus uses.
inline constexpr std::uint64_t k_scraped_lately_seconds = 300;

struct PageModel {
    const Site& site;
    std::string_view user;
    std::string_view host;  // as is_host() has it
    std::uint64_t now = 0;  // seconds since 1970

    std::string database_trouble{};  // empty: the two below are true
    std::optional<database::TokenStatus> token{};
    std::optional<std::vector<database::AuditEntry>> history{};  // none: it could not be read

    util::Result<std::vector<snapshot::CollectorState>> collectors{};  // or why nobody knows

    std::optional<Action> confirm{};  // what is asked back
    std::string generate_seal{};      // of the forms; empty: no such form
    std::string revoke_seal{};
    std::string_view fresh_token{};  // generated just now, shown this once
    bool revoked_now = false;        // the form before this page revoked the token
    bool token_may_linger = false;   // see Outcome
};

// Pure. Well-formed HTML whatever the texts are.
[[nodiscard]] Html render(const PageModel& model);

// A page that says one thing and leads back.
struct Message {
    std::string_view title;
    std::string_view words;
    std::string_view link_words{};  // empty: no way back
};
[[nodiscard]] Html render(const Site& site, const Message& message);

// What to write into prometheus.yml. `host`: as is_host() has it.
[[nodiscard]] std::string prometheus_configuration(std::string_view host, std::string_view metrics_path);

}  // namespace ceymail::page
