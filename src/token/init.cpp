// SPDX-License-Identifier: MIT
// ceymail-token init.
#include <algorithm>

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

// Who logs in, and where the password lies.
struct Login {
    std::string user;         // MariaDB's
    std::string system_user;  // who reads the password
    const std::filesystem::path& option_file;
    const char* option_file_key;
    database::Purpose purpose;
};

std::vector<Login> logins_of(const Options& options, const config::Configuration& configuration) {
    std::vector<Login> logins{{configuration.database_user, configuration.user, configuration.database_option_file,
                               "database_option_file", database::Purpose::metrics}};
    if (options.settings)
        logins.push_back({configuration.settings_database_user, configuration.settings_user,
                          configuration.settings_database_option_file, "settings_database_option_file",
                          database::Purpose::settings});
    return logins;
}

util::Result<database::SetupReport> set_up(const Login& login, database::Connection& connection,
                                           const config::Configuration& configuration) {
    const bool local = configuration.database_host.empty();
    if (!local && login.option_file.empty())
        return util::fail(util::ErrorKind::invalid, std::string("database_host is set, so account ") + login.user +
                                                        " needs a password: set " + login.option_file_key +
                                                        " to a file for it");
    util::Secret password;
    if (!login.option_file.empty()) {
        auto read = read_or_make_password(login.option_file, login.system_user);
        if (!read) return std::unexpected(std::move(read.error()));
        password = std::move(*read);
    }
    const database::Account account{login.user, local ? "localhost" : "%", password.empty() ? nullptr : &password,
                                    login.purpose};
    return database::set_up(connection, {configuration.database_mail, configuration.database_dashboard}, account,
                            command_deadline());
}

void append(database::SetupReport& all, database::SetupReport&& more) {
    for (const auto part :
         {&database::SetupReport::done, &database::SetupReport::pending, &database::SetupReport::warnings})
        for (auto& line : more.*part)
            // The database and its tables are looked at for each account, and told of once.
            if (std::ranges::find(all.*part, line) == (all.*part).end()) (all.*part).push_back(std::move(line));
}

}  // namespace

int init(const Options& options, const config::Configuration& configuration) {
    database::Connection connection(administrator(options, configuration));
    database::SetupReport all;
    for (const auto& login : logins_of(options, configuration)) {
        auto done = set_up(login, connection, configuration);
        if (!done) return explain(done.error(), options);
        append(all, std::move(*done));
    }
    return report(options, all);
}

}  // namespace ceymail::token
