// SPDX-License-Identifier: MIT
// ForkedChild: a function that runs in a process of its own and is never left behind.
#pragma once

#include <csignal>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ceymail::testing {

// Owns one child that shares our descriptors and shared mappings. It runs `body`, which returns the exit code, and
// leaves by _exit(2), so that nothing of the test program's ends twice; 99: it threw.
class ForkedChild {
public:
    template <class Body>
    explicit ForkedChild(Body body) : m_pid(::fork()) {
        if (m_pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (m_pid == 0) run(std::move(body));
    }
    ForkedChild(ForkedChild&& other) noexcept
        : m_pid(std::exchange(other.m_pid, -1)), m_status(std::exchange(other.m_status, std::nullopt)) {}
    ForkedChild& operator=(ForkedChild&& other) noexcept {
        std::swap(m_pid, other.m_pid);
        std::swap(m_status, other.m_status);
        return *this;
    }
    ForkedChild(const ForkedChild&) = delete;
    ForkedChild& operator=(const ForkedChild&) = delete;
    ~ForkedChild() {
        signal(SIGKILL);
        static_cast<void>(wait());
    }

    [[nodiscard]] pid_t pid() const noexcept { return m_pid; }
    void signal(int number) const noexcept {
        if (m_pid > 0 && !m_status) ::kill(m_pid, number);
    }

    // Waits for its end: the exit code, or minus the signal that killed it.
    int wait() noexcept {
        int raw = 0;
        if (m_pid > 0 && !m_status && ::waitpid(m_pid, &raw, 0) == m_pid)
            m_status = WIFSIGNALED(raw) ? -WTERMSIG(raw) : WEXITSTATUS(raw);
        return m_status.value_or(-1);
    }

    // Waits until it has stopped itself, as by raise(SIGSTOP).
    void wait_until_stopped() noexcept {
        int raw = 0;
        if (::waitpid(m_pid, &raw, WUNTRACED) == m_pid && !WIFSTOPPED(raw))
            m_status = WIFSIGNALED(raw) ? -WTERMSIG(raw) : WEXITSTATUS(raw);
    }

private:
    template <class Body>
    [[noreturn]] static void run(Body body) noexcept {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        // Boost.Test's handlers would report a test of the parent's.
        for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM, SIGINT})
            std::signal(number, SIG_DFL);
        int code = 99;
        try {
            code = body();
        } catch (...) {
        }
        ::_exit(code);
    }

    pid_t m_pid;
    std::optional<int> m_status;
};

}  // namespace ceymail::testing
