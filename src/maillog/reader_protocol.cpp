// SPDX-License-Identifier: MIT
#include "ceymail/maillog/reader_protocol.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/uio.h>

namespace ceymail::maillog {
namespace {

constexpr std::size_t k_control_size = CMSG_SPACE(k_most_files * sizeof(int));

std::vector<util::Fd> descriptors_of(msghdr& message) {
    std::vector<util::Fd> files;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        std::array<int, k_most_files> numbers{};
        const std::size_t count = std::min((part->cmsg_len - CMSG_LEN(0)) / sizeof(int), numbers.size());
        std::memcpy(numbers.data(), CMSG_DATA(part), count * sizeof(int));
        for (std::size_t i = 0; i < count; ++i) files.emplace_back(numbers[i]);
    }
    return files;
}

util::Result<void> send(int socket, iovec body, const std::vector<util::Fd>& files, const std::string& to,
                        const char* what) {
    alignas(cmsghdr) std::array<std::byte, k_control_size> control{};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    if (!files.empty()) {
        std::array<int, k_most_files> numbers{};
        const std::size_t count = std::min(files.size(), numbers.size());
        std::transform(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(count), numbers.begin(),
                       [](const util::Fd& file) { return file.get(); });
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        cmsghdr* const part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        std::memcpy(CMSG_DATA(part), numbers.data(), count * sizeof(int));
    }
    if (::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
    if (errno == EAGAIN)
        return util::fail(util::ErrorKind::exhausted, "the " + to + " does not take " + what + "; it is stuck", errno);
    return util::fail_errno(errno, "cannot reach the " + to);
}

}  // namespace

util::Result<void> send_request(int socket, const ReadRequest& request, const std::vector<util::Fd>& files) {
    return send(socket, {const_cast<ReadRequest*>(&request), sizeof request}, files, "log reader", "requests");
}

util::Result<void> send_reply(int socket, const ReadReply& reply) {
    return send(socket, {const_cast<ReadReply*>(&reply), sizeof reply}, {}, "gatherer", "answers");
}

std::optional<ReceivedRequest> take_request(int socket) {
    ReceivedRequest received;
    iovec body{&received.request, sizeof received.request};
    alignas(cmsghdr) std::array<std::byte, k_control_size> control{};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return std::nullopt;
    received.files = descriptors_of(message);
    const auto& request = received.request;
    const bool valid = got == sizeof request && request.mail_files <= k_most_files &&
                       request.other_files <= k_most_files &&
                       request.mail_files + request.other_files == received.files.size();
    if (!valid) return std::nullopt;
    return received;
}

std::optional<ReadReply> take_reply(int socket) noexcept {
    ReadReply reply;
    if (::recv(socket, &reply, sizeof reply, MSG_DONTWAIT) != sizeof reply) return std::nullopt;
    return reply;
}

}  // namespace ceymail::maillog
