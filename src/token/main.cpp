// SPDX-License-Identifier: MIT
// ceymail-token: makes, revokes and shows the token for the metrics. ceymail-token(8).
#include <csignal>
#include <exception>

#include <sys/prctl.h>
#include <sysexits.h>

#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"

namespace ceymail::token {
namespace {

int configured(const Options& options) {
    // A wrong key of the page must not keep a token from being revoked. `init` may prepare the page.
    const auto page_keys =
        options.command == Command::init ? config::PageKeys::must_be_right : config::PageKeys::may_be_wrong;
    const auto configuration = config::load_configuration(options.config, page_keys);
    if (!configuration) {
        print_message(configuration.error().message);
        return EX_CONFIG;
    }
    for (const auto& fault : configuration->page_faults) print_message("warning: " + fault);
    switch (options.command) {
        case Command::init:
            return init(options, *configuration);
        case Command::generate:
            return generate(options, *configuration);
        case Command::adopt:
            return adopt(options, *configuration);
        case Command::revoke:
            return revoke(options, *configuration);
        default:
            return status(options, *configuration);
    }
}

int run(int argc, const char* const* argv) {
    const auto options = parse_options(argc, argv);
    if (!options) {
        print_message(options.error().message);
        return EX_USAGE;
    }
    if (options->command == Command::help) return answer(k_help);
    if (options->command == Command::version) return answer("ceymail-token " CEYMAIL_VERSION);
    if (options->detached) return generate_detached(*options);
    return configured(*options);
}

}  // namespace
}  // namespace ceymail::token

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is reported as an error and does not end the process
    ::prctl(PR_SET_DUMPABLE, 0);    // no core file may contain the token
    try {
        return ceymail::token::run(argc, argv);
    } catch (const std::exception& error) {
        ceymail::token::print_message(error.what());
        return EX_SOFTWARE;
    }
}
