// SPDX-License-Identifier: MIT
// The gatherer process: the only one with CAP_DAC_READ_SEARCH. Gathers when asked, pins the snapshot up.
#pragma once

#include "ceymail/snapshot/board.hpp"
#include "ceymail/snapshot/gathering.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::snapshot {

// One question to the gatherer: a SOCK_SEQPACKET message on a connection of its own. The answer is one byte once
// the board holds a snapshot at least as new as `not_before`, or as new as there will be by `deadline`.
struct GatherRequest {
    std::int64_t not_before_ns;  // BootClock
    std::int64_t deadline_ns;    // BootClock; foreign to the gatherer: it caps it at 5 s from now
};

// Serves `listener` (a listening SOCK_SEQPACKET Unix socket that the supervisor keeps open, so that callers of a
// gatherer that died wait for the next one) until `stop_fd` is readable. One gathering at a time: whoever asks
// meanwhile waits for it. Asleep while nobody asks.
// SECURITY: callers may be taken-over workers: requests of a wrong size are dropped, connections are bounded.
void serve_gatherer(int listener, int stop_fd, Board& board, Gathering& gathering);

}  // namespace ceymail::snapshot
