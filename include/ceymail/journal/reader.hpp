// SPDX-License-Identifier: MIT
// The main function of the journal reader: takes lines from the journal and hands them to the log reader.
// Process: the journal reader. It has CAP_DAC_READ_SEARCH, and may open nothing but the journal.
// Attackers: those of Journal, and a log reader under an attacker's control: it gets requests of numbers alone.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>

#include "ceymail/util/clock.hpp"

namespace ceymail::journal {

// Answers requests until `stop_fd` is readable. `directory`: as of Journal. `busy`: it stores the start of the current
// request there, AwakeTime{} while it waits. `idle`: without a request for so long it closes the journal's files,
// because those that journald deletes take up room on the disk while they are open. Threads: one.
void serve_reader(int socket, int stop_fd, const std::filesystem::path& directory, std::atomic<util::AwakeTime>& busy,
                  std::chrono::milliseconds idle = std::chrono::minutes{5});

}  // namespace ceymail::journal
