// SPDX-License-Identifier: MIT
// ceymail-token revoke. With the database down it still clears the token that the responder remembers.
#include <sysexits.h>

#include "ceymail/database/token_registry.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"

namespace ceymail::token {
namespace {

int report(const Options& options, const std::optional<std::uint64_t>& revoked) {
    if (options.json) return answer(R"({"revoked_id":)" + json(revoked) + "}");
    print_message(revoked ? "token " + std::to_string(*revoked) + " is revoked: it opens nothing any more"
                          : std::string("no token was active; nothing to revoke"));
    return EX_OK;
}

void explain_outage() {
    print_message(
        "the token is still in the database. While that is down the token opens nothing, for the responder has "
        "forgotten it; revoke it again once the database is back");
}

}  // namespace

int revoke(const Options& options, const config::Configuration& configuration) {
    // Before the change, so that it happens even if the database fails. After COMMIT again, because a request that read
    // the old token may have stored it meanwhile.
    const auto before = forget_remembered_token(configuration);  // model: revoke/forget-before
    database::Connection connection(administrator(options, configuration));
    database::TokenRegistry registry(connection, configuration.database_dashboard,
                                     workers_account(options, configuration));
    const auto revoked = registry.revoke(invoking_user(), [] { return util::Result<void>{}; }, command_deadline());
    const auto after = forget_remembered_token(configuration);  // model: revoke/forget-after
    if (!revoked) {
        const int code = report_error(revoked.error(), options);
        if (!after) return report_error(after.error());
        // In doubt, the error has said that the token may be revoked in the database.
        if (code == EX_UNAVAILABLE && before && revoked.error().code != database::k_in_doubt) explain_outage();
        return code;
    }
    const int code = report(options, *revoked);
    if (*revoked) explain_cluster(connection, configuration);
    return after ? code : report_error(after.error());
}

}  // namespace ceymail::token
