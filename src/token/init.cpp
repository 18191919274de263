// SPDX-License-Identifier: MIT
// ceymail-token init: prepares schema, accounts and files.
#include <algorithm>
#include <cerrno>

#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/database/login_obstacle.hpp"
#include "ceymail/token/account_password.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/token/gateway_secret.hpp"
#include "ceymail/token/init_record.hpp"
#include "ceymail/token/init_steps.hpp"
#include "ceymail/token/login_trial.hpp"

namespace ceymail::token {
namespace {

std::string json_list(const std::vector<std::string>& lines) {
    std::string list;
    for (const auto& line : lines) list.append(list.empty() ? "" : ",").append(json(line));
    return "[" + list + "]";
}

}  // namespace

int report(const Options& options, const SetupResult& result) {
    const auto& report = result.report;
    const int code = report.missing.empty() ? EX_OK : EX_CONFIG;
    if (options.json) {
        const int answered =
            answer("{\"done\":" + json_list(report.done) + ",\"missing\":" + json_list(report.missing) +
                   ",\"pending\":" + json_list(report.pending) + ",\"warnings\":" + json_list(report.warnings) + "}");
        return answered == EX_OK ? code : answered;
    }
    for (const auto& line : report.done) print_message(line);
    for (const auto& line : report.pending) print_message(line);
    for (const auto& line : report.warnings) print_message("warning: " + line);
    for (const auto& line : report.missing) print_message(line);
    if (!report.missing.empty())
        print_message("set up, but not ready: no token can be made until that table is there");
    else
        print_message(result.all_logins_tried ? "ready; next: ceymail-token generate"
                                              : "set up, but a login was not tried; next: ceymail-token generate");
    return code;
}

namespace {

struct Login {
    std::string user;         // in MariaDB
    std::string system_user;  // reads the password
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
                          configuration.settings_session_secret.empty() ? database::Purpose::settings
                                                                        : database::Purpose::settings_with_sessions});
    return logins;
}

constexpr const char* k_reset_password = "ceymail-token init --reset-password";

// An account with another password is left as it is: other hosts that share this MariaDB may use it.
util::Error other_password(const Login& login, const std::string& account) {
    const std::string file = login.option_file.string();
    std::error_code ignored;
    const bool missing = !std::filesystem::exists(login.option_file, ignored);
    const std::string left = "account " + account +
                             " is there with a password, and is left as it is because other "
                             "hosts may use it: ";
    const std::string remedy =
        file.empty() ? std::string("set ") + login.option_file_key +
                           " to a copy of the option file of the host where init made it, or let the account log in "
                           "by Unix socket: "
        : missing ? "copy " + file + " from the host where init made it, or make another password: "
                  : file +
                        " has another; copy that file from the host where init made it, or give the account "
                        "the password of this one: ";
    return {util::ErrorKind::invalid, database::k_other_password, left + remedy + k_reset_password};
}

// The password is stored in the option file and wiped from memory.
util::Result<database::SetupReport> set_up(const Login& login, database::Account account,
                                           database::Connection& connection,
                                           const config::Configuration& configuration) {
    const std::string name = account.user + "@" + account.host;
    if (!configuration.database_host.empty() && login.option_file.empty())
        return util::fail(util::ErrorKind::invalid, std::string("database_host is set, so account ") + login.user +
                                                        " needs a password: set " + login.option_file_key +
                                                        " to a file for it");
    util::Secret password;
    std::error_code ignored;
    // Looked at before a password is made, which would be another.
    if (!login.option_file.empty() && !std::filesystem::exists(login.option_file, ignored) &&
        account.other_password == database::OtherPassword::leave &&
        database::has_password(connection, account, command_deadline()))
        return std::unexpected(other_password(login, name));
    if (!login.option_file.empty()) {
        CEYMAIL_TRY_ASSIGN(password,
                           read_or_make_password(login.option_file, login.system_user, login.option_file_key));
        account.password = &password;
    }
    auto done = database::set_up(connection, {configuration.database_mail, configuration.database_dashboard}, account,
                                 command_deadline());
    if (!done && done.error().code == database::k_other_password) return std::unexpected(other_password(login, name));
    return done;
}

bool by_unix_socket(const Login& login) { return login.option_file.empty(); }

// Whether the account is for the user who runs this command.
bool is_own(const Login& login) { return ::geteuid() != 0 && invoking_user() == login.user; }

bool has_system_user(const Login& login) { return ::getpwnam(login.system_user.c_str()) != nullptr; }

// Returns: why this process cannot try the login, and the remedy; empty if it can. A password works for any user.
std::string cannot_be_tried(const Login& login) {
    if (!by_unix_socket(login) || is_own(login)) return {};
    if (!has_system_user(login))
        return "there is no system user " + login.system_user + " yet; make it, say by systemd-sysusers, and run";
    return ::geteuid() == 0 ? "" : "only root can become system user " + login.system_user + "; as root run";
}

