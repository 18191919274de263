// SPDX-License-Identifier: MIT
// ceymail-metrics: the responder. Reads what it is told and does one of modes.hpp.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

#include <sysexits.h>

#include "ceymail/config/configuration.hpp"
#include "ceymail/doctor/check.hpp"
#include "ceymail/fastcgi/cgi.hpp"
#include "ceymail/responder/modes.hpp"
#include "ceymail/responder/options.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/util/log.hpp"

namespace {

using namespace ceymail;
using responder::Mode;
using responder::Options;

int print(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return std::fflush(stdout) == 0 && written ? EX_OK : EX_IOERR;
}

// As CGI the arguments may be a stranger's: of a query string without '=' servers make some, RFC 3875 4.4, and
// "?--once" must not print what the token is for. The environment is the web server's alone.
util::Result<Options> options_of(int argc, char** argv) {
    auto options = fastcgi::started_as_cgi() ? Options{} : responder::parse_options(argc, argv);
    const char* const config = std::getenv("CEYMAIL_METRICS_CONFIG");
    if (options && !options->config && config != nullptr) options->config = config;
    return options;
}

util::Result<config::Configuration> configuration_of(const Options& options) {
    auto configuration = config::load_configuration(options.config);
    if (!configuration) return configuration;
    if (options.listen) configuration->listen = *options.listen;
    if (options.user) configuration->user = *options.user;
    return configuration;
}

std::string source_of(const Options& options) {
    if (options.config) return options.config->string();
    std::error_code ignored;
    if (std::filesystem::exists(config::k_default_path, ignored)) return config::k_default_path;
    return "the defaults, since there is no " + std::string(config::k_default_path);
}

int run(const Options& options) {
    if (options.mode == Mode::help) return print(responder::k_help);
    if (options.mode == Mode::version) return print("ceymail-metrics " CEYMAIL_VERSION "\n");
    if (options.mode == Mode::check && !doctor::can_be_read_in_time(options.config.value_or(config::k_default_path)))
        return EX_CONFIG;
    const auto configuration = configuration_of(options);
    if (!configuration) return system::log_and_exit_code(configuration.error());
    if (options.mode == Mode::once) return responder::once(*configuration);
    if (options.mode == Mode::check) return doctor::check(*configuration, source_of(options), options.url);
    return responder::serve(*configuration);
}

}  // namespace

int main(int argc, char** argv) {
    util::set_log_identity("ceymail-metrics");
    try {
        const auto options = options_of(argc, argv);
        if (options) return run(*options);
        util::log(util::LogLevel::error, options.error().message);
        return EX_USAGE;
    } catch (const std::exception& problem) {
        util::log(util::LogLevel::error, problem.what());
        return EX_SOFTWARE;
    }
}
