// SPDX-License-Identifier: MIT
#include "ceymail/token/options.hpp"

#include <array>
#include <utility>

#include "ceymail/config/command_line.hpp"

namespace ceymail::token {

const char* const k_help =
    R"(usage: ceymail-token COMMAND [OPTION]...
Makes and revokes the bearer token with which Prometheus reads this host's metrics.

Commands:
  init      prepares database, account and grants; may be run any number of times
  generate  makes a new token, shows it once, and revokes the one before
  adopt     makes a token of another host the active one: reads the 64 digits of
            its SHA-256 from standard input
  revoke    revokes the active token
  status    tells whether a token is active, since when, and when it was last used

Options:
  --config FILE               configuration, instead of
                              /etc/ceymail-metrics/ceymail-metrics.conf
  --output FILE               generate: writes the token to FILE, mode 0600,
                              instead of standard output
  --force                     generate: replaces FILE where it is there already;
                              adopt: also a token that was revoked here
  --detached                  generate: prints a token and its SHA-256 for
                              adopt; needs no configuration and no database
  --settings                  init: also prepares the account of
                              ceymail-settings, which may make and revoke
                              tokens
  --if-missing                init: only where it has succeeded before and the
                              tables are gone, as after a factory reset
  --reset-password            init: also changes the login of an account that is
                              there with another password
  --json                      answers in JSON
  --database-user NAME        MariaDB administrator, instead of the system user
                              (root)
  --database-option-file FILE option file with that administrator's password,
                              mode 0600
  --help                      shows this
  --version                   shows the version

Exit codes are those of sysexits.h: 0 done, 64 usage, 69 database not reachable, 73 file cannot be
written, 75 conflict, try again, 77 not permitted, 78 configuration. ceymail-token(8) has more.
)";

namespace {

std::unexpected<util::Error> misused(const std::string& what) {
    return util::fail(util::ErrorKind::invalid, what + "; see ceymail-token --help");
}

util::Result<Command> command_of(const config::CommandLine& line) {
    constexpr std::array<std::pair<const char*, Command>, 5> k_commands{{{"init", Command::init},
                                                                         {"generate", Command::generate},
                                                                         {"adopt", Command::adopt},
                                                                         {"revoke", Command::revoke},
                                                                         {"status", Command::status}}};
    if (line.has("help")) return Command::help;
    if (line.has("version")) return Command::version;
    const auto given = line.value("command");
    if (!given) return misused("which command? There are init, generate, adopt, revoke and status");
    for (const auto& [name, command] : k_commands)
        if (*given == name) return command;
    return misused("no such command: " + *given + "; there are init, generate, adopt, revoke and status");
}

util::Result<void> check_combination(const config::CommandLine& line, Command command) {
    if (command == Command::help || command == Command::version) return {};
    const bool to_file = line.has("output");
    const bool force = line.has("force");
    if (to_file && command != Command::generate) return misused("--output and --force belong to generate");
    if (force && command != Command::generate && command != Command::adopt)
        return misused("--output and --force belong to generate, --force also to adopt");
    if (line.has("detached") && command != Command::generate) return misused("--detached belongs to generate");
    if (line.has("detached"))
        for (const char* const option : {"config", "database-user", "database-option-file"})
            if (line.has(option))
                return misused(std::string("--") + option + " has no use with --detached, which uses no database");
    if (line.has("reset-password") && (command != Command::init || line.has("if-missing")))
        return misused("--reset-password belongs to init without --if-missing");
    if (line.has("settings") && command != Command::init) return misused("--settings belongs to init");
    if (line.has("if-missing") && (command != Command::init || line.has("json")))
        return misused("--if-missing belongs to init without --json");
    if (to_file && line.value("output")->empty()) return misused("--output needs the name of a file");
    if (force && !to_file && command == Command::generate) return misused("--force belongs to --output");
    return {};
}

}  // namespace

util::Result<Options> parse_options(int argc, const char* const* argv) {
    CEYMAIL_TRY_ASSIGN(const auto line,
                       config::CommandLine::parse({"ceymail-token",
                                                   {"config", "output", "database-user", "database-option-file"},
                                                   {"force", "detached", "settings", "if-missing", "reset-password",
                                                    "json", "help", "version"},
                                                   "command"},
                                                  argc, argv));
    CEYMAIL_TRY_ASSIGN(const auto command, command_of(line));
    CEYMAIL_TRY(check_combination(line, command));
    return Options{.command = command,
                   .config = line.value("config"),
                   .output = line.value("output").value_or(""),
                   .force = line.has("force"),
                   .detached = line.has("detached"),
                   .settings = line.has("settings"),
                   .if_missing = line.has("if-missing"),
                   .reset_password = line.has("reset-password"),
                   .json = line.has("json"),
                   .database_user = line.value("database-user").value_or(""),
                   .database_option_file = line.value("database-option-file").value_or("")};
}

}  // namespace ceymail::token
