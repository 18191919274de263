// SPDX-License-Identifier: MIT
#include "ceymail/responder/options.hpp"

#include <array>

#include "ceymail/config/command_line.hpp"

namespace ceymail::responder {

const char* const k_help =
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

namespace {

using util::ErrorKind;
using util::Result;

Result<Mode> mode_of(const config::CommandLine& line) {
    constexpr std::array<std::pair<const char*, Mode>, 4> modes{
        {{"help", Mode::help}, {"version", Mode::version}, {"once", Mode::once}, {"check", Mode::check}}};
    auto mode = Mode::serve;
    for (const auto& [name, its_mode] : modes) {
        if (!line.has(name)) continue;
        if (mode == Mode::help || mode == Mode::version) break;
        if (mode != Mode::serve)
            return util::fail(ErrorKind::invalid, "--once and --check exclude each other; give one of them");
        mode = its_mode;
    }
    return mode;
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
    CEYMAIL_TRY_ASSIGN(const auto line, config::CommandLine::parse({"ceymail-metrics",
                                                                    {"config", "listen", "user", "url", "token-file"},
                                                                    {"once", "check", "version", "help"}},
                                                                   argc, argv));
    CEYMAIL_TRY_ASSIGN(const auto mode, mode_of(line));
    if (line.has("url") && mode != Mode::check)
        return util::fail(ErrorKind::invalid, "--url belongs to --check; give both");
    if (line.has("token-file") && mode != Mode::check)
        return util::fail(ErrorKind::invalid, "--token-file belongs to --check; give both");
    return Options{mode,
                   line.value("config"),
                   line.value("listen"),
                   line.value("user"),
                   line.value("url"),
                   line.value("token-file")};
}

}  // namespace ceymail::responder
