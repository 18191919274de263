// SPDX-License-Identifier: MIT
// ceymail-metrics: reads command line and configuration and runs one mode.
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sysexits.h>

#include "ceymail/config/command_line.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/doctor/check.hpp"
#include "ceymail/fastcgi/cgi.hpp"
#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/responder/modes.hpp"
#include "ceymail/supervisor/supervisor.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/runtime_directory.hpp"
#include "ceymail/util/log.hpp"

namespace {

using namespace ceymail;
using config::CommandLine;
using util::ErrorKind;

using OptionalPath = std::optional<std::filesystem::path>;

constexpr std::string_view k_help =
    R"(Usage: ceymail-metrics [OPTION]...
Serves the metrics of a CeyMail host to Prometheus, behind a web server (FastCGI or CGI).

      --config FILE    read FILE instead of $CEYMAIL_METRICS_CONFIG or, if that is not set,
                       /etc/ceymail-metrics/ceymail-metrics.conf
      --listen ADDRESS unix:/PATH or tcp:127.0.0.1:PORT, instead of the socket that
                       systemd, spawn-fcgi or mod_fcgid hands in
      --user NAME      user to become when started as root
      --once           print the metrics once, without a web server or token, and end
      --check          print for each part ok or the remedy; exit 0 or 78
      --url URL        with --check: also request https://HOST[:PORT]/PATH from the web server
      --token-file FILE  with --check: also compare the token in FILE with the active one
      --version        print the version
      --help           print this

Exit codes are those of sysexits(3): 0 success, 64 wrong usage, 69 taken or unreachable,
70 internal error, 71 the system has run out of something, 77 permission denied,
78 configuration. See ceymail-metrics(8) and ceymail-metrics.conf(5).
)";

// Errors: invalid: an unknown option, a missing value, an operand, two modes, --url or --token-file without --check.
// Security: as CGI the client may choose the arguments: servers pass a query string without '=' as arguments. A request
// for "?--once" must not print the metrics. Source: RFC 3875 4.4.
util::Result<CommandLine> read_command_line(int argc, char** argv) {
    if (fastcgi::started_as_cgi()) return CommandLine();
    CEYMAIL_TRY_ASSIGN(auto line, CommandLine::parse({"ceymail-metrics",
                                                      {"config", "listen", "user", "url", "token-file"},
                                                      {"once", "check", "version", "help"}},
                                                     argc, argv));
    const bool informs = line.has("help") || line.has("version");
    if (line.has("once") && line.has("check") && !informs)
        return util::fail(ErrorKind::invalid, "--once and --check exclude each other; give one of them");
    for (const std::string option : {"url", "token-file"})
        if (line.has(option) && (informs || !line.has("check")))
            return util::fail(ErrorKind::invalid, "--" + option + " belongs to --check; give both");
    return line;
}

OptionalPath configuration_file(const CommandLine& line) {
    const char* const file = std::getenv("CEYMAIL_METRICS_CONFIG");
    return line.has("config") || file == nullptr ? OptionalPath(line.value("config")) : file;
}

std::string source_of(const OptionalPath& file) {
    if (file) return file->string();
    std::error_code ignored;
    if (std::filesystem::exists(config::k_default_path, ignored)) return config::k_default_path;
    return "the defaults, since there is no " + std::string(config::k_default_path);
}

// Behind a web server: answers one CGI request, or supervises workers on a listening socket.
int serve(const config::Configuration& configuration) {
    // First, because the socket may be in that directory, and only root can create it.
    if (const auto prepared = system::prepare_runtime_directory(configuration); !prepared)
        return system::log_and_exit_code(prepared.error());
    system::prepare_report_directory(configuration);
    if (fastcgi::started_as_cgi()) return responder::serve_cgi(configuration);
    const bool inherits = configuration.listen.empty();
    auto listener = inherits ? fastcgi::inherited_listener()
                             : fastcgi::make_listener(configuration.listen, configuration.listen_group);
    if (!listener && inherits && listener.error().kind == ErrorKind::not_found) {
        util::log(util::LogLevel::error,
                  "there is no socket to serve: start it by systemd (ceymail-metrics.socket), spawn-fcgi or mod_fcgid, "
                  "or give --listen unix:/PATH; ceymail-metrics --once prints the metrics without a web server");
        return EX_USAGE;
    }
    if (!listener) return system::log_and_exit_code(listener.error());
    if (configuration.plan == config::Plan::unknown)
        util::log(util::LogLevel::error, config::format_unknown_plan(configuration));
    return supervisor::supervise(configuration, std::move(*listener));
}

util::Result<int> run(int argc, char** argv) {
    CEYMAIL_TRY_ASSIGN(const auto line, read_command_line(argc, argv));
    if (line.has("help")) return system::print(k_help);
    if (line.has("version")) return system::print("ceymail-metrics " CEYMAIL_VERSION "\n");
    const auto file = configuration_file(line);
    if (line.has("check") && !doctor::can_be_read_in_time(file.value_or(config::k_default_path))) return EX_CONFIG;
    auto configuration = config::load_configuration(file, config::PageKeys::may_be_wrong);
    if (!configuration) return system::log_and_exit_code(configuration.error());
    if (const auto listen = line.value("listen")) configuration->listen = *listen;
    if (const auto user = line.value("user")) configuration->user = *user;
    if (line.has("check"))
        return doctor::check(*configuration, source_of(file), line.value("url"), line.value("token-file"));
    for (const auto& fault : configuration->page_faults)
        util::log(util::LogLevel::error, {fault, "; only ceymail-settings reads this key, and does not start"});
    return line.has("once") ? responder::once(*configuration) : serve(*configuration);
}

}  // namespace

int main(int argc, char** argv) {
    return system::run_program("ceymail-metrics", [&] { return run(argc, argv); });
}
