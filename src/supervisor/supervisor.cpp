// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/supervisor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
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
#include "ceymail/supervisor/housekeeping.hpp"
#include "ceymail/supervisor/respawn_throttle.hpp"
#include "ceymail/supervisor/shared_resources.hpp"
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

constexpr std::chrono::milliseconds k_kill_timeout = 1s;
constexpr auto k_writer_timeout = 1s;
constexpr const char* k_hang_words = "it hangs in the kernel, mostly at a dead mount; mend or unmount that";
constexpr auto k_fork_retry_interval = 1s;
constexpr auto k_fork_failure_settles = 60s;  // a failure after that time is logged again
constexpr int k_max_forget_orders = 16;       // at a time, because signals come first

std::string reason_of(int status) {
    if (WIFSIGNALED(status)) {
        const int number = WTERMSIG(status);
        // Not sigdescr_np(3): glibc 2.31 of Debian 11 does not have it. Only the main thread calls this.
        return "was killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
    }
    return "ended with code " + std::to_string(WEXITSTATUS(status));
}

// Returns: whether the main thread has exited while another hangs in the kernel; false if /proc cannot be read.
// The kernel then sends no SIGCHLD, and waitpid(2) does not return the process. Its state in proc(5) is Z.
bool is_zombie(pid_t pid) noexcept {
    std::array<char, 32> path{};
    std::array<char, 512> text{};
    std::snprintf(path.data(), path.size(), "/proc/%d/stat", static_cast<int>(pid));
    const util::Fd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
    const auto size = ::read(file.get(), text.data(), text.size());
    const std::string_view stat(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    const auto name_end = stat.rfind(')');
    return name_end != std::string_view::npos && stat.substr(name_end).starts_with(") Z");
}

// Returns: the time between two pings of systemd's watchdog; 0: the unit sets no WatchdogSec=. sd_watchdog_enabled(3).
std::chrono::nanoseconds ping_interval() noexcept {
    std::uint64_t limit_us = 0;
    return ::sd_watchdog_enabled(0, &limit_us) > 0 ? std::chrono::microseconds(limit_us) / 2 : 0us;
}

// One process of the service. pid is 0 while it does not run.
struct ChildSlot {
    Role role;
    fastcgi::BusySince* busy = nullptr;  // its heartbeat slot; null for the gatherer
    int requests = -1;                   // the socket whose next request starts it; -1: none is needed
    pid_t pid = 0;
    AwakeTime started{};
    AwakeTime due{};               // when to start it at the earliest, while pid is 0
    bool stopped = false;          // by SIGSTOP
    bool killed_as_stuck = false;  // by check_workers()
};

bool is_stuck(const ChildSlot& child, AwakeTime now) noexcept {
    if (child.pid == 0) return false;
    return child.stopped || (child.busy != nullptr && is_overdue(child.busy->load(std::memory_order_relaxed), now));
}

// Once it runs, the supervisor allocates memory only for log messages. Without memory it goes on.
template <class Message>
void try_log(LogLevel level, Message message) noexcept {
    try {
        util::log(level, message());
    } catch (const std::exception&) {
        util::log(LogLevel::error, "out of memory; a message of the supervisor is missing here");
    }
}

class Supervisor {
public:
    explicit Supervisor(SharedResources resources)
        : m_resources(std::move(resources)), m_housekeeping(m_resources.configuration, m_resources.segment.layout()) {
        m_children.push_back({Role::gatherer});
        for (unsigned i = 0; i < m_resources.configuration.workers; ++i)
            m_children.push_back({Role::worker, &m_resources.heartbeats.slot(i)});
        if (m_resources.mail_log)
            m_children.push_back({Role::log_reader, &m_resources.heartbeats.slot(m_resources.configuration.workers)});
        if (m_resources.mail_log.has_journal())
            m_children.push_back({Role::journal_reader,
                                  &m_resources.heartbeats.slot(m_resources.configuration.workers + 1),
                                  m_resources.mail_log.journal_socket()});
    }

    int run() {
        spawn_due();
        notify_ready();
        while (!m_stopping) {
            wait_until(std::min(next_due(), m_ping_due));
            handle_signals();
            if (m_stopping) break;
            handle_forget_orders();
            spawn_due();
            if (AwakeClock::now() >= m_ping_due) check_workers();
            keep_house();
        }
        return stop();
    }

private:
    void spawn_due() {
        const auto now = AwakeClock::now();
        if (now < m_fork_from) return;
        for (auto& child : m_children) {
            if (child.pid != 0 || child.due > now || !is_needed(child)) continue;
            if (!spawn(child)) return fork_failed(child, errno, now);  // the next would fail too
        }
        if (std::exchange(m_fork_failure_logged, false))
            try_log(LogLevel::notice, [this] { return "all " + std::to_string(needed()) + " processes run"; });
    }

    // The journal reader may read every file, so it does not run on a host whose mail log is a file.
    static bool is_needed(const ChildSlot& child) noexcept {
        pollfd request{child.requests, POLLIN, 0};
        return child.requests < 0 || child.pid != 0 || ::poll(&request, 1, 0) > 0;
    }

    [[nodiscard]] std::ptrdiff_t needed() const { return std::ranges::count_if(m_children, is_needed); }

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

    // Logs the first failure, and the first after k_fork_failure_settles without one.
    void fork_failed(const ChildSlot& child, int error, AwakeTime now) {
        const bool goes_on = m_fork_failed_at && now - *m_fork_failed_at < k_fork_failure_settles;
        m_fork_failed_at = now;
        m_fork_from = now + k_fork_retry_interval;
        if (goes_on) return;
        m_fork_failure_logged = true;
        try_log(LogLevel::error, [&] {
            const auto run = std::ranges::count_if(m_children, [](const ChildSlot& slot) { return slot.pid != 0; });
            return util::fail_errno(error, std::string("cannot start a ") + name_of(child.role),
                                    "raise TasksMax= or MemoryMax= of the unit, or lower workers =; " +
                                        std::to_string(run) + " of " + std::to_string(needed()) +
                                        " processes run, and it is tried again every second")
                .error()
                .message;
        });
    }

    // If at least one worker makes progress, kills the children that do not, and pings the watchdog. If no worker does,
    // the cause is probably outside of them. Then it skips the ping, so systemd restarts the service. It looks again
    // after a second, so that a ping comes soon after there is progress again.
    void check_workers() {
        const auto now = AwakeClock::now();
        const bool progress = std::ranges::any_of(m_children, [now](const ChildSlot& child) {
            return child.role == Role::worker && child.pid != 0 && !is_stuck(child, now);
        });
        if (!progress) {
            if (!std::exchange(m_standstill_logged, true))
                util::log(LogLevel::error, "no worker makes progress; systemd will restart the service");
            m_ping_due = AwakeClock::now() + 1s;
            return;
        }
        m_standstill_logged = false;
        for (auto& child : m_children) {
            if (child.pid != 0 && is_zombie(child.pid)) abandon(child);
            if (!is_stuck(child, now)) continue;
            child.killed_as_stuck = true;
            ::kill(child.pid, SIGKILL);
        }
        ::sd_notify(0, "WATCHDOG=1");
        m_ping_due = AwakeClock::now() + m_ping_interval;
    }

    void keep_house() {
        try {
            m_housekeeping.order_schema(util::BootClock::now());
        } catch (const std::exception& error) {
            util::log(LogLevel::error, error.what());
        }
        if (m_writer != 0) return;  // its mark is stored when it has ended
        const auto mark = m_housekeeping.mark_to_store();
        if (!mark) return;
        const pid_t pid = ::fork();
        if (pid == 0) run_writer(m_resources, *mark);
        if (pid < 0) return;  // it is tried again at the next wake-up
        m_writer = pid;
        m_housekeeping.set_stored(*mark);
    }

    [[nodiscard]] AwakeTime next_due() const {
        auto next = AwakeTime::max();
        for (const auto& child : m_children) {
            if (child.pid == 0 && !awaits_request(child)) next = std::min(next, std::max(child.due, m_fork_from));
        }
        return next;
    }

    // Returns: whether only a request is missing to start it.
    [[nodiscard]] bool awaits_request(const ChildSlot& child) const {
        return child.requests >= 0 && child.pid == 0 && std::max(child.due, m_fork_from) <= AwakeClock::now();
    }

    // Waits for a signal, an order to forget a token, a request that starts a process, or until `deadline`.
    // AwakeTime::max(): no deadline.
    void wait_until(AwakeTime deadline) const {
        std::array<pollfd, 3> polled{{{m_resources.signals.get(), POLLIN, 0},
                                      {m_resources.forget_listener.get(), POLLIN, 0},
                                      {-1, POLLIN, 0}}};  // passed over by poll(2)
        const auto idle = std::ranges::find_if(m_children, [this](const auto& child) { return awaits_request(child); });
        if (!m_stopping && idle != m_children.end()) polled[2].fd = idle->requests;
        ::poll(polled.data(), polled.size(), deadline == AwakeTime::max() ? -1 : util::remaining_ms(deadline));
    }

    // A connection is the order, and closing it is the answer. Security: nothing is read. A client that may connect can
    // only clear the token that is remembered for an outage.
    void handle_forget_orders() {
        if (!m_resources.forget_listener) return;
        for (int i = 0; i < k_max_forget_orders; ++i) {
            const util::Fd order(::accept4(m_resources.forget_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!order && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)) return;
            if (!order) {
                // Without closing the listener, poll(2) would spin.
                try_log(LogLevel::error, [error = errno] {
                    return util::fail_errno(error, "cannot accept an order to forget a token",
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

    // One SIGCHLD may stand for several children. As process 1 of a container it also reaps foreign processes.
    void reap() {
        int status = 0;
        while (const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) {
            if (pid < 0) return;
            if (pid == m_writer && !WIFSTOPPED(status) && !WIFCONTINUED(status)) m_writer = 0;
            const auto child = std::ranges::find(m_children, pid, &ChildSlot::pid);
            if (child == m_children.end()) continue;
            child->stopped = WIFSTOPPED(status);
            if (!WIFSTOPPED(status) && !WIFCONTINUED(status)) on_exit(*child, status);
        }
    }

    // The process is a zombie that waitpid(2) does not return.
    void abandon(ChildSlot& child) {
        int status = 0;
        if (::waitpid(child.pid, &status, WNOHANG) == child.pid) return on_exit(child, status);  // it can be reaped now
        try_log(LogLevel::error, [&] {
            return std::string(name_of(child.role)) + " " + std::to_string(child.pid) + " has ended, but " +
                   k_hang_words + "; replaced";
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
        child.due = m_throttles.at(static_cast<std::size_t>(child.role)).due(child.started, now);
        try_log(LogLevel::error, [&] {
            return who() + (child.killed_as_stuck ? "was stuck, and was killed" : reason_of(status)) +
                   (child.due <= now ? "; replaced" : "; it lived less than a second, so the next one waits");
        });
    }

    int stop() {
        ::sd_notify(0, "STOPPING=1\nSTATUS=answering the requests in hand");
        m_resources.forget_listener.reset();  // so that a client gets an error at once
        keep_house();
        end_all([](const ChildSlot& child) { return child.role == Role::worker; }, k_longest_request);
        end_all([](const ChildSlot& child) { return child.role != Role::worker; }, 1s);  // its clients have exited
        wait_while(k_writer_timeout, [this] { return m_writer != 0; });                  // systemd kills what is left
        for (const auto& child : m_children) {
            if (child.pid == 0) continue;
            try_log(LogLevel::warning, [&] {
                return std::string(name_of(child.role)) + " " + std::to_string(child.pid) +
                       " cannot be ended: " + k_hang_words;
            });
        }
        return EX_OK;
    }

    // Sends SIGTERM, and SIGKILL to those that are still there after `timeout`.
    void end_all(bool (*is_one)(const ChildSlot&), std::chrono::milliseconds timeout) {
        const auto is_left = [=](const ChildSlot& child) { return child.pid != 0 && is_one(child); };
        for (const auto& [signal, patience] : {std::pair{SIGTERM, timeout}, {SIGKILL, k_kill_timeout}}) {
            for (const auto& child : m_children)
                if (is_left(child)) ::kill(child.pid, signal);
            wait_while(patience, [&] { return std::ranges::any_of(m_children, is_left); });
        }
    }

    template <class Condition>
    void wait_while(std::chrono::milliseconds timeout, Condition holds) {
        const auto deadline = AwakeClock::now() + timeout;
        while (holds() && AwakeClock::now() < deadline) {
            wait_until(deadline);
            handle_signals();
        }
    }

    void notify_ready() const {
        const auto workers = std::to_string(m_resources.configuration.workers);
        ::sd_notify(0, ("READY=1\nSTATUS=answering with " + workers + " workers").c_str());
        if (!system::has_landlock())
            util::log(
                LogLevel::notice,
                {errno == EPERM ? "the system calls of Landlock are not allowed here (ceymail-metrics --check: sandbox)"
                                : "the kernel has no Landlock (5.13 or later, and lsm= must name it)",
                 ": gatherer and workers are confined by systemd's sandbox alone"});
        util::log(LogLevel::info, "answering " + m_resources.configuration.path + " with " + workers + " workers");
    }

    SharedResources m_resources;
    Housekeeping m_housekeeping;
    pid_t m_writer = 0;  // 0: none runs
    std::vector<ChildSlot> m_children;
    std::array<RespawnThrottle, 4> m_throttles;  // in the order of Role
    std::chrono::nanoseconds m_ping_interval = ping_interval();
    AwakeTime m_ping_due = m_ping_interval > 0s ? AwakeClock::now() : AwakeTime::max();
    AwakeTime m_fork_from{};
    std::optional<AwakeTime> m_fork_failed_at;  // the last failure
    bool m_fork_failure_logged = false;
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
