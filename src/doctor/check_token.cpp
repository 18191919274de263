// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string_view>

#include <openssl/crypto.h>

#include "ceymail/admission/bearer.hpp"
#include "ceymail/admission/token_form.hpp"
#include "ceymail/admission/token_history.hpp"
#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/supervisor/housekeeping.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/secret.hpp"
#include "ceymail/util/text.hpp"
#include "ceymail/util/time_format.hpp"

namespace ceymail::doctor {

namespace {

using admission::TokenMark;

constexpr std::size_t k_longest_file = 4096;  // bytes
constexpr const char* k_token_file = "token file";

// The running service has the latest mark in the segment; the file has it without a service too.
TokenMark newest_token(CheckReport& report, const config::Configuration& configuration) {
    auto newest = supervisor::read_token_memory(configuration);
    if (!newest) report.warn("token", newest.error().message);
    const auto segment = shared::Segment::open_existing(configuration.runtime_directory);
    const auto in_service = segment ? admission::TokenHistory(segment->layout().tokens).newest() : TokenMark{};
    return std::max(newest.value_or(TokenMark{}), in_service);
}

// Trims as Prometheus does with a credentials_file.
util::Result<util::Secret> read_token(const std::filesystem::path& file) {
    CEYMAIL_TRY_ASSIGN(std::string text, util::read_file(file, k_longest_file));
    util::Secret token(util::trimmed(text));
    OPENSSL_cleanse(text.data(), text.size());
    return token;
}

bool has_form_of_token(const util::Secret& token) {
    std::string header = "Bearer ";
    header.reserve(header.size() + token.reveal().size());  // so that growing leaves no copy in memory
    header += token.reveal();
    const bool is_token = admission::parse_bearer(header).form == admission::BearerForm::token;
    OPENSSL_cleanse(header.data(), header.size());
    return is_token;
}

}  // namespace

void check_token(CheckReport& report, const config::Configuration& configuration,
                 std::optional<std::uint64_t> created_at) {
    if (!created_at)
        return report.warn(
            "token",
            "one is active, but the service may not read when it was made: "
            "ceymail_token_created_timestamp_seconds is missing, and an old token that comes back is not "
            "noticed; run: ceymail-token init");
    const auto newest = newest_token(report, configuration);
    const auto made_at = "made at " + util::utc_time(*created_at);
    if (!admission::came_back(*created_at, newest, util::seconds_since_1970()))
        return report.ok("token", "one is active, " + made_at);
    report.bad("token", "the active one, " + made_at + ", is an old one that came back: " +
                            (*created_at == newest.created_at
                                 ? std::string("it had been revoked")
                                 : "one made at " + util::utc_time(newest.created_at) + " had replaced it") +
                            "; a restored dump of the database does that. It is accepted until you make a new one: "
                            "ceymail-token generate");
}

void check_token_file(CheckReport& report, const config::Configuration& configuration,
                      const std::filesystem::path& file) {
    const auto token = read_token(file);
    if (!token) return report.bad(k_token_file, token.error().message);
    if (const auto user = system::become(configuration.user, system::Capability::none); !user)
        return report.bad(k_token_file, user.error().message);
    if (!has_form_of_token(*token))
        return report.bad(k_token_file, file.string() +
                                            " holds no token, which is one word of 16 to 256 characters; write into it "
                                            "what ceymail-token generate prints");
    auto tokens = supervisor::token_reader(configuration);
    const auto active = tokens.active(util::BootClock::now() + k_time_for_source);
    if (!active) return report.warn(k_token_file, "cannot be compared with the active token; see \"database\"");
    if (*active && util::equal_in_constant_time(util::sha256(token->reveal()), (*active)->digest))
        return report.ok(k_token_file, file.string() + " holds the active token");
    if (admission::looks_like_rest_key(token->reveal()))
        return report.bad(k_token_file, file.string() +
                                            " holds a key of CeyMail's REST API, which opens nothing here; write into "
                                            "it what ceymail-token generate prints, ceymail_metrics_...");
    if (admission::looks_like_damaged_token(token->reveal()))
        return report.bad(k_token_file, file.string() +
                                            " holds a damaged token: behind ceymail_metrics_ there are not exactly 43 "
                                            "characters, as where it was copied in part; copy it again from where it "
                                            "is whole, or make a new one by ceymail-token generate");
    report.bad(k_token_file, file.string() +
                                 " does not hold the active token: it was replaced or revoked, or is another host's; "
                                 "ceymail-token generate makes a new one");
}

}  // namespace ceymail::doctor
