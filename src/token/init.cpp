// SPDX-License-Identifier: MIT
// ceymail-token init: prepares schema, accounts and files. With --if-missing it does so again after CeyMail's factory
// reset has dropped the tables: ceymail-metrics-init.service runs that once a minute.
#include <algorithm>
#include <cerrno>

#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/admission/token_form.hpp"
#include "ceymail/database/login_obstacle.hpp"
#include "ceymail/database/option_file.hpp"
#include "ceymail/database/schema.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/token/gateway_secret.hpp"
#include "ceymail/token/login_trial.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::token {
namespace {

struct SetupResult {
    database::SetupReport report;
    bool all_logins_tried = true;
};

std::string json_list(const std::vector<std::string>& lines) {
    std::string list;
    for (const auto& line : lines) list.append(list.empty() ? "" : ",").append(json(line));
    return "[" + list + "]";
}

// Prints what was done. Returns: an exit code, sysexits(3).
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

struct Login {
    database::Account account;
    std::string name;         // USER@HOST
    std::string system_user;  // reads the password
    const std::filesystem::path& option_file;
    const char* option_file_key;
};

std::vector<Login> logins_of(const Options& options, const config::Configuration& configuration) {
    const std::string host = configuration.database_host.empty() ? "localhost" : "%";
    const auto existing = options.reset_password ? database::OtherPassword::replace : database::OtherPassword::leave;
    const auto login = [&](const std::string& user, const std::string& system_user,
                           const std::filesystem::path& option_file, const char* key, database::Purpose purpose) {
        return Login{{user, host, nullptr, purpose, existing}, user + "@" + host, system_user, option_file, key};
    };
    std::vector<Login> logins{login(configuration.database_user, configuration.user, configuration.database_option_file,
                                    "database_option_file", database::Purpose::metrics)};
    if (options.settings)
        logins.push_back(login(configuration.settings_database_user, configuration.settings_user,
                               configuration.settings_database_option_file, "settings_database_option_file",
                               configuration.settings_session_secret.empty()
                                   ? database::Purpose::settings
                                   : database::Purpose::settings_with_sessions));
    return logins;
}

constexpr const char* k_reset_password = "ceymail-token init --reset-password";

// An account with another password is left as it is: other hosts that share this MariaDB may use it.
util::Error other_password(const Login& login) {
    const std::string file = login.option_file.string();
    std::error_code ignored;
    const bool missing = !std::filesystem::exists(login.option_file, ignored);
    const std::string left = "account " + login.name +
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

// Reads the password from the option file. If that is missing, makes it with a new password, for the system user if
// there is that user. A new password has the form of a token, so it needs no escaping there.
util::Result<util::Secret> read_or_make_password(const Login& login) {
    auto password = database::read_password(login.option_file, login.option_file_key);
    if (password || password.error().kind != util::ErrorKind::not_found) return password;
    auto made = admission::make_token();
    if (!made) return made;
    CEYMAIL_TRY(SecretFile::write_new(login.option_file,
                                      {"# Made by ceymail-token init.\n[client]\npassword=", made->reveal(), "\n"},
                                      ::getpwnam(login.system_user.c_str())));
    return made;
}

util::Result<database::SetupReport> set_up(const Login& login, database::Connection& connection,
                                           const config::Configuration& configuration) {
    if (!configuration.database_host.empty() && login.option_file.empty())
        return util::fail(util::ErrorKind::invalid, "database_host is set, so account " + login.account.user +
                                                        " needs a password: set " + login.option_file_key +
                                                        " to a file for it");
    database::Account account = login.account;
    util::Secret password;
    if (!login.option_file.empty()) {
        std::error_code ignored;
        // Looked at before a password is made, which would be another.
        if (!std::filesystem::exists(login.option_file, ignored) &&
            account.other_password == database::OtherPassword::leave &&
            database::has_password(connection, account, command_deadline()))
            return std::unexpected(other_password(login));
        CEYMAIL_TRY_ASSIGN(password, read_or_make_password(login));
        account.password = &password;
    }
    auto done = database::set_up(connection, {configuration.database_mail, configuration.database_dashboard}, account,
                                 command_deadline());
    if (!done && done.error().code == database::k_other_password) return std::unexpected(other_password(login));
    return done;
}

bool by_unix_socket(const Login& login) { return login.option_file.empty(); }

// Whether the account is for the user who runs this command.
bool is_own(const Login& login) { return ::geteuid() != 0 && invoking_user() == login.account.user; }

bool has_system_user(const Login& login) { return ::getpwnam(login.system_user.c_str()) != nullptr; }

// Returns: why this process cannot try the login, and the remedy; empty if it can. A password works for any user.
std::string cannot_be_tried(const Login& login) {
    if (!by_unix_socket(login) || is_own(login)) return {};
    if (!has_system_user(login))
        return "there is no system user " + login.system_user + " yet; make it, say by systemd-sysusers, and run";
    return ::geteuid() == 0 ? "" : "only root can become system user " + login.system_user + "; as root run";
}

// MariaDB may choose another account or require more than was set up. Only a login shows it.
util::Result<void> check_login(const Login& login, database::Connection& administrator,
                               const config::Configuration& configuration) {
    const auto& account = login.account;
    const auto obstacle = [&](const std::string& words, util::ErrorKind kind = util::ErrorKind::invalid) {
        return util::fail(kind, "account " + login.name + " cannot log in: " + words);
    };
    if (by_unix_socket(login) && account.user != login.system_user && !is_own(login))
        return obstacle("by Unix socket it is for system user " + account.user + ", and the program runs as " +
                        login.system_user + "; give both one name, or set " + login.option_file_key);
    const bool becomes_another = ::geteuid() == 0 && has_system_user(login);
    const auto address = database::address_of(configuration, account.user, login.option_file, login.option_file_key);
    const auto chosen = try_login(address, becomes_another ? login.system_user : std::string(), command_deadline());
    if (chosen && *chosen == login.name) return {};
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

// STATE_DIRECTORY/init says that init has succeeded here. Its presence is the condition of
// ceymail-metrics-init.service. STATE_DIRECTORY/init-message is the last message of `init --if-missing`. Security: only
// root may write to the directory.
constexpr const char* k_record = "init";
constexpr const char* k_init = "init\n";
constexpr const char* k_init_settings = "init --settings\n";

enum class Succeeded { never, without_settings, with_settings };

util::Result<Succeeded> read_record(const config::Configuration& configuration) {
    const auto text = util::read_file(configuration.state_directory / k_record, 4096);
    if (text) return *text == k_init_settings ? Succeeded::with_settings : Succeeded::without_settings;
    if (text.error().kind == util::ErrorKind::not_found) return Succeeded::never;
    return std::unexpected(text.error());
}

// Only where root needs no password: ceymail-metrics-init.service gives none. Does nothing where the directory is
// missing, as without the package.
util::Result<void> record_success(const Options& options, const config::Configuration& configuration) {
    const bool as_root = ::geteuid() == 0 && options.database_user.empty() && options.database_option_file.empty();
    if (!as_root || !configuration.database_host.empty()) return {};
    const bool settings = options.settings || read_record(configuration) == Succeeded::with_settings;
    auto done = util::replace_file(configuration.state_directory / k_record, settings ? k_init_settings : k_init);
    if (!done && done.error().kind == util::ErrorKind::not_found) return {};
    return done;
}

// Prepares schema, accounts and files, tries the logins, and records the success for a later `init --if-missing`.
// Errors: the first one; the steps before it stay done, and a later run completes them.
util::Result<SetupResult> prepare(const Options& options, const config::Configuration& configuration,
                                  database::Connection& connection) {
    const auto logins = logins_of(options, configuration);
    SetupResult all;
    for (const auto& login : logins) {
        CEYMAIL_TRY_ASSIGN(auto done, set_up(login, connection, configuration));
        append(all.report, std::move(done));
    }
    for (const auto& login : logins) {
        const std::string account = "account " + login.name + ": ";
        if (const auto reason = cannot_be_tried(login); !reason.empty()) {
            all.all_logins_tried = false;
            all.report.warnings.push_back(account + "the login was not tried, for " + reason +
                                          " `ceymail-token init` again");
            continue;
        }
        CEYMAIL_TRY(check_login(login, connection, configuration));
        all.report.done.push_back(account + "the login works");
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

// --- --if-missing ----------------------------------------------------------------------------------------------------

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

// Makes nothing unless init has succeeded here and metrics_tokens is gone while the dashboard's tables are there.
int init_if_missing(const Options& options, const config::Configuration& configuration) {
    // Prints a message or an error once, until another follows.
    const auto is_new = [&](const std::string& message) {
        const auto path = configuration.state_directory / "init-message";
        if (const auto last = util::read_file(path); last && *last == message + "\n") return false;
        (void)util::replace_file(path, message + "\n");
        return true;
    };
    const auto say_once = [&](const std::string& message) {
        if (is_new(message)) print_message(message);
        return EX_OK;
    };
    const auto fail_once = [&](const util::Error& error) {
        return is_new(error.message) ? report_error(error, options) : EX_OK;
    };
    const auto succeeded = read_record(configuration);
    if (!succeeded) return report_error(succeeded.error());
    if (*succeeded == Succeeded::never) return say_once(k_never);

    database::Connection connection(administrator(options, configuration));
    const auto& schema = configuration.database_dashboard;
    const auto found = database::look_for_token_schema(connection, schema, command_deadline());
    if (!found) return fail_once(found.error());
    if (*found != database::TokenSchema::missing) return say_once(waiting_for(*found, schema));

    Options all = options;
    all.settings = options.settings || *succeeded == Succeeded::with_settings;
    const auto done = prepare(all, configuration, connection);
    if (!done) return fail_once(done.error());
    (void)is_new(k_made_again);  // so that whatever follows is a new message
    print_message(k_made_again);
    return report(all, *done);
}

}  // namespace

int init(const Options& options, const config::Configuration& configuration) {
    if (options.if_missing) return init_if_missing(options, configuration);
    database::Connection connection(administrator(options, configuration));
    const auto done = prepare(options, configuration, connection);
    return done ? report(options, *done) : report_error(done.error(), options);
}

}  // namespace ceymail::token
