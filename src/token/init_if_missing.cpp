// SPDX-License-Identifier: MIT
// ceymail-token init --if-missing: makes the tables again after CeyMail's factory reset has dropped them.
#include <sysexits.h>

#include "ceymail/database/schema.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/init_record.hpp"
#include "ceymail/token/init_steps.hpp"

namespace ceymail::token {
namespace {

constexpr const char* k_never =
    "init has not succeeded here yet by root over the Unix socket, so nothing is made; run: ceymail-token init";
constexpr const char* k_made_again =
    "table metrics_tokens was gone, as after a factory reset, and is made again; every token from before is void: give "
    "Prometheus a new one by ceymail-token generate";

std::string waiting_for(database::TokenSchema found, const std::string& schema) {
    if (found == database::TokenSchema::present) return "table metrics_tokens is there; nothing was changed";
    if (found == database::TokenSchema::no_tables)
        return "database " + schema +
               " has no tables: waiting until CeyMail's dashboard has made them; nothing was changed";
    return "tables of database " + schema +
           " were made within the last minute, as while a dump is restored: waiting; nothing was changed";
}

// The service runs this once a minute, so a failure that stays is reported once.
int say_once(const InitRecord& record, const std::string& message, int code) {
    if (!record.is_new(message)) return EX_OK;
    print_message(message);
    return code;
}

int fail_once(const InitRecord& record, const util::Error& error, const Options& options) {
    return record.is_new(error.message) ? report_error(error, options) : EX_OK;
}

}  // namespace

int init_if_missing(const Options& options, const config::Configuration& configuration) {
    const InitRecord record(configuration.state_directory);
    const auto succeeded = record.read();
    if (!succeeded) return report_error(succeeded.error());
    if (!*succeeded) return say_once(record, k_never, EX_OK);

    database::Connection connection(administrator(options, configuration));
    const auto& schema = configuration.database_dashboard;
    const auto found = database::look_for_token_schema(connection, schema, command_deadline());
    if (!found) return fail_once(record, found.error(), options);
    if (*found != database::TokenSchema::missing) return say_once(record, waiting_for(*found, schema), EX_OK);

    Options all = options;
    all.settings = options.settings || (*succeeded)->settings;
    const auto done = prepare(all, configuration, connection);
    if (!done) return fail_once(record, done.error(), options);
    (void)record.is_new(k_made_again);  // so that whatever follows is a new message
    print_message(k_made_again);
    return report(all, *done);
}

}  // namespace ceymail::token
