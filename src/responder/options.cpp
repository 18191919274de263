// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <array>

#include <boost/program_options.hpp>

namespace ceymail::responder {

const char* const k_help =
    R"(Usage: ceymail-metrics [OPTION]...
Serves the metrics of a CeyMail host to Prometheus, behind a web server (FastCGI or CGI).

      --config FILE    read FILE instead of $CEYMAIL_METRICS_CONFIG or, if that is not set,
                       /etc/ceymail-metrics/ceymail-metrics.conf
      --listen ADDRESS unix:/PATH or tcp:127.0.0.1:PORT, instead of the socket that
                       systemd, spawn-fcgi or mod_fcgid hands in
      --user NAME      whom to become when started as root
      --once           print the metrics once, without a web server or token, and end
      --check          say of each part whether it is ok, or what to do; exit 0 or 78
      --url URL        with --check: ask https://HOST[:PORT]/PATH through the web server, too
      --version        print the version
      --help           print this

Exit codes are those of sysexits(3): 0 well, 64 wrong use, 69 taken or unreachable,
70 internal error, 71 the system has run out of something, 77 permission denied,
78 configuration. See ceymail-metrics(8) and ceymail-metrics.conf(5).
)";

namespace {

namespace po = boost::program_options;
using util::ErrorKind;
using util::Result;

po::options_description description() {
    po::options_description options;
    auto add = options.add_options();
    for (const char* name : {"config", "listen", "user", "url"}) add(name, po::value<std::string>());
    for (const char* name : {"once", "check", "version", "help"}) add(name, po::bool_switch());
    return options;
}

Result<Mode> mode_of(const po::variables_map& given) {
    constexpr std::array<std::pair<const char*, Mode>, 4> modes{
        {{"help", Mode::help}, {"version", Mode::version}, {"once", Mode::once}, {"check", Mode::check}}};
    auto mode = Mode::serve;
    for (const auto& [name, its_mode] : modes) {
        if (!given[name].as<bool>()) continue;
        if (mode == Mode::help || mode == Mode::version) break;
        if (mode != Mode::serve)
            return util::fail(ErrorKind::invalid, "--once and --check exclude each other; give one of them");
        mode = its_mode;
    }
    return mode;
}

template <class T>
std::optional<T> value_of(const po::variables_map& given, const char* name) {
    if (given.count(name) == 0) return std::nullopt;
    return T(given[name].as<std::string>());
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
    try {
        namespace style = po::command_line_style;
        const auto options = description();
        po::variables_map given;
        po::store(po::command_line_parser(argc, argv)
                      .options(options)
                      .positional({})  // without it an operand would be taken silently
                      .style(style::unix_style & ~style::allow_guessing)
                      .run(),
                  given);
        const auto mode = mode_of(given);
        if (!mode) return std::unexpected(mode.error());
        if (given.count("url") != 0 && *mode != Mode::check)
            return util::fail(ErrorKind::invalid, "--url belongs to --check; give both");
        return Options{*mode, value_of<std::filesystem::path>(given, "config"), value_of<std::string>(given, "listen"),
                       value_of<std::string>(given, "user"), value_of<std::string>(given, "url")};
    } catch (const po::error& problem) {
        return util::fail(ErrorKind::invalid, std::string(problem.what()) + "; see ceymail-metrics --help");
    }
}

}  // namespace ceymail::responder
