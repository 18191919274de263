// SPDX-License-Identifier: MIT
#include "ceymail/maillog/journal_protocol.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <sys/uio.h>

namespace ceymail::maillog {
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

util::Result<void> send_journal_request(int socket, const JournalRequest& request) {
    std::array<iovec, 1> parts{{{const_cast<JournalRequest*>(&request), sizeof request}}};
    return send(socket, parts, "journal reader");
}

util::Result<void> send_journal_reply(int socket, const JournalReply& reply, std::span<const std::byte> lines) {
    std::array<iovec, 2> parts{
        {{const_cast<JournalReply*>(&reply), sizeof reply}, {const_cast<std::byte*>(lines.data()), lines.size()}}};
    return send(socket, parts, "log reader");
}

std::optional<JournalRequest> take_journal_request(int socket) noexcept {
    JournalRequest request;
    if (::recv(socket, &request, sizeof request, MSG_DONTWAIT) != sizeof request) return std::nullopt;
    return request;
}

std::optional<ReceivedLines> take_journal_reply(int socket, std::span<std::byte> space) noexcept {
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

}  // namespace ceymail::maillog
