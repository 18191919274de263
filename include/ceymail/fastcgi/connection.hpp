// SPDX-License-Identifier: MIT
// What is done with one accepted connection, each within a deadline: its request awaited, its answer sent.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "ceymail/fastcgi/request_validation.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::fastcgi {

// Owns the memory in which requests are looked over; wiped after each, since there is a token in it. One thread.
class RequestReader {
public:
    RequestReader();  // throws std::system_error

    struct Request {
        Validation vetting;    // whole or malformed
        std::size_t size = 0;  // bytes that have arrived
    };

    // To be called once for a connection, which is to be closed before the next one's turn.
    // Waits until the request on `connection` (non-blocking) is whole or malformed, and leaves its bytes there for
    // libfcgi to read. No value when the peer has gone, has sent half a request and no more, or was too slow.
    [[nodiscard]] std::optional<Request> receive(int connection, util::BootTime deadline);

private:
    enum class SocketEvent { bytes, end, none };
    [[nodiscard]] bool watch(int connection) const;
    [[nodiscard]] SocketEvent await_news(util::BootTime deadline) const;

    std::unique_ptr<std::byte[]> m_bytes;
    util::Fd m_epoll;  // made in advance: there may be no descriptor left when it is needed
};

// Takes what is there to read off the connection: closing over unread bytes would take the answer from the peer.
void discard_input(int connection) noexcept;

// False when the peer has gone or has not taken all by the deadline. No SIGPIPE.
bool send_all(int connection, std::string_view bytes, util::BootTime deadline) noexcept;

}  // namespace ceymail::fastcgi
