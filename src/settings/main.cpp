// SPDX-License-Identifier: MIT
// ceymail-settings: the page on which administrators make and revoke the token. ceymail-settings(8).
#include "ceymail/config/configuration.hpp"
#include "ceymail/settings/options.hpp"
#include "ceymail/settings/serve.hpp"
#include "ceymail/system/exit_code.hpp"

namespace {

using namespace ceymail;
using settings::Mode;

int run(const settings::Options& options) {
    if (options.mode == Mode::help) return system::print(settings::k_help);
    if (options.mode == Mode::version) return system::print("ceymail-settings " CEYMAIL_VERSION "\n");
    auto configuration = config::load_configuration(options.config);
    if (!configuration) return system::log_and_exit_code(configuration.error());
    if (options.listen) configuration->settings_listen = *options.listen;
    if (options.user) configuration->settings_user = *options.user;
    return settings::serve(*configuration);
}

}  // namespace

int main(int argc, char** argv) {
    return system::run_program("ceymail-settings", [&]() -> util::Result<int> {
        CEYMAIL_TRY_ASSIGN(const auto options, settings::parse_options(argc, argv));
        return run(options);
    });
}
