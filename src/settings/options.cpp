// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <boost/program_options.hpp>

namespace ceymail::settings {

const char* const k_help =
    R"(Usage: ceymail-settings [OPTION]...
Serves the page Settings > Security > Prometheus Metrics, behind a web server (FastCGI) that
authenticates whoever asks for it.

      --config FILE    read FILE instead of /etc/ceymail-metrics/ceymail-metrics.conf
      --listen ADDRESS unix:/PATH or tcp:127.0.0.1:PORT, instead of the socket that
                       systemd, spawn-fcgi or mod_fcgid hands in
      --user NAME      whom to become when started as root
      --version        print the version
      --help           print this

Exit codes are those of sysexits(3): 0 well, 64 wrong use, 69 taken or unreachable,
70 internal error, 71 the system has run out of something, 77 permission denied,
78 configuration. See ceymail-settings(8) and ceymail-metrics.conf(5).
)";

namespace {

namespace po = boost::program_options;

po::options_description description() {
    po::options_description options;
    auto add = options.add_options();
    for (const char* name : {"config", "listen", "user"}) add(name, po::value<std::string>());
    for (const char* name : {"version", "help"}) add(name, po::bool_switch());
    return options;
}

template <class T>
std::optional<T> value_of(const po::variables_map& given, const char* name) {
    if (given.count(name) == 0) return std::nullopt;
    return T(given[name].as<std::string>());
}

Mode mode_of(const po::variables_map& given) {
    if (given["help"].as<bool>()) return Mode::help;
    return given["version"].as<bool>() ? Mode::version : Mode::serve;
}

}  // namespace

util::Result<Options> parse_options(int argc, const char* const* argv) {
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
        return Options{mode_of(given), value_of<std::filesystem::path>(given, "config"),
                       value_of<std::string>(given, "listen"), value_of<std::string>(given, "user")};
    } catch (const po::error& problem) {
        return util::fail(util::ErrorKind::invalid, std::string(problem.what()) + "; see ceymail-settings --help");
    }
}

}  // namespace ceymail::settings
