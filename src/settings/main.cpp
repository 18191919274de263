// SPDX-License-Identifier: MIT
// ceymail-settings: the page on which administrators make and revoke the token. ceymail-settings(8).
// Processes: one, without a capability; one thread answers. systemd keeps the socket and restarts a process that exits.
// May touch: its database account, its runtime directory, the gateway secret, the sockets of the metrics responder.
// Security: an attacker who takes the process over can make and revoke tokens and write audit rows. It cannot read a
// digest or mail.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "ceymail/admission/gateway_secret.hpp"
#include "ceymail/admission/session_secret.hpp"
#include "ceymail/config/command_line.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/page/settings_page.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/instance_lock.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/system/runtime_directory.hpp"
#include "ceymail/system/signals.hpp"
#include "ceymail/util/log.hpp"

namespace {

using namespace ceymail;

constexpr std::string_view k_help =
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

util::Result<util::Fd> take_listener(const config::Configuration& configuration) {
    if (!configuration.settings_listen.empty())
        return fastcgi::make_listener(configuration.settings_listen, configuration.listen_group);
    auto inherited = fastcgi::inherited_listener();
    if (!inherited && inherited.error().kind == util::ErrorKind::not_found)
        return util::fail(util::ErrorKind::invalid,
                          "there is no socket to serve: start it by systemd (ceymail-settings.socket), or give "
                          "--listen unix:/PATH");
    return inherited;
}

// The unit passes the file of the session secret as a credential, because only root may read the file.
// Source: systemd.exec(5), CREDENTIALS.
config::Configuration with_credential(config::Configuration configuration) {
    auto& secret = configuration.settings_session_secret;
    const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (secret.empty() || directory == nullptr) return configuration;
    std::filesystem::path credential = std::filesystem::path(directory) / "dashboard-session";
    std::error_code ignored;
    if (std::filesystem::exists(credential, ignored)) secret = std::move(credential);
    return configuration;
}

// The page shows the same errors, and refuses all requests until the files can be read.
void report_secrets(const config::Configuration& configuration) {
    if (const auto secret = admission::read_gateway_secret(configuration.settings_gateway_secret); !secret)
        util::log(util::LogLevel::error, secret.error().message);
    if (configuration.settings_session_secret.empty()) return;
    if (const auto secret = admission::read_session_secret(configuration.settings_session_secret); !secret)
        util::log(util::LogLevel::error, secret.error().message);
}

int answer(const config::Configuration& configured, const util::Fd& listener, const util::Fd& stop) {
    const auto configuration = with_credential(configured);
    auto segment = shared::Segment::attach(configuration.settings_runtime_directory, util::BootClock::now,
                                           "settings_runtime_directory");
    if (!segment) return system::log_and_exit_code(segment.error());
    auto csrf = page::CsrfTokens::make();
    if (!csrf) return system::log_and_exit_code(csrf.error());
    page::SettingsPage page(
        configuration, segment->layout().rate, std::move(*csrf),
        [socket = snapshot::forget_socket_path(configuration)](util::BootTime deadline) {
            return snapshot::order_to_forget(socket, deadline);
        },
        [socket = snapshot::report_socket_path(configuration)](util::BootTime deadline) {
            return snapshot::ask_collectors(socket, deadline);
        });
    report_secrets(configuration);
    fastcgi::Responder responder(listener.get(), stop.get());
    ::sd_notify(0, "READY=1");
    util::log(util::LogLevel::info, "answering " + configuration.settings_path);
    const auto expire = [&page] { return page.expire(); };
    while (const auto* const request = responder.next_page([](int) {}, expire))
        responder.answer_page(page.answer(*request));
    ::sd_notify(0, "STOPPING=1");
    return EX_OK;
}

// Takes the socket, becomes settings_user and answers until SIGTERM or SIGINT. Returns: the exit code, sysexits(3).
int serve(const config::Configuration& configuration) {
    // The functions of system/ read these two keys.
    auto own = configuration;
    own.runtime_directory = configuration.settings_runtime_directory;
    own.user = configuration.settings_user;
    if (const auto prepared = system::prepare_runtime_directory(own, "settings_"); !prepared)
        return system::log_and_exit_code(prepared.error());
    const auto listener = take_listener(configuration);
    if (!listener) return system::log_and_exit_code(listener.error());
    if (const auto done = system::become(own.user, system::Capability::none, "settings_user"); !done)
        return system::log_and_exit_code(done.error());
    const auto lock = system::lock_instance(own.runtime_directory, "ceymail-settings", "settings_runtime_directory");
    if (!lock) return system::log_and_exit_code(lock.error());
    system::forbid_dumps();
    system::ignore_broken_pipes();
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGUSR1, SIG_IGN);
    const auto stop = system::signal_fd({SIGTERM, SIGINT});
    if (!stop) return system::log_and_exit_code(stop.error());
    return answer(configuration, *listener, *stop);
}

util::Result<int> run(int argc, char** argv) {
    CEYMAIL_TRY_ASSIGN(const auto line,
                       config::CommandLine::parse(
                           {"ceymail-settings", {"config", "listen", "user"}, {"version", "help"}}, argc, argv));
    if (line.has("help")) return system::print(k_help);
    if (line.has("version")) return system::print("ceymail-settings " CEYMAIL_VERSION "\n");
    auto configuration = config::load_configuration(line.value("config"));
    if (!configuration) return system::log_and_exit_code(configuration.error());
    if (const auto listen = line.value("listen")) configuration->settings_listen = *listen;
    if (const auto user = line.value("user")) configuration->settings_user = *user;
    return serve(*configuration);
}

}  // namespace

int main(int argc, char** argv) {
    return system::run_program("ceymail-settings", [&] { return run(argc, argv); });
}
