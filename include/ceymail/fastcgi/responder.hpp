// SPDX-License-Identifier: MIT
// Responder: accepts FastCGI connections one at a time, and returns validated requests. Wraps libfcgi.
//
// Main header of the room "fastcgi": listener, validation, request, response. No other room uses libfcgi.
// Processes: supervisor (listener), worker and ceymail-settings (responder), plain CGI.
// May touch: the listening socket, its connections, and standard input and output.
// Attackers: every client of the web server, through the parameters; a local process that can connect to the socket.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "ceymail/fastcgi/acceptor.hpp"
#include "ceymail/fastcgi/page_request.hpp"
#include "ceymail/fastcgi/request.hpp"
#include "ceymail/fastcgi/response.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::fastcgi {

// The time for a peer to send its request, and again to receive the answer.
inline constexpr std::chrono::seconds k_peer_timeout{2};

// The time at which the current connection was accepted, for the supervisor; AwakeTime{}: no connection.
using BusySince = std::atomic<util::AwakeTime>;

// libfcgi only parses the parameters. The responder accepts, waits and writes, because libfcgi has no time-outs. One
// connection carries one request.
// A peer that exceeds k_peer_timeout is disconnected. A malformed request is answered with 400 if its id is known, and
// otherwise disconnected; `refused` is called in both cases. An incomplete request is disconnected without an answer.
// Processes: one instance per worker.
// Threads: one.
// BUGS: libfcgi asserts that each allocation succeeds, so the process aborts when it is out of memory.
class Responder {
public:
    // `listener`: a listening stream socket, which is made non-blocking. When `stop_fd` is readable, no further
    // request is accepted. `busy`: updated by two relaxed stores per connection; may be null. libfcgi handles SIGPIPE
    // and SIGUSR1 afterwards, unless they were handled or ignored before.
    // Errors: throws std::system_error.
    // Requires: the caller keeps the descriptors open, and `busy` outlives the responder.
    Responder(int listener, int stop_fd, BusySince* busy = nullptr);
    ~Responder();
    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;

    // Waits for the next whole request.
    // Returns: the request, which is valid until answer() wipes it; null when asked to stop. A request that is not
    // answered before the next call is disconnected. The responder reuses its memory, and allocates none in the steady
    // state. libfcgi frees all its memory before this returns.
    // Errors: throws std::system_error when the listener is unusable.
    [[nodiscard]] Request* next(const std::function<void(int status)>& refused);

    // The same for the settings page. It does not reuse memory, because requests are rare. `chore`: see Chore.
    [[nodiscard]] PageRequest* next_page(const std::function<void(int status)>& refused, const Chore& chore = {});

    // Answers the request of the last next(), and closes the connection. A closed peer is no error.
    void answer(const Response& response);

    // The same for the settings page.
    // Security: wipes the request, the body and all copies of it, since a page may show a secret.
    void answer_page(Response response);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::fastcgi
