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

std::string words(const std::filesystem::path& socket) { return "cannot ask the collectors at " + socket.string(); }
std::string forget_words(const std::filesystem::path& socket) {
    return "cannot make the responder forget a token at " + socket.string();
}

// `what`: cannot be done if this fails.
Result<util::Fd> connect_to(const std::filesystem::path& socket, const std::string& what) {
    const auto address = util::unix_address(socket);
    if (!address) return util::fail(address.error().kind, what + ": " + address.error().message);
    util::Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd && util::connect_unix(fd.get(), *address) == 0) return fd;
    if (errno == EACCES)
        return util::fail_errno(errno, what,
                                "its directory must belong to the group of ceymail-settings: restart ceymail-metrics "
                                "after systemd-tmpfiles --create");
    return util::fail_errno(errno, what, "is ceymail-metrics running? systemctl status ceymail-metrics");
}

}  // namespace

Result<void> order_to_forget(const std::filesystem::path& socket, util::BootTime deadline) {
    const auto fd = connect_to(socket, forget_words(socket));
    if (!fd) return std::unexpected(fd.error());
    pollfd end{.fd = fd->get(), .events = POLLIN, .revents = 0};
    while (::poll(&end, 1, util::remaining_ms(deadline)) < 0 && errno == EINTR) continue;
    char byte = 0;
    if (::recv(fd->get(), &byte, 1, MSG_DONTWAIT) == 0) return {};
    return util::fail(ErrorKind::timed_out,
                      forget_words(socket) + ": it does not answer; restart ceymail-metrics if that goes on");
}

Result<std::vector<CollectorState>> ask_collectors(const std::filesystem::path& socket, util::BootTime deadline) {
    const auto fd = connect_to(socket, words(socket));
    if (!fd) return std::unexpected(fd.error());
    pollfd answer{.fd = fd->get(), .events = POLLIN, .revents = 0};
    while (::poll(&answer, 1, util::remaining_ms(deadline)) < 0 && errno == EINTR) continue;
    std::string text(k_longest_text, '\0');
    // With MSG_TRUNC a longer message says how long it was.
    const ssize_t size = ::recv(fd->get(), text.data(), text.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size <= 0)
        return util::fail(ErrorKind::timed_out, words(socket) +
                                                    ": no answer came; restart ceymail-metrics if that "
                                                    "goes on");
    if (static_cast<std::size_t>(size) > text.size())
        return util::fail(ErrorKind::invalid, words(socket) + ": the answer is too long; restart ceymail-metrics");
    return from_text(std::string_view(text).substr(0, static_cast<std::size_t>(size)));
}

}  // namespace ceymail::snapshot
