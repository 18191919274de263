// SPDX-License-Identifier: MIT
// Signals as readable descriptors, so that one poll(2) waits for them too. signalfd(2).
#pragma once

#include <initializer_list>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Blocks the signals in this thread and those it starts later, and returns a descriptor that is readable while one
// is pending. It stays readable until it is read, which makes it a stop_fd that nobody can miss.
// Poll it in the process that made it: after fork(2) a child makes its own.
[[nodiscard]] util::Result<util::Fd> signal_fd(std::initializer_list<int> signals);

// Takes one pending signal; 0 where none is.
[[nodiscard]] int take_signal(const util::Fd& signals) noexcept;

// For the children: the supervisor alone hears the terminal (SIGINT, SIGHUP) and tells them by SIGTERM. SIGUSR1, which
// libfcgi would take for the word to stop, is nothing to us.
void ignore_signals_of_others() noexcept;

// In all roles: a peer that has gone is an errno.
void ignore_broken_pipes() noexcept;

}  // namespace ceymail::system
