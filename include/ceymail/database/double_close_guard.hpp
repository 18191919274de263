// SPDX-License-Identifier: MIT
// DoubleCloseGuard: keeps Connector/C from closing a descriptor that is another thread's by then.
#pragma once

namespace ceymail::database {

// While it lives, close(2) closes no descriptor twice for this thread. Connector/C 3.3 closes the Unix socket of a
// failed connect(2) a second time; in between, another thread may have been given the number, for a directory that it
// reads or for a connection that it serves.
// Requires that in between this thread opens nothing that it is to close again: so around one connect alone, and not
// where several addresses of a host are tried one after another.
class DoubleCloseGuard {
public:
    DoubleCloseGuard() noexcept;
    ~DoubleCloseGuard();
    DoubleCloseGuard(const DoubleCloseGuard&) = delete;
    DoubleCloseGuard& operator=(const DoubleCloseGuard&) = delete;
};

}  // namespace ceymail::database
