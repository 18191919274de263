// SPDX-License-Identifier: MIT
#include "ceymail/attachment/command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::attachment {
namespace {

constexpr std::size_t k_most_output = 16 * 1024;
constexpr std::size_t k_most_cause = 400;
constexpr int k_step_ms = 20;

// Runs in the child between fork and exec: no allocation.
[[noreturn]] void execute(char* const* arguments, int output) {
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    static char s_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char s_locale[] = "LC_ALL=C";
    char* const environment[] = {s_path, s_locale, nullptr};
    ::execvpe(arguments[0], arguments, environment);
    ::_exit(127);
}

void drain(const util::Fd& pipe, std::string& output) {
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(pipe.get(), bytes.data(), bytes.size())) > 0;) {
        const auto room = k_most_output - std::min(k_most_output, output.size());
        output.append(bytes.data(), std::min(static_cast<std::size_t>(got), room));
    }
}

// Its children may keep the pipe open, so the end of the command is what counts.
Finished await(pid_t child, const util::Fd& pipe, std::chrono::milliseconds timeout) {
    Finished finished;
    const auto deadline = util::BootClock::now() + timeout;
    int status = 0;
    for (;;) {
        pollfd readable{.fd = pipe.get(), .events = POLLIN, .revents = 0};
        ::poll(&readable, 1, k_step_ms);
        drain(pipe, finished.output);
        if ((readable.revents & POLLHUP) != 0) ::poll(nullptr, 0, 1);
        if (::waitpid(child, &status, WNOHANG) == child) break;
        if (util::BootClock::now() < deadline) continue;
        finished.timed_out = true;
        ::kill(-child, SIGKILL);
        ::waitpid(child, &status, 0);
        break;
    }
    drain(pipe, finished.output);
    finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return finished;
}

}  // namespace

Finished run_command(const Arguments& arguments, std::chrono::milliseconds timeout) {
    if (arguments.empty()) return {.exit_code = 0};
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    const util::Fd pipe(ends[0]);
    util::Fd output(ends[1]);
    ::fcntl(pipe.get(), F_SETFL, O_NONBLOCK);
    std::vector<char*> words;
    for (const auto& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child == 0) execute(words.data(), output.get());
    ::setpgid(child, child);  // both sides, so that a kill of the group cannot come too early
    output.reset();
    return await(child, pipe, timeout);
}

std::string Finished::cause() const {
    if (timed_out) return "it did not end in time";
    if (exit_code == 127 && output.empty()) return "the command is missing";
    std::string cause;
    for (const auto line : util::lines_of(output)) {
        const bool says_nothing = line.empty() || line.find("test failed") != line.npos ||
                                  line.find("AH00558") != line.npos || line.starts_with("The Apache error log") ||
                                  line.starts_with("Action 'configtest' failed");
        if (!says_nothing) cause.append(cause.empty() ? "" : " ").append(line);
    }
    if (cause.empty()) return "exit code " + std::to_string(exit_code);
    return cause.substr(0, k_most_cause);
}

}  // namespace ceymail::attachment
