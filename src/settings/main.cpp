// SPDX-License-Identifier: MIT
// ceymail-settings: the page on which administrators make and revoke the token. ceymail-settings(8).
#include <cstdio>
#include <exception>
#include <string>

#include <sysexits.h>

#include "ceymail/config/configuration.hpp"
#include "ceymail/settings/options.hpp"
#include "ceymail/settings/serve.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/util/log.hpp"

namespace {

using namespace ceymail;
using settings::Mode;

int print(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return std::fflush(stdout) == 0 && written ? EX_OK : EX_IOERR;
}

int run(const settings::Options& options) {
    if (options.mode == Mode::help) return print(settings::k_help);
    if (options.mode == Mode::version) return print("ceymail-settings " CEYMAIL_VERSION "\n");
    auto configuration = config::load_configuration(options.config);
    if (!configuration) return system::log_and_exit_code(configuration.error());
    if (options.listen) configuration->settings_listen = *options.listen;
    if (options.user) configuration->settings_user = *options.user;
    return settings::serve(*configuration);
}

}  // namespace

int main(int argc, char** argv) {
    util::set_log_identity("ceymail-settings");
    try {
        const auto options = settings::parse_options(argc, argv);
        if (options) return run(*options);
        util::log(util::LogLevel::error, options.error().message);
        return EX_USAGE;
    } catch (const std::exception& problem) {
        util::log(util::LogLevel::error, problem.what());
        return EX_SOFTWARE;
    }
}
