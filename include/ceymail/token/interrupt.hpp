// SPDX-License-Identifier: MIT
// SIGINT, SIGTERM, SIGHUP and SIGQUIT while a command writes a secret.
#pragma once

#include <filesystem>

namespace ceymail::token {

// Until the next call such a signal removes `file` and ends the process. Empty: no file. One file at a time.
// A signal that was ignored at the start of the process (nohup) stays ignored.
void remove_on_signal(const std::filesystem::path& file);

// Blocks these signals until the process exits, because the rest must not be interrupted.
void hold_signals() noexcept;

}  // namespace ceymail::token
