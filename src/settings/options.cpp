// SPDX-License-Identifier: MIT
#include "ceymail/settings/options.hpp"

#include "ceymail/config/command_line.hpp"

namespace ceymail::settings {

const char* const k_help =
    R"(Usage: ceymail-settings [OPTION]...
Serves the page Settings > Security > Prometheus Metrics, behind a web server (FastCGI) that
authenticates the user.

      --config FILE    read FILE instead of /etc/ceymail-metrics/ceymail-metrics.conf
      --listen ADDRESS unix:/PATH or tcp:127.0.0.1:PORT, instead of the socket that
                       systemd, spawn-fcgi or mod_fcgid hands in
      --user NAME      user to become when started as root
      --version        print the version
      --help           print this

Exit codes are those of sysexits(3): 0 success, 64 wrong usage, 69 taken or unreachable,
70 internal error, 71 the system has run out of something, 77 permission denied,
78 configuration. See ceymail-settings(8) and ceymail-metrics.conf(5).
)";

namespace {

Mode mode_of(const config::CommandLine& line) {
    if (line.has("help")) return Mode::help;
    return line.has("version") ? Mode::version : Mode::serve;
}

}  // namespace

util::Result<Options> parse_options(int argc, const char* const* argv) {
    CEYMAIL_TRY_ASSIGN(const auto line,
                       config::CommandLine::parse(
                           {"ceymail-settings", {"config", "listen", "user"}, {"version", "help"}}, argc, argv));
    return Options{mode_of(line), line.value("config"), line.value("listen"), line.value("user")};
}

}  // namespace ceymail::settings
