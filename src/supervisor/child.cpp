// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/child.hpp"

#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/journal/reader.hpp"
#include "ceymail/maillog/log_reader.hpp"
#include "ceymail/scheduler/snapshot_server.hpp"
#include "ceymail/snapshot/snapshot_client.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/supervisor/housekeeping.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/hanging_paths.hpp"
#include "ceymail/system/landlock.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/system/signals.hpp"
#include "ceymail/system/system_calls.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::supervisor {

namespace {

using util::LogLevel;
using Paths = std::vector<std::filesystem::path>;

// 15 characters at most.
const char* process_name_of(Role role) noexcept {
    if (role == Role::log_reader) return "ceymail-reader";
    if (role == Role::journal_reader) return "ceymail-journal";
    return role == Role::gatherer ? "ceymail-gather" : "ceymail-worker";
}

// Requires: after become(), because a change of credentials resets it, prctl(2).
// Returns: false if the supervisor has exited before.
bool set_parent_death_signal(pid_t supervisor) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ::getppid() == supervisor;
}

void close_unneeded_fds(SharedResources& resources, Role role, const fastcgi::BusySince* busy) noexcept {
    resources.signals.reset();
    resources.heartbeats.keep_only(busy);
    resources.instance_lock.reset();
    resources.forget_listener.reset();
    if (role != Role::gatherer) {
        resources.gatherer_listener.reset();
        resources.report_listener.reset();
    }
    if (role != Role::worker) resources.listener.reset();
    switch (role) {
        case Role::gatherer:
            resources.mail_log.keep_for_gatherer();
            return resources.segment.keep_gatherer_only();
        case Role::worker:
            resources.mail_log.drop();
            resources.buffer.make_read_only();
            return resources.segment.drop_gatherer();
        case Role::log_reader:
            resources.mail_log.keep_for_reader();
            resources.buffer.drop();
            return resources.segment.drop_all();
        case Role::journal_reader:
            resources.mail_log.keep_for_journal();
            resources.buffer.drop();
            return resources.segment.drop_all();
    }
}

Paths readable_by(const config::Configuration& configuration, Role role, const Paths& hanging) {
    if (role == Role::log_reader) return {};
    if (role == Role::journal_reader) return system::readable_by_journal_reader(configuration);
    return role == Role::gatherer ? system::readable_by_gatherer(configuration, hanging)
                                  : system::readable_by_worker(configuration);
}

util::Result<void> forbid_calls(Role role) {
    if (role == Role::log_reader) return system::allow_calls_of_log_reader();
    return role == Role::journal_reader ? system::forbid_calls_of_journal_reader() : system::forbid_remapping();
}

constexpr auto k_patience_at_start = std::chrono::milliseconds(300);

// The gatherer's rules are made by looking at the paths, which must not hang before it serves. A path that hangs gets
// no rule. When it answers, this gatherer ends, and the next one has the rule.
Paths hanging_for_gatherer(const config::Configuration& configuration) {
    const auto restart = [] {
        util::log(LogLevel::notice, "what hung at the start answers again, and the next gatherer may read it");
        ::kill(::getpid(), SIGTERM);
    };
    auto paths = system::paths_of_gatherer(configuration);
    for (auto& directory : system::directories_of_servers(configuration)) paths.push_back(std::move(directory));
    auto hanging = system::hanging_paths(std::move(paths), k_patience_at_start, restart);
    for (const auto& path : hanging)
        util::log(LogLevel::warning, {"cannot look at ", path.native(), ": it hangs, mostly at a dead mount"});
    return hanging;
}

// Last before the role starts, so that files which are opened only once need not be allowed.
void apply_landlock(const config::Configuration& configuration, Role role) {
    const auto hanging = role == Role::gatherer ? hanging_for_gatherer(configuration) : Paths();
    const bool has_tcp = (role == Role::gatherer || role == Role::worker) && !configuration.database_host.empty();
    const auto confined = system::allow_only(
        readable_by(configuration, role, hanging), has_tcp ? system::Tcp::allowed : system::Tcp::forbidden,
        role == Role::gatherer ? system::listable_by_gatherer(configuration, hanging) : Paths());
    if (!confined && confined.error().kind != util::ErrorKind::unavailable)  // the supervisor logs that once
        util::log(LogLevel::warning, confined.error().message + "; goes on without it");
    const auto forbidden = forbid_calls(role);
    if (!forbidden) util::log(LogLevel::warning, forbidden.error().message + "; goes on without it");
}

// How long a worker waits for MariaDB when it starts.
constexpr auto k_prepare_timeout = std::chrono::milliseconds(100);

// Connects and prepares, so that the first request does not wait for it. Errors are left to the requests.
database::TokenReader ready_token_reader(const config::Configuration& configuration) {
    auto tokens = token_reader(configuration);
    static_cast<void>(tokens.active(util::BootClock::now() + k_prepare_timeout));
    return tokens;
}

