// SPDX-License-Identifier: MIT
// CheckPart: one part of --check, in a process of its own, so that what hangs there costs that part alone.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <sys/types.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::doctor {

// How long a part may take. Longer than the deadline that each part gives its own source.
inline constexpr std::chrono::nanoseconds k_time_for_part = std::chrono::seconds(6);

// A thread would not do: the kernel does not end a process while one of its threads waits for a dead mount.
class CheckPart {
public:
    enum class End {
        done,
        hung,    // did not end in time; killed, which a dead mount may put off
        failed,  // a signal ended it, or it could not be started: words say why
    };
    struct Outcome {
        End end = End::failed;
        int code = 0;         // done: what the body returned, 0 to 255
        std::string words{};  // what the body printed on standard output before its end
    };

    // Runs `body` in a child. The child writes to a pipe, never to our standard output or error: one that cannot be
    // killed must not keep open what the caller of --check reads. Requires: one thread.
    explicit CheckPart(const std::function<int()>& body);

    // Waits for the end of the body until `deadline`, then kills it. Once.
    [[nodiscard]] Outcome finish(util::BootTime deadline);

private:
    pid_t m_child = -1;
    int m_error = 0;  // of fork(2) or pipe(2)
    util::Fd m_output;
};

}  // namespace ceymail::doctor
