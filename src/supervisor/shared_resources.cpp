// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/shared_resources.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "ceymail/database/connection.hpp"
#include "ceymail/supervisor/gatherer_socket.hpp"
#include "ceymail/system/instance_lock.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/system/signals.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::supervisor {

namespace {

// A listener handed in as descriptor 0 moves away first: /dev/null takes its place.
util::Result<util::Fd> free_standard_input(util::Fd listener) {
    util::Fd moved(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3));
    const util::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!moved || !null || ::dup2(null.get(), STDIN_FILENO) < 0)
        return util::fail_errno(errno, "cannot put /dev/null in the place of standard input");
    if (listener.get() == STDIN_FILENO) static_cast<void>(listener.release());
    return moved;
}

// The settings page can do without, and so can we.
util::Fd listen_for_page(util::Result<util::Fd> listener, const char* otherwise) {
    if (listener) return std::move(*listener);
    util::log(util::LogLevel::warning, {listener.error().message, "; the settings page ", otherwise});
    return {};
}

}  // namespace

util::Result<SharedResources> open_shared_resources(const config::Configuration& configuration, util::Fd listener) {
    auto moved = free_standard_input(std::move(listener));
    if (!moved) return std::unexpected(std::move(moved.error()));
    if (auto done = system::become(configuration.user, system::Capability::dac_read_search); !done)
        return std::unexpected(std::move(done.error()));
    system::forbid_dumps();
    system::ignore_broken_pipes();
    database::prepare_client_library();
    util::prepare_sha256();
    auto instance_lock = system::lock_instance(configuration.runtime_directory, "ceymail-metrics", "runtime_directory");
    if (!instance_lock) return std::unexpected(std::move(instance_lock.error()));
    auto gatherer_listener = make_gatherer_socket(configuration);
    if (!gatherer_listener) return std::unexpected(std::move(gatherer_listener.error()));
    auto segment = shared::Segment::attach(configuration.runtime_directory);
    if (!segment) return std::unexpected(std::move(segment.error()));
    auto buffer = snapshot::SnapshotBuffer::make();
    if (!buffer) return std::unexpected(std::move(buffer.error()));
    auto heartbeats = WorkerHeartbeats::make(configuration.workers);
    if (!heartbeats) return std::unexpected(std::move(heartbeats.error()));
    auto signals = system::signal_fd({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
    if (!signals) return std::unexpected(std::move(signals.error()));
    return SharedResources{
        configuration,
        std::move(*instance_lock),
        std::move(*moved),
        std::move(*gatherer_listener),
        listen_for_page(make_report_socket(configuration), "will not show the collectors"),
        listen_for_page(make_forget_socket(configuration), "cannot make the responder forget a token"),
        std::move(*signals),
        std::move(*segment),
        std::move(*buffer),
        std::move(*heartbeats)};
}

}  // namespace ceymail::supervisor
