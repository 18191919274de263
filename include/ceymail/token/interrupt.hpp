// SPDX-License-Identifier: MIT
// What SIGINT, SIGTERM, SIGHUP and SIGQUIT do to a command that has begun to write a secret.
#pragma once

#include <filesystem>

namespace ceymail::token {

// Until the next call such a signal removes `file` before it ends the process; empty: no file. One file at a time.
// A signal that was ignored when the process started (nohup) stays ignored.
void remove_on_signal(const std::filesystem::path& file);

// From here on these signals wait until the process ends by itself: it is in the middle of what must be done whole.
void hold_signals() noexcept;

}  // namespace ceymail::token
