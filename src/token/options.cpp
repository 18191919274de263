// SPDX-License-Identifier: MIT
// The command line, by Boost.ProgramOptions.
#include "ceymail/token/options.hpp"

#include <map>
#include <sstream>

#include <boost/program_options.hpp>

namespace ceymail::token {
namespace {

namespace po = boost::program_options;

constexpr const char* k_usage =
    "usage: ceymail-token COMMAND [OPTION]...\n"
    "Makes and revokes the bearer token with which Prometheus reads this host's metrics.\n"
    "\n"
    "Commands:\n"
    "  init      prepares database, account and grants; may be run any number of times\n"
    "  generate  makes a new token, shows it once, and revokes the one before\n"
    "  revoke    revokes the active token\n"
    "  status    tells whether a token is active, since when, and when it was last used\n"
    "\n";

const std::map<std::string, Command> k_commands{
    {"init", Command::init}, {"generate", Command::generate}, {"revoke", Command::revoke}, {"status", Command::status}};

po::options_description visible_options() {
    po::options_description options("Options");
    auto add = options.add_options();
    add("config", po::value<std::string>()->value_name("FILE"),
        "configuration, instead of /etc/ceymail-metrics/ceymail-metrics.conf");
    add("output", po::value<std::string>()->value_name("FILE"),
        "generate: writes the token to FILE, mode 0600, instead of standard output");
    add("force", "generate: replaces FILE where it is there already");
    add("settings", "init: also prepares the account of ceymail-settings, which may make and revoke tokens");
    add("json", "answers in JSON");
    add("database-user", po::value<std::string>()->value_name("NAME"),
        "MariaDB administrator, instead of the system user (root)");
    add("database-option-file", po::value<std::string>()->value_name("FILE"),
        "option file with that administrator's password, mode 0600");
    add("help", "shows this");
    add("version", "shows the version");
    return options;
}

std::unexpected<util::Error> misused(const std::string& what) {
    return util::fail(util::ErrorKind::invalid, what + "; see: ceymail-token --help");
}

util::Result<Options> to_options(const po::variables_map& given) {
    const auto text = [&](const char* name) { return given.count(name) ? given[name].as<std::string>() : ""; };
    Options options;
    if (given.count("help") != 0) return options;
    options.command = Command::version;
    if (given.count("version") != 0) return options;
    if (given.count("command") == 0) return misused("which command? There are init, generate, revoke and status");
    const auto command = k_commands.find(text("command"));
    if (command == k_commands.end())
        return misused("no such command: " + text("command") + "; there are init, generate, revoke and status");
    options.command = command->second;
    if (given.count("config") != 0) options.config = text("config");
    options.output = text("output");
    options.force = given.count("force") != 0;
    options.settings = given.count("settings") != 0;
    options.json = given.count("json") != 0;
    options.database_user = text("database-user");
    options.database_option_file = text("database-option-file");
    if ((given.count("output") != 0 || options.force) && options.command != Command::generate)
        return misused("--output and --force belong to generate");
    if (options.settings && options.command != Command::init) return misused("--settings belongs to init");
    if (given.count("output") != 0 && options.output.empty()) return misused("--output needs the name of a file");
    if (options.force && options.output.empty()) return misused("--force belongs to --output");
    return options;
}

}  // namespace

util::Result<Options> parse_options(int argc, const char* const* argv) {
    po::options_description all = visible_options();
    all.add_options()("command", po::value<std::string>());
    po::positional_options_description positions;
    positions.add("command", 1);
    using Style = po::command_line_style::style_t;
    constexpr int k_style = Style::unix_style & ~Style::allow_guessing;
    try {
        po::variables_map given;
        po::store(po::command_line_parser(argc, argv).options(all).positional(positions).style(k_style).run(), given);
        return to_options(given);
    } catch (const po::error& error) {
        return misused(error.what());
    }
}

std::string help_text() {
    std::ostringstream text;
    text << k_usage << visible_options()
         << "\nExit codes are those of sysexits.h: 0 done, 64 usage, 69 database not reachable, 73 file cannot be\n"
            "written, 75 somebody else was first, 77 not permitted, 78 configuration. ceymail-token(8) has more.\n";
    return text.str();
}

}  // namespace ceymail::token
