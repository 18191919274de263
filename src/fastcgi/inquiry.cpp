// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/inquiry.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "ceymail/fastcgi/connection.hpp"
#include "ceymail/fastcgi/record.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::fastcgi {
namespace {

using util::ErrorKind;
using util::Result;

constexpr std::size_t k_enough = 1024;  // of the answer: its first line is all that counts

std::string words(const std::filesystem::path& socket) { return "cannot ask the responder at " + socket.string(); }

Result<util::Fd> connect_to(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket.native().size() >= sizeof address.sun_path)
        return util::fail(ErrorKind::invalid, words(socket) + ": the path is too long for the name of a socket");
    std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
    util::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return util::fail_errno(errno, words(socket), "is ceymail-metrics running, and may this user use its socket?");
    return fd;
}

void append_length(std::string& out, std::size_t length) {
    if (length >= 0x80) {
        out += static_cast<char>(length >> 24 | 0x80);
        out += static_cast<char>(length >> 16);
        out += static_cast<char>(length >> 8);
    }
    out += static_cast<char>(length);
}

void append_record(std::string& out, RecordType type, std::string_view content) {
    out += {static_cast<char>(k_version), static_cast<char>(type), 0, 1};  // request 1
    out += {static_cast<char>(content.size() >> 8), static_cast<char>(content.size()), 0, 0};
    out += content;
}

std::string request_of(const ParameterList& parameters) {
    std::string pairs;
    for (const auto& [name, value] : parameters) {
        append_length(pairs, name.size());
        append_length(pairs, value.size());
        pairs.append(name).append(value);
    }
    std::string out;
    append_record(out, RecordType::begin_request, {"\0\1\0\0\0\0\0\0", k_begin_body});  // a responder, then close
    append_record(out, RecordType::params, pairs);
    append_record(out, RecordType::params, {});
    append_record(out, RecordType::standard_input, {});
    return out;
}

std::string receive(int fd, util::BootTime deadline) {
    std::string received;
    std::array<char, k_enough> bytes{};
    while (received.size() < k_enough) {
        pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
        if (::poll(&readable, 1, util::remaining_ms(deadline)) == 0) break;
        const ssize_t size = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) break;
        if (size > 0) received.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return received;
}

// STDOUT begins behind the first record's header, with the line that append_head() writes first.
std::optional<int> status_of(std::string_view answer) {
    constexpr std::string_view k_first = "Status: ";
    if (answer.size() < k_record_header + k_first.size() + 3) return std::nullopt;
    answer.remove_prefix(k_record_header);
    if (!answer.starts_with(k_first)) return std::nullopt;
    int status = 0;
    std::from_chars(answer.data() + k_first.size(), answer.data() + k_first.size() + 3, status);
    return status;
}

}  // namespace

Result<int> inquire(const std::filesystem::path& socket, const ParameterList& parameters, util::BootTime deadline) {
    const auto fd = connect_to(socket);
    if (!fd) return std::unexpected(fd.error());
    if (!send_all(fd->get(), request_of(parameters), deadline))
        return util::fail(ErrorKind::timed_out, words(socket) + ": it does not take the request");
    const auto status = status_of(receive(fd->get(), deadline));
    if (!status) return util::fail(ErrorKind::timed_out, words(socket) + ": no answer came");
    return *status;
}

}  // namespace ceymail::fastcgi