// Answers one request after the other until `stop_fd` is readable, and then finishes the current request.
// `busy`: it stores the start of the current request there.
// Security: it parses untrusted requests, so it holds no capability. An attacker who controls it can read the buffer,
// lock or damage the segment, and query MariaDB within the service's column grants. That is not enough to create a
// token or to read mail.
void work(SharedResources& resources, fastcgi::BusySince& busy, int stop_fd) {
    const auto& configuration = resources.configuration;
    snapshot::SnapshotClient snapshots(resources.buffer, snapshot::gatherer_socket_path(configuration));
    endpoint::Endpoint endpoint(configuration, resources.segment,
                                std::bind_front(&snapshot::SnapshotClient::fetch, &snapshots),
                                ready_token_reader(configuration));
    fastcgi::Responder responder(resources.listener.get(), stop_fd, &busy);
    const auto refused = [&](int status) { resources.segment.count_answer(status); };
    while (const auto* request = responder.next(refused)) {
        responder.answer(endpoint.answer(*request));
        endpoint.record_last_used();
    }
}

// Serves until `stop_fd` is readable.
// Security: it holds CAP_DAC_READ_SEARCH. So it gets no data from outside except the fixed-size requests of workers.
// It ignores what a client of the report listener sends, and checks what the log reader leaves.
void gather(SharedResources& resources, int stop_fd) {
    const auto& configuration = resources.configuration;
    if (!system::has_dac_read_search()) {
        util::log(LogLevel::notice,
                  "without CAP_DAC_READ_SEARCH the mail queue can only be counted as root or "
                  "postfix; start as root, or see ceymail-metrics --check");
    }
    auto collectors = make_collectors(configuration, collect::tallied_in(resources.segment.gatherer().cpu));
    if (resources.mail_log) collectors.push_back(make_mail_log_collector(configuration, resources.mail_log));
    scheduler::CollectorScheduler scheduler(std::move(collectors), work_budget(configuration));
    scheduler::serve_gatherer(resources.gatherer_listener.get(), stop_fd, resources.buffer, scheduler,
                              resources.report_listener.get());
}

int run_role(SharedResources& resources, Role role, fastcgi::BusySince* busy, pid_t supervisor) {
    util::set_log_identity("ceymail-metrics", name_of(role));
    ::prctl(PR_SET_NAME, process_name_of(role));
    system::ignore_signals_in_child();
    close_unneeded_fds(resources, role, busy);
    const bool may_read_all = role == Role::gatherer || role == Role::journal_reader;
    const auto kept = may_read_all ? system::Capability::dac_read_search : system::Capability::none;
    if (const auto done = system::become(resources.configuration.user, kept); !done)
        return system::log_and_exit_code(done.error());
    system::forbid_dumps();
    if (!set_parent_death_signal(supervisor)) return EX_OK;
    const auto stop = system::signal_fd({SIGTERM});
    if (!stop) return system::log_and_exit_code(stop.error());
    apply_landlock(resources.configuration, role);
    switch (role) {
        case Role::gatherer:
            gather(resources, stop->get());
            break;
        case Role::worker:
            work(resources, *busy, stop->get());
            break;
        case Role::log_reader:
            maillog::serve_log_reader(resources.mail_log.reader_socket(), resources.mail_log.reader_journal_socket(),
                                      stop->get(), resources.mail_log.writable(), *busy);
            break;
        case Role::journal_reader:
            journal::serve_reader(resources.mail_log.journal_socket(), stop->get(),
                                  resources.configuration.journal_directory, *busy);
            break;
    }
    return EX_OK;
}

}  // namespace

const char* name_of(Role role) noexcept {
    if (role == Role::log_reader) return "log reader";
    if (role == Role::journal_reader) return "journal reader";
    return role == Role::gatherer ? "gatherer" : "worker";
}

void run_child(SharedResources& resources, Role role, fastcgi::BusySince* busy, pid_t supervisor) noexcept {
    int code = EX_SOFTWARE;
    try {
        code = run_role(resources, role, busy, supervisor);
    } catch (const std::exception& error) {
        util::log(LogLevel::error, error.what());
    }
    ::_exit(code);
}

void run_writer(SharedResources& resources, admission::TokenMark mark) noexcept {
    try {
        ::prctl(PR_SET_NAME, "ceymail-writer");
        close_unneeded_fds(resources, Role::gatherer, nullptr);
        resources.gatherer_listener.reset();
        resources.report_listener.reset();
        const auto written = write_token_memory(resources.configuration, mark);
        // Without systemd there may be no such directory.
        if (!written && written.error().kind != util::ErrorKind::not_found)
            util::log(LogLevel::warning, written.error().message);
    } catch (const std::exception& error) {
        util::log(LogLevel::error, error.what());
    }
    ::_exit(EX_OK);
}

}  // namespace ceymail::supervisor
