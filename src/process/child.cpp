// SPDX-License-Identifier: MIT
#include "ceymail/process/child.hpp"

#include <csignal>
#include <exception>

#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/process/exit_code.hpp"
#include "ceymail/process/landlock.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/roles.hpp"
#include "ceymail/process/signals.hpp"
#include "ceymail/process/system_calls.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::process {

namespace {

using util::LogLevel;

void name_process(Role role) noexcept {
    util::set_log_identity("ceymail-metrics", name_of(role));
    ::prctl(PR_SET_NAME, role == Role::gatherer ? "ceymail-gather" : "ceymail-worker");  // 15 characters at most
}

// After become(), because a change of credentials resets it, prctl(2). A supervisor that died before this line sends
// no signal, but it is no longer our parent either.
bool die_with(pid_t supervisor) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ::getppid() == supervisor;
}

void let_go_of_others(Estate& estate, Role role, const fastcgi::BusySince* busy) noexcept {
    estate.signals.reset();
    estate.roster.keep_only(busy);
    estate.instance_lock.reset();
    estate.forget_listener.reset();
    if (role == Role::gatherer) {
        estate.listener.reset();
        return estate.segment.keep_gatherer_only();
    }
    estate.gatherer_listener.reset();
    estate.report_listener.reset();
    estate.segment.drop_gatherer();
    estate.board.make_read_only();
}

// The last of it before the work, so that nothing which is opened once need be allowed.
void give_up_files(const config::Configuration& configuration, Role role) {
    const auto readable =
        role == Role::gatherer ? readable_by_gatherer(configuration) : readable_by_worker(configuration);
    const auto confined = allow_only(readable, configuration.database_host.empty() ? Tcp::forbidden : Tcp::allowed);
    if (!confined && confined.error().kind != util::ErrorKind::unavailable)  // of that the supervisor tells once
        util::log(LogLevel::warning, confined.error().message + "; goes on without it");
    if (const auto forbidden = forbid_remapping(); !forbidden)
        util::log(LogLevel::warning, forbidden.error().message + "; goes on without it");
}

int play(Estate& estate, Role role, fastcgi::BusySince* busy, pid_t supervisor) {
    name_process(role);
    ignore_signals_of_others();
    let_go_of_others(estate, role, busy);
    const auto kept = role == Role::gatherer ? Capability::dac_read_search : Capability::none;
    if (const auto become_it = become(estate.configuration.user, kept); !become_it) return give_up(become_it.error());
    forbid_dumps();
    if (!die_with(supervisor)) return EX_OK;
    const auto stop = signal_fd({SIGTERM});
    if (!stop) return give_up(stop.error());
    give_up_files(estate.configuration, role);
    if (role == Role::gatherer) {
        gather(estate.configuration, {estate.gatherer_listener.get(), estate.report_listener.get()}, estate.board,
               estate.segment.gatherer().cpu, stop->get());
    } else {
        work(estate.configuration, estate.listener.get(), estate.segment, estate.board, *busy, stop->get());
    }
    return EX_OK;
}

}  // namespace

const char* name_of(Role role) noexcept { return role == Role::gatherer ? "gatherer" : "worker"; }

void run_child(Estate& estate, Role role, fastcgi::BusySince* busy, pid_t supervisor) noexcept {
    int code = EX_SOFTWARE;
    try {
        code = play(estate, role, busy, supervisor);
    } catch (const std::exception& problem) {
        util::log(LogLevel::error, problem.what());
    }
    ::_exit(code);
}

}  // namespace ceymail::process
