// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/shared_resources.hpp"

#include <csignal>
#include <utility>

#include "ceymail/database/connection.hpp"
#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/supervisor/gatherer_socket.hpp"
#include "ceymail/system/instance_lock.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/system/signals.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::supervisor {

namespace {

// Without this listener the service works, and the settings page shows an error.
util::Fd listen_for_page(const std::filesystem::path& path, const char* consequence) {
    auto listener = make_page_socket(path);
    if (listener) return std::move(*listener);
    util::log(util::LogLevel::warning, {listener.error().message, "; the settings page ", consequence});
    return {};
}

}  // namespace

util::Result<SharedResources> open_shared_resources(const config::Configuration& configuration, util::Fd listener) {
    CEYMAIL_TRY_ASSIGN(auto moved, fastcgi::clear_standard_input(std::move(listener)));
    CEYMAIL_TRY(system::become(configuration.user, system::Capability::dac_read_search));
    system::forbid_dumps();
    system::ignore_broken_pipes();
    database::prepare_client_library();
    util::prepare_sha256();
    CEYMAIL_TRY_ASSIGN(auto instance_lock,
                       system::lock_instance(configuration.runtime_directory, "ceymail-metrics", "runtime_directory"));
    CEYMAIL_TRY_ASSIGN(auto gatherer_listener, make_gatherer_socket(configuration));
    CEYMAIL_TRY_ASSIGN(auto segment, shared::Segment::attach(configuration.runtime_directory));
    CEYMAIL_TRY_ASSIGN(auto buffer, snapshot::SnapshotBuffer::make());
    CEYMAIL_TRY_ASSIGN(auto heartbeats, WorkerHeartbeats::make(configuration.workers + 2));
    CEYMAIL_TRY_ASSIGN(auto mail_log, MailLogResources::open(configuration));
    CEYMAIL_TRY_ASSIGN(auto signals, system::signal_fd({SIGTERM, SIGINT, SIGHUP, SIGCHLD}));
    return SharedResources{
        configuration,
        std::move(instance_lock),
        std::move(moved),
        std::move(gatherer_listener),
        listen_for_page(snapshot::report_socket_path(configuration), "will not show the collectors"),
        listen_for_page(snapshot::forget_socket_path(configuration), "cannot make the responder forget a token"),
        std::move(signals),
        std::move(segment),
        std::move(buffer),
        std::move(heartbeats),
        std::move(mail_log)};
}

}  // namespace ceymail::supervisor
