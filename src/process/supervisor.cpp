// SPDX-License-Identifier: MIT
#include "ceymail/process/supervisor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "ceymail/database/connection.hpp"
#include "ceymail/gate/segment.hpp"
#include "ceymail/process/exit_code.hpp"
#include "ceymail/process/gatherer_socket.hpp"
#include "ceymail/process/landlock.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/respawn_throttle.hpp"
#include "ceymail/process/roles.hpp"
#include "ceymail/process/signals.hpp"
#include "ceymail/snapshot/board.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::process {

namespace {

using namespace std::chrono_literals;
using util::BootClock;
using util::BootTime;
using util::LogLevel;

constexpr auto k_time_to_stop = 4s;
constexpr auto k_fork_again_after = 1s;

enum class Role { gatherer, worker };

const char* name_of(Role role) noexcept { return role == Role::gatherer ? "gatherer" : "worker"; }

std::string reason_of(int status) {
    if (WIFSIGNALED(status)) {
        const int number = WTERMSIG(status);
        const char* words = ::sigdescr_np(number);
        return "was killed by signal " + std::to_string(number) + (words ? " (" + std::string(words) + ")" : "");
    }
    return "ended with code " + std::to_string(WEXITSTATUS(status));
}

// What all roles share; made before the first fork, so that each child finds it in its memory.
struct Estate {
    const config::Configuration& configuration;
    util::Fd listener;
    util::Fd gatherer_listener;
    util::Fd signals;
    gate::Segment segment;
    snapshot::Board board;
};

// --- in the child ------------------------------------------------------------------------------------------------

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

void let_go_of_others(Estate& estate, Role role) noexcept {
    estate.signals.reset();
    (role == Role::worker ? estate.gatherer_listener : estate.listener).reset();
}

// The last of it before the work, so that nothing which is opened once need be allowed.
void give_up_files(const config::Configuration& configuration, Role role) {
    const auto readable =
        role == Role::gatherer ? readable_by_gatherer(configuration) : readable_by_worker(configuration);
    const auto confined = allow_only(readable, configuration.database_host.empty() ? Tcp::forbidden : Tcp::allowed);
    if (!confined && confined.error().kind != util::ErrorKind::unavailable)  // of that the supervisor tells once
        util::log(LogLevel::warning, confined.error().message + "; goes on without it");
}

int play(Estate& estate, Role role, pid_t supervisor) {
    name_process(role);
    ignore_signals_of_others();
    let_go_of_others(estate, role);
    const auto kept = role == Role::gatherer ? Capability::dac_read_search : Capability::none;
    if (const auto become_it = become(estate.configuration.user, kept); !become_it) return give_up(become_it.error());
    forbid_dumps();
    if (!die_with(supervisor)) return EX_OK;
    const auto stop = signal_fd({SIGTERM});
    if (!stop) return give_up(stop.error());
    give_up_files(estate.configuration, role);
    if (role == Role::gatherer) {
        gather(estate.configuration, estate.gatherer_listener.get(), estate.board, stop->get());
    } else {
        estate.board.make_read_only();
        work(estate.configuration, estate.listener.get(), estate.segment, estate.board, stop->get());
    }
    return EX_OK;
}

// Never returns into the supervisor's code, and runs no destructor of what is the supervisor's.
[[noreturn]] void run_child(Estate& estate, Role role, pid_t supervisor) noexcept {
    int code = EX_SOFTWARE;
    try {
        code = play(estate, role, supervisor);
    } catch (const std::exception& problem) {
        util::log(LogLevel::error, problem.what());
    }
    ::_exit(code);
}

// --- in the supervisor -------------------------------------------------------------------------------------------

// One process that there shall be; pid 0 while there is none.
struct Post {
    Role role;
    pid_t pid = 0;
    BootTime started{};
    BootTime due{};  // when to start it, while there is none
};

// systemd's, where its unit sets WatchdogSec=: stroked twice as often as that, sd_watchdog_enabled(3). Without it
// nothing wakes the supervisor but signals.
class Watchdog {
public:
    Watchdog() {
        std::uint64_t limit_us = 0;
        if (::sd_watchdog_enabled(0, &limit_us) > 0) m_interval = std::chrono::microseconds(limit_us) / 2;
    }
    [[nodiscard]] BootTime due() const noexcept { return m_interval.count() == 0 ? BootTime::max() : m_due; }
    void stroke() {
        const auto now = BootClock::now();
        if (now < due()) return;
        ::sd_notify(0, "WATCHDOG=1");
        m_due = now + m_interval;
    }

private:
    std::chrono::nanoseconds m_interval{0};
    BootTime m_due{};
};

// Words are all that the supervisor allocates once it runs; where there is no memory for them it goes on without.
template <class Words>
void say(LogLevel level, Words words) noexcept {
    try {
        util::log(level, words());
    } catch (const std::exception&) {
        util::log(LogLevel::error, "something happened that there is no memory to tell of");
    }
}

class Supervisor {
public:
    explicit Supervisor(Estate estate) : m_estate(std::move(estate)) {
        m_posts.push_back({Role::gatherer});
        m_posts.resize(1 + m_estate.configuration.workers, {Role::worker});
    }

