// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/supervisor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "ceymail/admission/verified_token.hpp"
#include "ceymail/supervisor/child.hpp"
#include "ceymail/supervisor/respawn_throttle.hpp"
#include "ceymail/supervisor/roles.hpp"
#include "ceymail/supervisor/shared_resources.hpp"
#include "ceymail/supervisor/watchdog.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/landlock.hpp"
#include "ceymail/system/signals.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::supervisor {

namespace {

using namespace std::chrono_literals;
using util::AwakeClock;
using util::AwakeTime;
using util::LogLevel;

constexpr auto k_kill_takes = 1s;
constexpr const char* k_remedy_of_a_hang = "it hangs in the kernel, mostly at a dead mount; mend or unmount that";
constexpr auto k_fork_again_after = 1s;
constexpr auto k_fork_trouble_lasts = 60s;
constexpr int k_orders_at_a_time = 16;

std::string reason_of(int status) {
    if (WIFSIGNALED(status)) {
        const int number = WTERMSIG(status);
        const char* message = ::sigdescr_np(number);
        return "was killed by signal " + std::to_string(number) + (message ? " (" + std::string(message) + ")" : "");
    }
    return "ended with code " + std::to_string(WEXITSTATUS(status));
}

// Whether the process has ended, though a thread of it hangs in the kernel: of that no SIGCHLD tells, and waitpid(2)
// does not take it. Its state, proc(5), is then Z. Where that cannot be read: false.
bool has_ended(pid_t pid) noexcept {
    std::array<char, 32> path{};
    std::array<char, 512> text{};
    std::snprintf(path.data(), path.size(), "/proc/%d/stat", static_cast<int>(pid));
    const util::Fd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
    const auto size = ::read(file.get(), text.data(), text.size());
    const std::string_view stat(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    const auto name_end = stat.rfind(')');
    return name_end != std::string_view::npos && stat.substr(name_end).starts_with(") Z");
}

// One process that there shall be; pid 0 while there is none.
struct ChildSlot {
    Role role;
    fastcgi::BusySince* busy = nullptr;  // a worker's place in the roster
    pid_t pid = 0;
    AwakeTime started{};
    AwakeTime due{};               // when to start it, while there is none
    bool stopped = false;          // by SIGSTOP
    bool killed_as_stuck = false;  // killed by us
};

bool is_stuck(const ChildSlot& child, AwakeTime now) noexcept {
    if (child.pid == 0 || child.stopped) return child.stopped;
    return child.busy != nullptr && is_overdue(child.busy->load(std::memory_order_relaxed), now);
}

// Message are all that the supervisor allocates once it runs; where there is no memory for them it goes on without.
template <class Message>
void try_log(LogLevel level, Message message) noexcept {
    try {
        util::log(level, message());
    } catch (const std::exception&) {
        util::log(LogLevel::error, "something happened that there is no memory to tell of");
    }
}

class Supervisor {
public:
    explicit Supervisor(SharedResources resources) : m_resources(std::move(resources)) {
        m_children.push_back({Role::gatherer});
        for (unsigned i = 0; i < m_resources.configuration.workers; ++i)
            m_children.push_back({Role::worker, &m_resources.heartbeats.slot(i)});
    }

    int run() {
        spawn_due();
        notify_ready();
        while (!m_stopping) {
            wait_until(std::min(next_due(), m_watchdog.due()));
            handle_signals();
            if (m_stopping) break;
            forget_when_told();
            spawn_due();
            if (AwakeClock::now() >= m_watchdog.due()) check_workers();
        }
        return stop();
    }

private:
    void spawn_due() {
        const auto now = AwakeClock::now();
        if (now < m_fork_from) return;
        for (auto& child : m_children) {
            if (child.pid != 0 || child.due > now) continue;
            if (!spawn(child)) return fork_failed(child, errno, now);  // so would the next one
        }
        if (std::exchange(m_told_of_failed_fork, false))
            try_log(LogLevel::notice, [this] { return "all " + std::to_string(m_children.size()) + " processes run"; });
    }

    bool spawn(ChildSlot& child) {
        const pid_t supervisor = ::getpid();
        child.started = AwakeClock::now();
        child.stopped = child.killed_as_stuck = false;
        if (child.busy != nullptr) child.busy->store(child.started, std::memory_order_relaxed);  // until it waits
        const pid_t pid = ::fork();
        if (pid == 0) run_child(m_resources, child.role, child.busy, supervisor);
        if (pid < 0) return false;
        child.pid = pid;
        return true;
    }

    // Tells it when it begins, and then only if it has not failed for a while.
    void fork_failed(const ChildSlot& child, int error, AwakeTime now) {
        const bool goes_on = m_fork_failed_at && now - *m_fork_failed_at < k_fork_trouble_lasts;
        m_fork_failed_at = now;
        m_fork_from = now + k_fork_again_after;
        if (goes_on) return;
        m_told_of_failed_fork = true;
        try_log(LogLevel::error, [&] {
            const auto run = std::ranges::count_if(m_children, [](const ChildSlot& one) { return one.pid != 0; });
            return util::fail_errno(error, std::string("cannot start a ") + name_of(child.role),
                                    "raise TasksMax= or MemoryMax= of the unit, or lower workers =; " +
                                        std::to_string(run) + " of " + std::to_string(m_children.size()) +
                                        " processes run, and it is tried again every second")
                .error()
                .message;
        });
    }

    // Strokes the watchdog as long as a worker waits for requests or gets done with them, and replaces those that do
    // neither. Where none does, it is hardly the workers' own fault: then systemd starts all of us anew.
    void check_workers() {
        const auto now = AwakeClock::now();
        const bool progress = std::ranges::any_of(m_children, [now](const ChildSlot& child) {
            return child.role == Role::worker && child.pid != 0 && !is_stuck(child, now);
        });
        if (!progress) {
            if (!std::exchange(m_standstill_logged, true))
                util::log(LogLevel::error, "no worker makes progress; systemd is left to start the service anew");
            return m_watchdog.skip_ping();
        }
        m_standstill_logged = false;
        for (auto& child : m_children) {
            if (child.pid != 0 && has_ended(child.pid)) abandon(child);
            if (!is_stuck(child, now)) continue;
            child.killed_as_stuck = true;
            ::kill(child.pid, SIGKILL);
        }
        m_watchdog.ping();
    }

    [[nodiscard]] AwakeTime next_due() const {
        auto next = AwakeTime::max();
        for (const auto& child : m_children) {
            if (child.pid == 0) next = std::min(next, std::max(child.due, m_fork_from));
        }
        return next;
    }

    // AwakeTime::max(): until a signal comes, or somebody connects who wants a token forgotten.
    void wait_until(AwakeTime deadline) const {
        std::array<pollfd, 2> news{
            {{m_resources.signals.get(), POLLIN, 0}, {m_resources.forget_listener.get(), POLLIN, 0}}};
        ::poll(news.data(), news.size(), deadline == AwakeTime::max() ? -1 : util::remaining_ms(deadline));
    }

    // The settings page connects, and takes the end of the connection for the answer. Not a byte is read. Who may
    // connect can keep tokens from being remembered for an outage, and nothing else.
    void forget_when_told() {
        if (!m_resources.forget_listener) return;
        // A few at a time: signals come first.
        for (int i = 0; i < k_orders_at_a_time; ++i) {
            const util::Fd order(::accept4(m_resources.forget_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!order && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)) return;
            if (!order) {
                // What waits there would wake us without end.
                try_log(LogLevel::error, [error = errno] {
                    return util::fail_errno(error, "cannot accept who wants a token forgotten",
                                            "the settings page cannot do so until ceymail-metrics is restarted")
                        .error()
                        .message;
                });
                return m_resources.forget_listener.reset();
            }
            admission::VerifiedToken(m_resources.segment.layout().verified).clear();
        }
    }

    void handle_signals() {
        while (const int signal = system::take_signal(m_resources.signals)) {
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
        while (const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) {
            if (pid < 0) return;
            const auto child = std::ranges::find(m_children, pid, &ChildSlot::pid);
            if (child == m_children.end()) continue;
            child->stopped = WIFSTOPPED(status);
            if (!WIFSTOPPED(status) && !WIFCONTINUED(status)) on_exit(*child, status);
        }
    }

    void abandon(ChildSlot& child) {
        int status = 0;
        if (::waitpid(child.pid, &status, WNOHANG) == child.pid) return on_exit(child, status);  // it has just ended
        try_log(LogLevel::error, [&] {
            return std::string(name_of(child.role)) + " " + std::to_string(child.pid) + " has ended, but " +
                   k_remedy_of_a_hang + "; replaced";
        });
        child.pid = 0;
        child.stopped = false;
        child.due = AwakeClock::now();
    }

    void on_exit(ChildSlot& child, int status) {
        const auto now = AwakeClock::now();
        const pid_t pid = std::exchange(child.pid, 0);
        const auto who = [&] { return std::string(name_of(child.role)) + " " + std::to_string(pid) + " "; };
        if (m_stopping) {
            if (status != 0) try_log(LogLevel::warning, [&] { return who() + reason_of(status) + " while stopping"; });
            return;
        }
        child.due = m_throttles.at(child.role).due(child.started, now);
        try_log(LogLevel::error, [&] {
            return who() + (child.killed_as_stuck ? "was stuck, and was killed" : reason_of(status)) +
                   (child.due <= now ? "; replaced" : "; it died young, so the next one waits");
        });
    }

    int stop() {
        ::sd_notify(0, "STOPPING=1\nSTATUS=answering the requests in hand");
        m_resources.forget_listener.reset();  // nobody answers there any more
        end_all(Role::worker, k_longest_request);
        end_all(Role::gatherer, 1s);  // whatever it has in hand was for the workers
        for (const auto& child : m_children) {
            if (child.pid == 0) continue;
            try_log(LogLevel::warning, [&] {
                return std::string(name_of(child.role)) + " " + std::to_string(child.pid) +
                       " cannot be ended: " + k_remedy_of_a_hang;
            });
        }
        return EX_OK;
    }

    void end_all(Role role, std::chrono::milliseconds patience) {
        signal_all(role, SIGTERM);
        wait_for_all(role, AwakeClock::now() + patience);
        signal_all(role, SIGKILL);
        wait_for_all(role, AwakeClock::now() + k_kill_takes);
    }

    void signal_all(Role role, int signal) const {
        for (const auto& child : m_children) {
            if (child.role == role && child.pid != 0) ::kill(child.pid, signal);
        }
    }

    void wait_for_all(Role role, AwakeTime deadline) {
        const auto left = [&] {
            return std::ranges::any_of(m_children, [&](const ChildSlot& p) { return p.role == role && p.pid != 0; });
        };
        while (left() && AwakeClock::now() < deadline) {
            wait_until(deadline);
            handle_signals();
        }
    }

    void notify_ready() const {
        const auto workers = std::to_string(m_resources.configuration.workers);
        ::sd_notify(0, ("READY=1\nSTATUS=answering with " + workers + " workers").c_str());
        if (!system::has_landlock())
            util::log(LogLevel::notice,
                      "the kernel has no Landlock (5.13 or later, and lsm= must name it): gatherer and workers are "
                      "confined by systemd's sandbox alone");
        util::log(LogLevel::info, "answering " + m_resources.configuration.path + " with " + workers + " workers");
    }

    SharedResources m_resources;
    std::vector<ChildSlot> m_children;
    std::map<Role, RespawnThrottle> m_throttles{{Role::gatherer, {}}, {Role::worker, {}}};
    Watchdog m_watchdog;
    AwakeTime m_fork_from{};
    std::optional<AwakeTime> m_fork_failed_at;  // the last time
    bool m_told_of_failed_fork = false;
    bool m_standstill_logged = false;
    bool m_stopping = false;
};

}  // namespace

int supervise(const config::Configuration& configuration, util::Fd listener) {
    auto resources = open_shared_resources(configuration, std::move(listener));
    if (!resources) return system::log_and_exit_code(resources.error());
    return Supervisor(std::move(*resources)).run();
}

}  // namespace ceymail::supervisor
