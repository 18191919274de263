// SPDX-License-Identifier: MIT
// The main function of the log reader: reads what the gatherer asks for, and parses it.
// Process: the log reader. It opens nothing: files come with the requests, lines of the journal from the journal
// reader. It has no capability, no file system and no network.
// Attackers: those of the parser.
#pragma once

#include <atomic>

#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::maillog {

// Answers requests until `stop_fd` is readable. `journal_socket`: to the journal reader; -1: there is none. `busy`: it
// stores the start of the current request there, AwakeTime{} while it waits. Requires: kept.start() was called.
// Threads: one.
void serve_log_reader(int socket, int journal_socket, int stop_fd, KeptReading& kept,
                      std::atomic<util::AwakeTime>& busy);

}  // namespace ceymail::maillog
