// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/report_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/unix_socket.hpp"

namespace ceymail::snapshot {

namespace {

using util::ErrorKind;
using util::Result;

// Connects to `socket`, and waits until there is something to read or the deadline has passed.
// `what` begins the message of an error.
Result<util::Fd> connect_and_wait(const std::filesystem::path& socket, const std::string& what,
                                  util::BootTime deadline) {
    const auto address = util::unix_address(socket);
    if (!address) return util::fail(address.error().kind, what + ": " + address.error().message);
    util::Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || util::connect_unix(fd.get(), *address) != 0)
        return util::fail_errno(errno, what,
                                errno == EACCES ? "its directory must belong to the group of ceymail-settings: restart "
                                                  "ceymail-metrics after systemd-tmpfiles --create"
                                                : "is ceymail-metrics running? systemctl status ceymail-metrics");
    pollfd answer{.fd = fd.get(), .events = POLLIN, .revents = 0};
    while (::poll(&answer, 1, util::remaining_ms(deadline)) < 0 && errno == EINTR) continue;
    return fd;
}

}  // namespace

Result<void> order_to_forget(const std::filesystem::path& socket, util::BootTime deadline) {
    const std::string what = "cannot make the responder forget a token at " + socket.string();
    CEYMAIL_TRY_ASSIGN(const auto fd, connect_and_wait(socket, what, deadline));
    char byte = 0;
    if (::recv(fd.get(), &byte, 1, MSG_DONTWAIT) == 0) return {};
    return util::fail(ErrorKind::timed_out, what + ": it does not answer; restart ceymail-metrics if that goes on");
}

Result<std::vector<CollectorState>> ask_collectors(const std::filesystem::path& socket, util::BootTime deadline) {
    const std::string what = "cannot ask the collectors at " + socket.string();
    CEYMAIL_TRY_ASSIGN(const auto fd, connect_and_wait(socket, what, deadline));
    std::string text(k_longest_text, '\0');
    // MSG_TRUNC: the size of a longer message is its own, not what was read.
    const ssize_t size = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size <= 0)
        return util::fail(ErrorKind::timed_out, what + ": no answer came; restart ceymail-metrics if that goes on");
    if (static_cast<std::size_t>(size) > text.size())
        return util::fail(ErrorKind::invalid, what + ": the answer is too long; restart ceymail-metrics");
    return from_text(std::string_view(text).substr(0, static_cast<std::size_t>(size)));
}

}  // namespace ceymail::snapshot