    int run() {
        fill_posts();
        tell_ready();
        while (!m_stopping) {
            wait_until(std::min(next_due(), m_watchdog.due()));
            heed_signals();
            m_watchdog.stroke();
            if (!m_stopping) fill_posts();
        }
        return stop();
    }

private:
    void fill_posts() {
        const auto now = BootClock::now();
        for (auto& post : m_posts) {
            if (post.pid == 0 && post.due <= now) fill(post);
        }
    }

    void fill(Post& post) {
        const pid_t supervisor = ::getpid();
        const pid_t pid = ::fork();
        if (pid == 0) run_child(m_estate, post.role, supervisor);
        post.started = BootClock::now();
        if (pid > 0) {
            post.pid = pid;
            return;
        }
        post.due = post.started + k_fork_again_after;
        say(LogLevel::error, [&post, error = errno] {
            return util::fail_errno(error, std::string("cannot start a ") + name_of(post.role),
                                    "raise the limit of tasks or memory; trying again in 1 s")
                .error()
                .message;
        });
    }

    [[nodiscard]] BootTime next_due() const {
        auto next = BootTime::max();
        for (const auto& post : m_posts) {
            if (post.pid == 0) next = std::min(next, post.due);
        }
        return next;
    }

    // BootTime::max(): until a signal comes.
    void wait_until(BootTime deadline) const {
        pollfd signals{m_estate.signals.get(), POLLIN, 0};
        ::poll(&signals, 1, deadline == BootTime::max() ? -1 : util::remaining_ms(deadline));
    }

    void heed_signals() {
        while (const int signal = take_signal(m_estate.signals)) {
            if (signal == SIGCHLD) {
                reap();
            } else if (signal == SIGHUP) {
                util::log(LogLevel::notice, "the configuration is read at the start alone: restart instead of SIGHUP");
            } else {
                m_stopping = true;
            }
        }
    }

    // Several deaths may have come as one signal. As the first process of a container we bury foreign ones too.
    void reap() {
        int status = 0;
        while (const pid_t pid = ::waitpid(-1, &status, WNOHANG)) {
            if (pid < 0) return;
            const auto post = std::ranges::find(m_posts, pid, &Post::pid);
            if (post != m_posts.end()) lose(*post, status);
        }
    }

    void lose(Post& post, int status) {
        const auto now = BootClock::now();
        const pid_t pid = std::exchange(post.pid, 0);
        const auto who = [&] { return std::string(name_of(post.role)) + " " + std::to_string(pid) + " "; };
        if (m_stopping) {
            if (status != 0) say(LogLevel::warning, [&] { return who() + reason_of(status) + " while stopping"; });
            return;
        }
        post.due = m_throttles.at(post.role).due(post.started, now);
        say(LogLevel::error, [&] {
            return who() + reason_of(status) +
                   (post.due <= now ? "; replaced" : "; it died young, so the next one waits");
        });
    }

