// SPDX-License-Identifier: MIT
// ceymail-metrics: reads command line and configuration and runs one mode.
#include <cstdlib>
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

// Security: as CGI the client may choose the arguments: servers pass a query string without '=' as arguments. A request
// for "?--once" must not print the metrics. Source: RFC 3875 4.4.
util::Result<Options> options_of(int argc, char** argv) {
    auto options = fastcgi::started_as_cgi() ? Options{} : responder::parse_options(argc, argv);
    const char* const config = std::getenv("CEYMAIL_METRICS_CONFIG");
    if (options && !options->config && config != nullptr) options->config = config;
    return options;
}

util::Result<config::Configuration> configuration_of(const Options& options) {
    auto configuration = config::load_configuration(options.config, config::PageKeys::may_be_wrong);
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
    if (options.mode == Mode::help) return system::print(responder::k_help);
    if (options.mode == Mode::version) return system::print("ceymail-metrics " CEYMAIL_VERSION "\n");
    if (options.mode == Mode::check && !doctor::can_be_read_in_time(options.config.value_or(config::k_default_path)))
        return EX_CONFIG;
    const auto configuration = configuration_of(options);
    if (!configuration) return system::log_and_exit_code(configuration.error());
    if (options.mode == Mode::check)
        return doctor::check(*configuration, source_of(options), options.url, options.token_file);
    for (const auto& fault : configuration->page_faults)
        util::log(util::LogLevel::error, {fault, "; only ceymail-settings reads this key, and does not start"});
    if (options.mode == Mode::once) return responder::once(*configuration);
    return responder::serve(*configuration);
}

}  // namespace

int main(int argc, char** argv) {
    return system::run_program("ceymail-metrics", [&]() -> util::Result<int> {
        CEYMAIL_TRY_ASSIGN(const auto options, options_of(argc, argv));
        return run(options);
    });
}
