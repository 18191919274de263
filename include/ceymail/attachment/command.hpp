// SPDX-License-Identifier: MIT
// Runs a command of the host and keeps what it prints.
#pragma once

#include <chrono>
#include <string>

#include "ceymail/attachment/host.hpp"

namespace ceymail::attachment {

struct Finished {
    int exit_code = -1;  // 127: it cannot be executed; 128 + N: signal N ended it
    bool timed_out = false;
    std::string output{};  // both streams, at most 16 KiB

    [[nodiscard]] bool succeeded() const noexcept { return exit_code == 0 && !timed_out; }

    // Returns: the lines that say why, on one line of at most 400 characters.
    [[nodiscard]] std::string cause() const;
};

// Runs it without a shell, in its own process group, with PATH and LC_ALL=C alone, and without input. At the end of
// `timeout` the group is killed. An empty command succeeds.
// Errors: throws std::system_error if no process can be made.
[[nodiscard]] Finished run_command(const Arguments& arguments, std::chrono::milliseconds timeout);

}  // namespace ceymail::attachment