    int stop() {
        ::sd_notify(0, "STOPPING=1\nSTATUS=answering the requests in hand");
        const auto deadline = BootClock::now() + k_time_to_stop;
        for (const auto role : {Role::worker, Role::gatherer}) {
            signal_all(role, SIGTERM);
            wait_for_all(role, deadline);
        }
        for (const auto role : {Role::worker, Role::gatherer}) {
            signal_all(role, SIGKILL);
            wait_for_all(role, BootClock::now() + 1s);
        }
        return EX_OK;
    }

    void signal_all(Role role, int signal) const {
        for (const auto& post : m_posts) {
            if (post.role == role && post.pid != 0) ::kill(post.pid, signal);
        }
    }

    void wait_for_all(Role role, BootTime deadline) {
        const auto left = [&] {
            return std::ranges::any_of(m_posts, [&](const Post& p) { return p.role == role && p.pid != 0; });
        };
        while (left() && BootClock::now() < deadline) {
            wait_until(deadline);
            heed_signals();
        }
    }

    void tell_ready() const {
        const auto workers = std::to_string(m_estate.configuration.workers);
        ::sd_notify(0, ("READY=1\nSTATUS=answering with " + workers + " workers").c_str());
        if (!has_landlock())
            util::log(LogLevel::notice,
                      "the kernel has no Landlock (5.13 or later, and lsm= must name it): gatherer and workers are "
                      "confined by systemd's sandbox alone");
        util::log(LogLevel::info, "answering " + m_estate.configuration.path + " with " + workers + " workers");
    }

    Estate m_estate;
    std::vector<Post> m_posts;
    std::map<Role, RespawnThrottle> m_throttles{{Role::gatherer, {}}, {Role::worker, {}}};
    Watchdog m_watchdog;
    bool m_stopping = false;
};

util::Result<Estate> prepare(const config::Configuration& configuration, util::Fd listener) {
    if (auto done = become(configuration.user, Capability::dac_read_search); !done)
        return std::unexpected(std::move(done.error()));
    forbid_dumps();
    ignore_broken_pipes();
    database::prepare_client_library();
    auto gatherer_listener = make_gatherer_socket(configuration);
    if (!gatherer_listener) return std::unexpected(std::move(gatherer_listener.error()));
    auto segment = gate::Segment::attach(configuration.runtime_directory);
    if (!segment) return std::unexpected(std::move(segment.error()));
    auto board = snapshot::Board::make();
    if (!board) return std::unexpected(std::move(board.error()));
    auto signals = signal_fd({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
    if (!signals) return std::unexpected(std::move(signals.error()));
    return Estate{configuration,       std::move(listener), std::move(*gatherer_listener),
                  std::move(*signals), std::move(*segment), std::move(*board)};
}

// A listener handed in as descriptor 0 moves away first: /dev/null takes its place.
util::Result<util::Fd> free_standard_input(util::Fd listener) {
    util::Fd moved(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3));
    const util::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!moved || !null || ::dup2(null.get(), STDIN_FILENO) < 0)
        return util::fail_errno(errno, "cannot put /dev/null in the place of standard input");
    if (listener.get() == STDIN_FILENO) static_cast<void>(listener.release());
    return moved;
}

}  // namespace

int supervise(const config::Configuration& configuration, util::Fd listener) {
    auto moved = free_standard_input(std::move(listener));
    if (!moved) return give_up(moved.error());
    auto estate = prepare(configuration, std::move(*moved));
    if (!estate) return give_up(estate.error());
    return Supervisor(std::move(*estate)).run();
}

}  // namespace ceymail::process
