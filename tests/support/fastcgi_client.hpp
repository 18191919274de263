// SPDX-License-Identifier: MIT
// FastcgiClient: a raw peer on the other side of a responder, well-behaved or not.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ceymail/util/fd.hpp"
#include "support/fastcgi_records.hpp"

namespace ceymail::testing {

// One connection. The constructor throws std::system_error where nobody listens.
class FastcgiClient {
public:
    explicit FastcgiClient(const std::string& address);  // "unix:/path" or "tcp:127.0.0.1:PORT"

    bool send(std::string_view bytes);  // false when the peer has gone; blocks as long as it does not read
    void half_close();
    void leave() { m_socket.reset(); }

    // All that comes until the peer closes, or until `timeout` has passed: then closed() is false.
    std::string receive(std::chrono::milliseconds timeout = std::chrono::seconds(5));
    [[nodiscard]] bool closed() const { return m_closed; }
    [[nodiscard]] int fd() const { return m_socket.get(); }

private:
    util::Fd m_socket;
    bool m_closed = false;
};

// One request and its answer.
Answer ask(const std::string& address, const Parameters& parameters);

}  // namespace ceymail::testing
