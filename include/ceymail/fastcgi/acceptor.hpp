// SPDX-License-Identifier: MIT
// Acceptor: waits for the next connection on the listening socket, or for the word to stop.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::fastcgi {

// What is to be done between connections. Returns when it is to be called next; BootTime::max(): never.
using Chore = std::function<util::BootTime()>;

// One per worker process, one thread; several processes may have one on the same listener, of which one wakes for a
// connection. The constructor throws std::system_error where there is nothing to wait on.
class Acceptor {
public:
    // Both are kept open by the caller. The listener is made non-blocking.
    Acceptor(int listener, int stop_fd);

    // A non-blocking, close-on-exec connection; none once stop_fd is readable. Out of descriptors it serves one
    // connection at a time on the spare one, and pauses where even that is taken. Throws std::system_error when the
    // listener is none any more.
    [[nodiscard]] std::optional<util::Fd> next();

    // Called by next() before it waits, and again when it said. Empty: none.
    void set_chore(Chore chore) { m_chore = std::move(chore); }

private:
    [[nodiscard]] bool wait_for_connection();
    [[nodiscard]] int do_chore() const;
    void give_way();

    int m_listener;
    int m_stop_fd;
    util::Fd m_epoll;
    util::Fd m_spare;
    util::BootTime m_warn_again{};
    Chore m_chore;
};

}  // namespace ceymail::fastcgi
