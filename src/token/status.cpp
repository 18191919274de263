// SPDX-License-Identifier: MIT
// ceymail-token status.
#include <utility>

#include "ceymail/database/token_registry.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/time_format.hpp"

namespace ceymail::token {
namespace {

std::string local_time_and_age(std::uint64_t when, std::uint64_t now) {
    return util::local_time(when) + ", " + util::relative_time(when, now);
}

std::string in_json(const std::optional<database::TokenStatus>& token, const std::string& digest) {
    if (!token) return R"({"active":false})";
    const auto used = token->last_used_at ? json(util::utc_time(*token->last_used_at)) : std::string("null");
    const auto by = token->created_by ? json(*token->created_by) : std::string("null");
    return R"({"active":true,"id":)" + std::to_string(token->id) + R"(,"sha256_begins":)" + json(digest) +
           R"(,"created_at":)" + json(util::utc_time(token->created_at)) + R"(,"created_by":)" + by +
           R"(,"last_used_at":)" + used + "}";
}

std::string in_words(const std::optional<database::TokenStatus>& token, const std::string& digest) {
    if (!token) return "active: no; make a token with: ceymail-token generate";
    const auto now = util::seconds_since_1970();
    const auto used = token->last_used_at ? local_time_and_age(*token->last_used_at, now) : std::string("never");
    return "active: yes, token " + std::to_string(token->id) + ", SHA-256 " + digest + "..." +
           "\ncreated: " + local_time_and_age(token->created_at, now) +
           (token->created_by ? ", by " + *token->created_by : "") + "\nlast used: " + used;
}

}  // namespace

int status(const Options& options, const config::Configuration& configuration) {
    database::Connection connection(administrator(options, configuration));
    database::TokenRegistry registry(connection, configuration.database_dashboard);
    const auto token = registry.status(command_deadline());
    if (!token) return report_error(token.error(), options);
    std::string digest;
    if (*token) {
        auto begin = registry.short_digest((*token)->id, command_deadline());
        if (!begin) return report_error(begin.error(), options);
        digest = std::move(*begin);
    }
    return answer(options.json ? in_json(*token, digest) : in_words(*token, digest));
}

}  // namespace ceymail::token
