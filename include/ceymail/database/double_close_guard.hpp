// SPDX-License-Identifier: MIT
// DoubleCloseGuard: prevents Connector/C from closing a descriptor that belongs to another thread.
#pragma once

namespace ceymail::database {

// While an instance exists, close(2) closes no descriptor twice in this thread. Connector/C 3.3 closes the Unix socket
// of a failed connect(2) a second time. In between, another thread may have got the same number for another file.
// Requires: in between, this thread opens no descriptor that it closes again. So an instance is for one connect only,
// and not for a host with several addresses, which the library tries one after another.
// Threads: affects the thread that made it.
class DoubleCloseGuard {
public:
    DoubleCloseGuard() noexcept;
    ~DoubleCloseGuard();
    DoubleCloseGuard(const DoubleCloseGuard&) = delete;
    DoubleCloseGuard& operator=(const DoubleCloseGuard&) = delete;
};

}  // namespace ceymail::database
