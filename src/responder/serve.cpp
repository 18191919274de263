// SPDX-License-Identifier: MIT
#include <sysexits.h>

#include "ceymail/fastcgi/cgi.hpp"
#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/responder/modes.hpp"
#include "ceymail/supervisor/supervisor.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/runtime_directory.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::responder {

namespace {

int supervise_on(const config::Configuration& configuration, util::Result<util::Fd> listener) {
    if (!listener) return system::log_and_exit_code(listener.error());
    if (configuration.plan == config::Plan::unknown)
        util::log(util::LogLevel::error, config::format_unknown_plan(configuration));
    return supervisor::supervise(configuration, std::move(*listener));
}

int report_no_socket() {
    util::log(util::LogLevel::error,
              "there is no socket to serve: start it by systemd (ceymail-metrics.socket), spawn-fcgi or mod_fcgid, or "
              "give --listen unix:/PATH; ceymail-metrics --once prints the metrics without a web server");
    return EX_USAGE;
}

}  // namespace

int serve(const config::Configuration& configuration) {
    // First, because the socket may be in that directory, and only root can create it.
    if (const auto prepared = system::prepare_runtime_directory(configuration); !prepared)
        return system::log_and_exit_code(prepared.error());
    system::prepare_report_directory(configuration);
    if (fastcgi::started_as_cgi()) return serve_cgi(configuration);
    if (!configuration.listen.empty())
        return supervise_on(configuration, fastcgi::make_listener(configuration.listen, configuration.listen_group));
    auto inherited = fastcgi::inherited_listener();
    if (inherited || inherited.error().kind != util::ErrorKind::not_found)
        return supervise_on(configuration, std::move(inherited));
    return report_no_socket();
}

}  // namespace ceymail::responder
