// SPDX-License-Identifier: MIT
// Responder: accepts FastCGI connections one at a time and hands out vetted requests. Wraps libfcgi.
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

// How long a peer may take to send its request, and again to take the answer.
inline constexpr std::chrono::seconds k_peer_timeout{2};

// Since when a connection has been in hand, for whoever watches from another process; AwakeTime{}: none is.
using BusySince = std::atomic<util::AwakeTime>;

// One per worker process, one thread. The only code that knows libfcgi, which reads the parameters; accepting,
// waiting and writing are done here, because libfcgi has no time-outs.
// A peer has k_peer_timeout in all to send its request, and again to take the answer; then it is dropped. A malformed
// request is answered 400 by the responder itself where its id is known, and dropped else; `refused` is told of both,
// so that they are counted. A peer that leaves or is too slow before its request is whole is dropped without a word.
// Running out of descriptors slows down and goes on. One connection carries one request.
// BUGS: libfcgi asserts that it gets the memory it asks for, and ends the process where it does not.
class Responder {
public:
    // `listener`: a listening stream socket, kept open by the caller; it is made non-blocking. `stop_fd` readable:
    // no further request is accepted. Throws std::system_error when the sockets cannot be waited on.
    // libfcgi handles SIGPIPE and SIGUSR1 from now on, unless they were handled or ignored before.
    // `busy`, if any, outlives it and is kept up to date at the price of two relaxed stores a connection.
    Responder(int listener, int stop_fd, BusySince* busy = nullptr);
    ~Responder();
    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;

    // Waits for the next request worth an answer; null when asked to stop. Throws std::system_error when the listener
    // is broken. The request is the responder's, good until it is answered, which wipes it; one that is not answered
    // before the next call is dropped. Its memory is used again and again: once warm, nothing is allocated here. What
    // libfcgi allocates for the parameters and its streams it frees before this returns.
    [[nodiscard]] Request* next(const std::function<void(int status)>& refused);

    // The same for a responder of pages, which are asked for rarely: its memory is not spared. `chore`: see Chore.
    [[nodiscard]] PageRequest* next_page(const std::function<void(int status)>& refused, const Chore& chore = {});

    // Sends the answer to the request of the last next() and ends the connection. A peer that has gone is no error.
    void answer(const Response& response);

    // The same for a page, which may show a secret: its body and all copies of it are wiped, and the request too.
    void answer_page(Response response);

private:
    struct State;
    std::unique_ptr<State> m_state;
};

}  // namespace ceymail::fastcgi
