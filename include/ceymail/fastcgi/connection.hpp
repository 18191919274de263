// SPDX-License-Identifier: MIT
// Receives the request and sends the answer on one accepted connection, each within a deadline.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "ceymail/fastcgi/request_validation.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::fastcgi {

// Owns the buffer in which requests are validated.
// Threads: one.
// Security: wipes the buffer after each request, which may contain a token.
class RequestReader {
public:
    RequestReader();  // throws std::system_error

    struct Received {
        Validation validation;  // whole or malformed
        std::size_t size = 0;   // of the bytes that have arrived
    };

    // Waits until the request on `connection` is whole or malformed. Leaves its bytes in the socket, for libfcgi.
    // Returns: no value when the peer has closed the connection, sent an incomplete request, or was too slow.
    // Requires: `connection` is non-blocking. Call it once per connection, and close that before the next call.
    [[nodiscard]] std::optional<Received> receive(int connection, util::BootTime deadline);

private:
    enum class SocketEvent { bytes, end, none };
    [[nodiscard]] std::optional<Received> peek(int connection, util::BootTime deadline, std::size_t& written);
    [[nodiscard]] bool watch(int connection) const;
    [[nodiscard]] SocketEvent wait_for_event(util::BootTime deadline) const;

    std::unique_ptr<std::byte[]> m_bytes;
    util::Fd m_epoll;  // made in advance: there may be no descriptor left when it is needed
};

// Reads the bytes that have arrived, up to k_max_request. Closing a connection with unread bytes discards the answer.
void discard_input(int connection) noexcept;

// Returns: false when the peer has closed the connection, or did not read all by the deadline. Raises no SIGPIPE.
bool send_all(int connection, std::string_view bytes, util::BootTime deadline) noexcept;

}  // namespace ceymail::fastcgi
