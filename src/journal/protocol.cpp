// SPDX-License-Identifier: MIT
#include "ceymail/journal/protocol.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace ceymail::journal {
namespace {

util::Result<void> send(int socket, std::span<iovec> parts, const char* to) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
    const auto what = std::string("the ") + to + " does not take messages; it is stuck";
    if (errno == EAGAIN) return util::fail(util::ErrorKind::exhausted, what, errno);
    return util::fail_errno(errno, std::string("cannot reach the ") + to);
}

}  // namespace

util::Result<void> send_request(int socket, const Request& request) {
    std::array<iovec, 1> parts{{{const_cast<Request*>(&request), sizeof request}}};
    return send(socket, parts, "journal reader");
}

util::Result<void> send_reply(int socket, const Reply& reply, std::span<const std::byte> lines) {
    std::array<iovec, 2> parts{
        {{const_cast<Reply*>(&reply), sizeof reply}, {const_cast<std::byte*>(lines.data()), lines.size()}}};
    return send(socket, parts, "log reader");
}

std::optional<Request> take_request(int socket) noexcept {
    Request request;
    if (::recv(socket, &request, sizeof request, MSG_DONTWAIT) != sizeof request) return std::nullopt;
    return request;
}

std::optional<ReceivedLines> take_reply(int socket, std::span<std::byte> space) noexcept {
    ReceivedLines received;
    std::array<iovec, 2> parts{{{&received.reply, sizeof received.reply}, {space.data(), space.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 || static_cast<std::size_t>(got) < sizeof received.reply || (message.msg_flags & MSG_TRUNC) != 0)
        return std::nullopt;
    received.lines = space.first(static_cast<std::size_t>(got) - sizeof received.reply);
    return received;
}

}  // namespace ceymail::journal
