// SPDX-License-Identifier: MIT
// CheckPart: runs one part of --check in a child process, so that a hang affects only that part.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <sys/types.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::doctor {

// The time limits of a source within a part, such as MariaDB, and of the whole part.
inline constexpr std::chrono::nanoseconds k_time_for_source = std::chrono::seconds(5);
inline constexpr std::chrono::nanoseconds k_time_for_part = std::chrono::seconds(6);

// Not a thread: the kernel does not end a process while one of its threads waits for a dead mount.
class CheckPart {
public:
    enum class End {
        done,
        hung,    // did not end in time and was killed; a dead mount may delay its end
        failed,  // a signal ended it, or it was not started; `words` has the cause
    };
    struct Outcome {
        End end = End::failed;
        int code = 0;         // done: the value of the body, 0 to 255
        std::string words{};  // standard output of the body
    };

    // Runs `body` in a child, which writes to a pipe. It does not inherit standard output or error: a child that cannot
    // be killed would keep them open for the reader of --check. Requires: one thread.
    explicit CheckPart(const std::function<int()>& body);

    // Waits for the end of the body until `deadline`, then kills it. Requires: called once.
    [[nodiscard]] Outcome finish(util::BootTime deadline);

private:
    pid_t m_child = -1;
    int m_error = 0;  // of fork(2) or pipe(2)
    util::Fd m_output;
};

}  // namespace ceymail::doctor
