// SPDX-License-Identifier: MIT
// Where threads run, and on how many processors.
#pragma once

#include <pthread.h>

namespace ceymail::util {

// Moves a thread that was just started off the caller's processor, to the nth one after it, 1 or more. Kernels without
// preemption may start it where its maker runs, and so, while that one works, only at their next tick: after 4 ms at
// HZ=250, in which 20,000 names of a directory are read. It may be moved on from there as ever. Does nothing where
// there is no other processor, or where sched_setaffinity(2) is not allowed. `thread` is joinable; it may have ended.
void start_elsewhere(pthread_t thread, unsigned nth) noexcept;

// At least as many processors as this kernel can ever have, and less than twice that, or 64: a bound for what
// /proc/stat adds up. No cpuset, container or sandbox makes it less, unlike sysconf(3), which counts the processors
// that this process may use or that sysfs shows.
[[nodiscard]] unsigned possible_processors() noexcept;

}  // namespace ceymail::util
