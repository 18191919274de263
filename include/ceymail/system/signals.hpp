// SPDX-License-Identifier: MIT
// Signals as readable descriptors, for poll(2). Source: signalfd(2).
#pragma once

#include <initializer_list>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Blocks the signals in this thread and in those that it starts later.
// Returns: a descriptor that is readable while one of them is pending, until it is taken.
// Requires: only the process that made it polls it. After fork(2) a child makes its own.
[[nodiscard]] util::Result<util::Fd> signal_fd(std::initializer_list<int> signals);

// Takes one pending signal. Returns: its number; 0 if none is pending.
[[nodiscard]] int take_signal(const util::Fd& signals) noexcept;

// Ignores SIGINT and SIGHUP, which a terminal sends to the whole process group, and SIGUSR1, at which libfcgi would
// stop. Processes: children; the supervisor stops them by SIGTERM.
void ignore_signals_in_child() noexcept;

// Ignores SIGPIPE, so that a closed connection is an errno. Processes: all.
void ignore_broken_pipes() noexcept;

}  // namespace ceymail::system
