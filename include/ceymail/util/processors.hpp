// SPDX-License-Identifier: MIT
// Where threads run.
#pragma once

#include <pthread.h>

namespace ceymail::util {

// Moves a thread that was just started off the caller's processor, to the nth one after it, 1 or more. Kernels without
// preemption may start it where its maker runs, and so, while that one works, only at their next tick: after 4 ms at
// HZ=250, in which 20,000 names of a folder are read. It may be moved on from there as ever. Does nothing where there
// is no other processor, or where sched_setaffinity(2) is not allowed. `thread` is joinable; it may have ended.
void start_elsewhere(pthread_t thread, unsigned nth) noexcept;

}  // namespace ceymail::util
