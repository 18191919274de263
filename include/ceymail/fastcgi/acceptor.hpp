// SPDX-License-Identifier: MIT
// Acceptor: waits for the next connection on the listening socket, or for the request to stop.
#pragma once

#include <functional>
#include <optional>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::fastcgi {

// A periodic task between connections.
// Returns: the time of its next call; BootTime::max(): never.
using Chore = std::function<util::BootTime()>;

// Processes: one instance per worker. Several processes may share a listener; the kernel wakes one per connection.
// Threads: one.
class Acceptor {
public:
    // Makes the listener non-blocking.
    // Errors: throws std::system_error.
    // Requires: the caller keeps both descriptors open.
    Acceptor(int listener, int stop_fd);

    // Returns: a non-blocking, close-on-exec connection; no value when stop_fd is readable. When no descriptor is
    // free, it uses the spare one for one connection at a time. When that is in use too, it pauses.
    // Calls `chore` before it waits, and again at the returned time. Empty: none.
    // Errors: throws std::system_error when the listener is unusable.
    [[nodiscard]] std::optional<util::Fd> next(const Chore& chore);

private:
    [[nodiscard]] bool wait_for_connection(const Chore& chore);
    void free_descriptor();

    int m_listener;
    int m_stop_fd;
    util::Fd m_epoll;
    util::Fd m_spare;
    util::BootTime m_warn_again{};
};

}  // namespace ceymail::fastcgi