// MariaDB may choose another account or require more than was set up. Only a login shows it.
util::Result<void> check_login(const Login& login, const database::Account& account,
                               database::Connection& administrator, const config::Configuration& configuration) {
    const auto obstacle = [&](const std::string& words, util::ErrorKind kind = util::ErrorKind::invalid) {
        return util::fail(kind, "account " + account.user + "@" + account.host + " cannot log in: " + words);
    };
    if (by_unix_socket(login) && login.user != login.system_user && !is_own(login))
        return obstacle("by Unix socket it is for system user " + login.user + ", and the program runs as " +
                        login.system_user + "; give both one name, or set " + login.option_file_key);
    const bool becomes_another = ::geteuid() == 0 && has_system_user(login);
    const auto address = database::address_of(configuration, login.user, login.option_file, login.option_file_key);
    const auto chosen = try_login(address, becomes_another ? login.system_user : std::string(), command_deadline());
    if (chosen && *chosen == account.user + "@" + account.host) return {};
    if (chosen) return obstacle(database::login_as_another(administrator, account, *chosen, command_deadline()));
    const auto& error = chosen.error();
    if (error.code == EACCES && !login.option_file.empty())
        return obstacle(error.message + ", as by: chown " + login.system_user + ": " + login.option_file.string());
    const bool was_not_tried = error.kind == util::ErrorKind::internal && error.code == 0;
    if (error.kind == util::ErrorKind::unavailable || error.kind == util::ErrorKind::timed_out || was_not_tried)
        return obstacle(error.message, error.kind);
    return obstacle(database::login_obstacle(administrator, account, error, command_deadline()));
}

void append(database::SetupReport& all, database::SetupReport&& more) {
    for (const auto part : {&database::SetupReport::done, &database::SetupReport::missing,
                            &database::SetupReport::pending, &database::SetupReport::warnings})
        for (auto& line : more.*part)
            // Each account reports the same database and tables; one line is enough.
            if (std::ranges::find(all.*part, line) == (all.*part).end()) (all.*part).push_back(std::move(line));
}

// Only where root needs no password: ceymail-metrics-init.service gives none.
util::Result<void> record_success(const Options& options, const config::Configuration& configuration) {
    const bool as_root = ::geteuid() == 0 && options.database_user.empty() && options.database_option_file.empty();
    if (!as_root || !configuration.database_host.empty()) return {};
    const InitRecord record(configuration.state_directory);
    const auto before = record.read();
    const bool settings = before && *before && (*before)->settings;
    return record.write({.settings = settings || options.settings});
}

}  // namespace

util::Result<SetupResult> prepare(const Options& options, const config::Configuration& configuration,
                                  database::Connection& connection) {
    const char* const host = configuration.database_host.empty() ? "localhost" : "%";
    const auto logins = logins_of(options, configuration);
    const auto existing = options.reset_password ? database::OtherPassword::replace : database::OtherPassword::leave;
    SetupResult all;
    for (const auto& login : logins) {
        auto done = set_up(login, {login.user, host, nullptr, login.purpose, existing}, connection, configuration);
        if (!done) return std::unexpected(std::move(done.error()));
        append(all.report, std::move(*done));
    }
    for (const auto& login : logins) {
        const database::Account account{login.user, host, nullptr, login.purpose};
        if (const auto reason = cannot_be_tried(login); !reason.empty()) {
            all.all_logins_tried = false;
            all.report.warnings.push_back("account " + login.user + "@" + host + ": the login was not tried, for " +
                                          reason + " `ceymail-token init` again");
        } else if (auto worked = check_login(login, account, connection, configuration); !worked) {
            return std::unexpected(std::move(worked.error()));
        } else {
            all.report.done.push_back("account " + login.user + "@" + host + ": the login works");
        }
    }
    if (options.settings) {
        CEYMAIL_TRY_ASSIGN(auto secret,
                           prepare_gateway_secret(configuration.settings_gateway_secret, configuration.settings_user));
        all.report.done.push_back(std::move(secret));
    }
    if (const auto recorded = record_success(options, configuration); !recorded)
        all.report.warnings.push_back(recorded.error().message + "; after a factory reset run this again by hand");
    return all;
}

int init(const Options& options, const config::Configuration& configuration) {
    if (options.if_missing) return init_if_missing(options, configuration);
    database::Connection connection(administrator(options, configuration));
    const auto done = prepare(options, configuration, connection);
    return done ? report(options, *done) : report_error(done.error(), options);
}

}  // namespace ceymail::token
