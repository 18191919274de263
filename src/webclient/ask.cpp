// SPDX-License-Identifier: MIT
#include "ceymail/webclient/ask.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ceymail/fastcgi/response.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::webclient {
namespace {

using util::ErrorKind;
using util::Fd;
using util::Result;

constexpr std::size_t k_longest_answer = 65536;

struct Free {
    void operator()(addrinfo* first) const noexcept { ::freeaddrinfo(first); }
    void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
    void operator()(SSL* session) const noexcept { ::SSL_free(session); }
};

Result<Fd> connect_to(const Destination& to, std::chrono::milliseconds timeout) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    if (const int error = ::getaddrinfo(to.host.c_str(), to.port.c_str(), &wanted, &first); error != 0)
        return util::fail(ErrorKind::not_found, "cannot find " + to.host + ": " + ::gai_strerror(error) +
                                                    "; look at the name, or add it to /etc/hosts");
    const std::unique_ptr<addrinfo, Free> addresses(first);
    const timeval limit{.tv_sec = timeout.count() / 1000, .tv_usec = timeout.count() % 1000 * 1000};
    int error = 0;
    for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
        Fd fd(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (fd && ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) return fd;
        error = errno;
    }
    return util::fail_errno(error, "cannot connect to " + to.host + " port " + to.port, "is the web server running?");
}

int send_plain(const Fd& fd, std::string_view text) {
    return static_cast<int>(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL));
}

// `send` and `receive` have the contracts of write(2) and read(2).
template <class Send, class Receive>
std::string exchange(std::string_view request, Send send, Receive receive) {
    std::string answer;
    if (send(request) != static_cast<int>(request.size())) return answer;
    std::array<char, 4096> bytes{};
    for (int size = 0; answer.size() < k_longest_answer && (size = receive(bytes.data(), bytes.size())) > 0;)
        answer.append(bytes.data(), static_cast<std::size_t>(size));
    return answer;
}

Result<std::string> exchange_by_tls(const Destination& to, const Fd& fd, std::string_view request,
                                    std::string& certificate_fault) {
    const std::unique_ptr<SSL_CTX, Free> context(::SSL_CTX_new(::TLS_client_method()));
    if (!context) return util::fail(ErrorKind::internal, "cannot begin TLS");
    ::SSL_CTX_set_default_verify_paths(context.get());
    const std::unique_ptr<SSL, Free> session(::SSL_new(context.get()));
    const auto& name = to.name.empty() ? to.host : to.name;
    ::SSL_set_verify(session.get(), SSL_VERIFY_NONE, nullptr);
    ::SSL_set_tlsext_host_name(session.get(), name.c_str());
    ::SSL_set1_host(session.get(), name.c_str());
    ::SSL_set_fd(session.get(), fd.get());
    if (::SSL_connect(session.get()) != 1)
        return util::fail(ErrorKind::unavailable,
                          "no TLS with " + to.host + " port " + to.port + "; is that the port that answers https?");
    if (const long fault = ::SSL_get_verify_result(session.get()); fault != X509_V_OK)
        certificate_fault = ::X509_verify_cert_error_string(fault);
    return exchange(
        request,
        [&](std::string_view text) { return ::SSL_write(session.get(), text.data(), static_cast<int>(text.size())); },
        [&](char* bytes, std::size_t size) { return ::SSL_read(session.get(), bytes, static_cast<int>(size)); });
}

}  // namespace

std::string Answer::field(std::string_view name) const {
    for (auto at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        const auto line = std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        const auto colon = line.find(':');
        if (colon == line.npos || !util::equals_ignoring_case(line.substr(0, colon), name)) continue;
        const auto begin = line.find_first_not_of(" \t", colon + 1);
        return std::string(begin == line.npos ? "" : line.substr(begin));
    }
    return {};
}

bool Answer::is_from_responder() const { return !field(fastcgi::k_origin_header.name).empty(); }

Result<Answer> ask(const Destination& to, std::string_view request, std::chrono::milliseconds timeout) {
    CEYMAIL_TRY_ASSIGN(const Fd fd, connect_to(to, timeout));
    Answer answer;
    answer.over_tls = to.tls;
    send_plain(fd, to.prelude);
    Result<std::string> text =
        to.tls ? exchange_by_tls(to, fd, request, answer.certificate_fault)
               : exchange(
                     request, [&](std::string_view bytes) { return send_plain(fd, bytes); },
                     [&](char* bytes, std::size_t size) { return static_cast<int>(::read(fd.get(), bytes, size)); });
    if (!text) return std::unexpected(std::move(text.error()));
    // RFC 9112, 4: HTTP/1.x and three digits.
    const bool is_http = text->starts_with("HTTP/1.") && text->size() > 12 && (*text)[8] == ' ' &&
                         ((*text)[12] == ' ' || (*text)[12] == '\r');
    if (!is_http || std::from_chars(text->data() + 9, text->data() + 12, answer.status).ptr != text->data() + 12 ||
        answer.status < 100)
        return util::fail(ErrorKind::unavailable, "no HTTP answer from " + to.host + " port " + to.port);
    const auto end = text->find("\r\n\r\n");
    answer.head = text->substr(0, end);
    if (end != text->npos) answer.body = text->substr(end + 4);
    return answer;
}

}  // namespace ceymail::webclient
