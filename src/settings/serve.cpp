// SPDX-License-Identifier: MIT
#include "serve.hpp"

#include <csignal>
#include <cstdlib>

#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/gate/gateway_secret.hpp"
#include "ceymail/gate/segment.hpp"
#include "ceymail/page/settings_page.hpp"
#include "ceymail/process/exit_code.hpp"
#include "ceymail/process/instance_lock.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/runtime_directory.hpp"
#include "ceymail/process/signals.hpp"
#include "ceymail/report/inquiry.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::settings {

namespace {

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

int answer(const config::Configuration& configuration, const util::Fd& listener, const util::Fd& stop) {
    auto segment = gate::Segment::attach(configuration.settings_runtime_directory);
    if (!segment) return process::give_up(segment.error());
    auto seals = page::FormSeals::make();
    if (!seals) return process::give_up(seals.error());
    page::SettingsPage page(
        configuration, segment->layout().rate, std::move(*seals),
        [socket = report::forget_socket_path(configuration)](util::BootTime deadline) {
            return report::order_to_forget(socket, deadline);
        },
        [socket = report::socket_path(configuration)](util::BootTime deadline) {
            return report::ask_collectors(socket, deadline);
        });
    // The page tells it too, and serves nobody until then.
    if (const auto secret = gate::read_gateway_secret(configuration.settings_gateway_secret); !secret)
        util::log(util::LogLevel::error, secret.error().message);
    fastcgi::Responder responder(listener.get(), stop.get());
    ::sd_notify(0, "READY=1");
    util::log(util::LogLevel::info, "answering " + configuration.settings_path);
    const auto expire = [&page] { return page.expire(); };
    while (const auto* const request = responder.next_page([](int) {}, expire))
        responder.answer_page(page.answer(*request));
    ::sd_notify(0, "STOPPING=1");
    return EX_OK;
}

}  // namespace

int serve(const config::Configuration& configuration) {
    // The room of the process knows one runtime directory and one user: here they are the page's.
    auto own = configuration;
    own.runtime_directory = configuration.settings_runtime_directory;
    own.user = configuration.settings_user;
    if (const auto prepared = process::prepare_runtime_directory(own); !prepared)
        return process::give_up(prepared.error());
    const auto listener = take_listener(configuration);
    if (!listener) return process::give_up(listener.error());
    if (const auto done = process::become(own.user, process::Capability::none); !done)
        return process::give_up(done.error());
    const auto lock = process::lock_instance(own.runtime_directory, "ceymail-settings", "settings_runtime_directory");
    if (!lock) return process::give_up(lock.error());
    process::forbid_dumps();
    process::ignore_broken_pipes();
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGUSR1, SIG_IGN);
    const auto stop = process::signal_fd({SIGTERM, SIGINT});
    if (!stop) return process::give_up(stop.error());
    return answer(configuration, *listener, *stop);
}

}  // namespace ceymail::settings
