// SPDX-License-Identifier: MIT
#include "ceymail/attachment/probe.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "ceymail/fastcgi/response.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::attachment {
namespace {

using util::ErrorKind;
using util::Fd;
using util::Result;

constexpr std::size_t k_most_head = 65536;

struct FreeAddresses {
    void operator()(addrinfo* first) const noexcept { ::freeaddrinfo(first); }
};
struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
};
struct FreeSession {
    void operator()(SSL* session) const noexcept { ::SSL_free(session); }
};

std::string address_of(const site::Listener& listener) {
    if (listener.address.empty()) return "127.0.0.1";
    if (listener.address == "[::]") return "::1";
    if (listener.address.starts_with('[') && listener.address.ends_with(']'))
        return listener.address.substr(1, listener.address.size() - 2);
    return listener.address;
}

Result<Fd> connect_to(const site::Listener& listener, std::chrono::milliseconds timeout) {
    const auto address = address_of(listener);
    const auto what = "cannot connect to " + address + " port " + listener.port;
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    if (const int error = ::getaddrinfo(address.c_str(), listener.port.c_str(), &wanted, &first); error != 0)
        return util::fail(ErrorKind::unavailable, what + ": " + ::gai_strerror(error));
    const std::unique_ptr<addrinfo, FreeAddresses> addresses(first);
    const auto ms = timeout.count();
    const timeval limit{.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    int error = 0;
    for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
        Fd fd(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (fd && ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) return fd;
        error = errno;
    }
    return util::fail(ErrorKind::unavailable, util::fail_errno(error, what).error().message);
}

bool send_plain(const Fd& fd, std::string_view text) {
    return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// `receive` has the contract of read(2). Returns: up to the end of the header fields.
template <class Receive>
std::string read_head(Receive receive) {
    std::string head;
    std::array<char, 4096> bytes{};
    for (int size = 0; head.size() < k_most_head && head.find("\r\n\r\n") == head.npos &&
                       (size = receive(bytes.data(), static_cast<int>(bytes.size()))) > 0;)
        head.append(bytes.data(), static_cast<std::size_t>(size));
    return head.substr(0, head.find("\r\n\r\n"));
}

Result<std::string> ask_by_tls(const Fd& fd, const std::string& name, const std::string& request) {
    const std::unique_ptr<SSL_CTX, FreeContext> context(::SSL_CTX_new(::TLS_client_method()));
    if (!context) return util::fail(ErrorKind::internal, "cannot begin TLS");
    const std::unique_ptr<SSL, FreeSession> session(::SSL_new(context.get()));
    ::SSL_set_verify(session.get(), SSL_VERIFY_NONE, nullptr);
    ::SSL_set_tlsext_host_name(session.get(), name.c_str());
    ::SSL_set_fd(session.get(), fd.get());
    if (::SSL_connect(session.get()) != 1) return util::fail(ErrorKind::unavailable, "there is no TLS on that port");
    if (::SSL_write(session.get(), request.data(), static_cast<int>(request.size())) <= 0)
        return util::fail(ErrorKind::unavailable, "the connection ends before the request");
    return read_head([&](char* bytes, int size) { return ::SSL_read(session.get(), bytes, size); });
}

Result<std::string> ask_plain(const Fd& fd, const std::string& request) {
    if (!send_plain(fd, request)) return util::fail(ErrorKind::unavailable, "the connection ends before the request");
    return read_head([&](char* bytes, int size) {
        return static_cast<int>(::recv(fd.get(), bytes, static_cast<std::size_t>(size), 0));
    });
}

std::optional<int> status_of(std::string_view head) {
    if (!head.starts_with("HTTP/1.") || head.size() < 12 || head[8] != ' ') return std::nullopt;
    int status = 0;
    for (const char c : head.substr(9, 3)) {
        if (c < '0' || c > '9') return std::nullopt;
        status = status * 10 + (c - '0');
    }
    return status;
}

}  // namespace

Result<SiteAnswer> ask_site(const site::Listener& listener, const std::string& name, const std::string& path,
                            std::chrono::milliseconds timeout) {
    CEYMAIL_TRY_ASSIGN(const auto fd, connect_to(listener, timeout));
    if (listener.proxy_protocol && !send_plain(fd, "PROXY UNKNOWN\r\n"))
        return util::fail(ErrorKind::unavailable, "the connection ends before the request");
    const bool usual_port = listener.port == (listener.tls ? "443" : "80");
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: " + name + (usual_port ? "" : ":" + listener.port) +
                         "\r\nUser-Agent: ceymail-attach\r\nConnection: close\r\n\r\n";
    CEYMAIL_TRY_ASSIGN(const auto head, listener.tls ? ask_by_tls(fd, name, request) : ask_plain(fd, request));
    const auto status = status_of(head);
    if (!status) return util::fail(ErrorKind::unavailable, "there is no HTTP answer on that port");
    const auto header = "\r\n" + site::lower_case(fastcgi::k_origin_header.name) + ":";
    return SiteAnswer{*status, site::lower_case(head).find(header) != head.npos};
}

}  // namespace ceymail::attachment
