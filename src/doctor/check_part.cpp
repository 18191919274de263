// SPDX-License-Identifier: MIT
#include "ceymail/doctor/check_part.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

namespace ceymail::doctor {

namespace {

int guarded(const std::function<int()>& body) noexcept try { return body(); } catch (const std::exception& problem) {
    std::printf("%s\n", problem.what());
    return EX_SOFTWARE;
}

[[noreturn]] void run_child(const std::function<int()>& body, const util::Fd& output) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const util::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(output.get(), STDOUT_FILENO);
    ::dup2(null.get(), STDERR_FILENO);
    const int code = guarded(body);
    std::fflush(stdout);
    ::_exit(code);
}

// False when the deadline has passed before the end of the stream.
bool read_to_end(const util::Fd& stream, std::string& text, util::BootTime deadline) {
    for (;;) {
        pollfd readable{.fd = stream.get(), .events = POLLIN, .revents = 0};
        const int ready = ::poll(&readable, 1, util::remaining_ms(deadline));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        char bytes[4096];
        const ssize_t size = ::read(stream.get(), bytes, sizeof bytes);
        if (size <= 0) return true;
        text.append(bytes, static_cast<std::size_t>(size));
    }
}

}  // namespace

CheckPart::CheckPart(const std::function<int()>& body) {
    std::fflush(stdout);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        m_error = errno;
        return;
    }
    m_output.reset(ends[0]);
    const util::Fd to_us(ends[1]);
    m_child = ::fork();
    m_error = errno;
    if (m_child == 0) run_child(body, to_us);
}

CheckPart::Outcome CheckPart::finish(util::BootTime deadline) {
    if (m_child < 0) return {.end = End::failed, .words = std::strerror(m_error)};
    Outcome outcome;
    if (!read_to_end(m_output, outcome.words, deadline)) {
        ::kill(m_child, SIGKILL);  // no waitpid(2): the process may not end
        outcome.end = End::hung;
        return outcome;
    }
    // The pipe is closed, so the child ends now.
    int status = 0;
    while (::waitpid(m_child, &status, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(status)) return {.end = End::failed, .words = ::strsignal(WTERMSIG(status))};
    outcome.end = End::done;
    outcome.code = WEXITSTATUS(status);
    return outcome;
}

}  // namespace ceymail::doctor
