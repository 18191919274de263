// SPDX-License-Identifier: MIT
// Looks up MariaDB's host name with a deadline. Connector/C has none for that: where name servers do not answer, it
// waits 5 s for each of them, and again.
// Processes: all that connect to MariaDB over TCP.
#pragma once

#include <string>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

// Returns: when the name could be looked up, so that Connector/C's own look-up right after it can be expected to end.
// At once for an address, and for a list with commas: Connector/C 3.3 tries each of its hosts.
// Errors: timed_out: no answer by `deadline`; unavailable: there is no such name, or the name servers fail. The message
// has the remedy.
// Threads: any. After timed_out a thread goes on with the look-up until the system gives up.
[[nodiscard]] util::Result<void> look_up(const std::string& host, util::BootTime deadline);

}  // namespace ceymail::database
