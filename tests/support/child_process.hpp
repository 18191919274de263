// SPDX-License-Identifier: MIT
// ChildProcess: a program that a test starts, talks to, and never leaves behind.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {

struct ChildOptions {
    std::vector<std::string> arguments{};    // [0]: the program, looked up in PATH unless it has a slash
    std::vector<std::string> environment{};  // "NAME=value", added to our own
    std::filesystem::path directory{};       // where it starts; empty: where we are
    std::string input{};                     // what it reads from standard input
    int input_fd = -1;                       // its standard input instead, say a listening socket
    std::filesystem::path output_file{};     // its standard output is appended there; empty: captured
    std::filesystem::path errors_file{};     // its standard error likewise; may be the same file
    std::vector<int> passed{};               // become its descriptors 3, 4, ...; it inherits no others
    bool announce_passed = false;            // tell it so by LISTEN_FDS and LISTEN_PID, sd_listen_fds(3)
};

// Owns one child, started in the constructor, which throws std::system_error where fork(2) fails. A program that
// cannot be executed ends with 127. The child starts with default signal dispositions and an empty mask, and is
// killed when the thread that started it dies.
class ChildProcess {
public:
    explicit ChildProcess(const ChildOptions& options);
    ChildProcess(ChildProcess&&) noexcept;
    ChildProcess& operator=(ChildProcess&&) noexcept;
    ~ChildProcess();  // terminate()

    [[nodiscard]] pid_t pid() const noexcept { return m_pid; }
    void signal(int number) const noexcept;  // nothing where it has already been waited for
    [[nodiscard]] bool running();

    // The exit code, or minus the signal that killed it; no value when it still runs after `timeout`.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds timeout);

    // SIGCONT and SIGTERM, and SIGKILL where that has not helped within `patience`.
    void terminate(std::chrono::milliseconds patience = std::chrono::seconds(5)) noexcept;

    // What it has written so far, where that is captured.
    [[nodiscard]] std::string output() const;
    [[nodiscard]] std::string errors() const;

private:
    pid_t m_pid = -1;
    util::Fd m_pidfd;
    util::Fd m_output;
    util::Fd m_errors;
    std::optional<int> m_status;
};

struct Finished {
    int status = 0;  // as of ChildProcess::wait()
    std::string output;
    std::string errors;
};

// Runs it to its end. One that is not done after `timeout` is killed, and a std::runtime_error says so.
[[nodiscard]] Finished run(const ChildOptions& options, std::chrono::milliseconds timeout = std::chrono::seconds(20));

// What the descriptors of a process lead to, a line each: "socket:[4711]", "/etc/passwd".
[[nodiscard]] std::string names_of_fds(pid_t pid);

// A program of this project as built: $CEYMAIL_BUILD/NAME, or build/release/NAME.
[[nodiscard]] std::string built_program(const std::string& name);

}  // namespace ceymail::testing
