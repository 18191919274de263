// SPDX-License-Identifier: MIT
// ceymail-token init.
#include <sysexits.h>

#include "ceymail/database/schema.hpp"
#include "ceymail/token/account_password.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/token/surroundings.hpp"

namespace ceymail::token {
namespace {

std::string json_list(const std::vector<std::string>& lines) {
    std::string list;
    for (const auto& line : lines) list.append(list.empty() ? "" : ",").append(json(line));
    return "[" + list + "]";
}

int report(const Options& options, const database::SetupReport& report) {
    if (options.json)
        return answer("{\"done\":" + json_list(report.done) + ",\"pending\":" + json_list(report.pending) +
                      ",\"warnings\":" + json_list(report.warnings) + "}")
                   ? EX_OK
                   : EX_IOERR;
    for (const auto& line : report.done) say(line);
    for (const auto& line : report.pending) say(line);
    for (const auto& line : report.warnings) say("warning: " + line);
    say("ready; next: ceymail-token generate");
    return EX_OK;
}

}  // namespace

int init(const Options& options, const config::Configuration& configuration) {
    const auto& option_file = configuration.database_option_file;
    if (!configuration.database_host.empty() && option_file.empty()) {
        say("database_host is set, so the workers' account needs a password: set database_option_file to a file for "
            "it");
        return EX_CONFIG;
    }
    util::Secret password;
    if (!option_file.empty()) {
        auto read = read_or_make_password(option_file, configuration.user);
        if (!read) return explain(read.error());
        password = std::move(*read);
    }
    const database::Account account{configuration.database_user,
                                    configuration.database_host.empty() ? "localhost" : "%",
                                    password.empty() ? nullptr : &password};
    database::Connection connection(administrator(options, configuration));
    const auto done = database::set_up(connection, {configuration.database_mail, configuration.database_dashboard},
                                       account, command_deadline());
    return done ? report(options, *done) : explain(done.error(), options);
}

}  // namespace ceymail::token
