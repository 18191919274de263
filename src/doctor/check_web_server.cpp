// SPDX-License-Identifier: MIT
// A scrape with an invalid token over HTTP/1.0 (RFC 1945): one request and one answer.
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <regex>

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/web_answer.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::doctor {

namespace {

using util::ErrorKind;
using util::Fd;
using util::Result;

constexpr timeval k_network_timeout{.tv_sec = 10, .tv_usec = 0};
constexpr std::size_t k_longest_answer = 65536;
// Well-formed, but never issued: 256 zero bits.
constexpr const char* k_unused_token = "ceymail_metrics_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Url {
    bool tls = true;
    std::string host;
    std::string port;
    std::string path;
};

std::optional<Url> parse_url(const std::string& text) {
    static const std::regex form(R"((https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(/[!-~]*)?)");
    std::smatch part;
    if (!std::regex_match(text, part, form)) return std::nullopt;
    Url url{part[1] == "https", part[2], part[3], part[4].matched ? part[4].str() : "/"};
    if (url.host.starts_with('[')) url.host = url.host.substr(1, url.host.size() - 2);
    if (url.port.empty()) url.port = url.tls ? "443" : "80";
    return url;
}

struct Answer {
    WebAnswer web;
    std::string certificate_fault;  // empty: none
};

struct FreeAddresses {
    void operator()(addrinfo* first) const noexcept { ::freeaddrinfo(first); }
};
struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
};
struct FreeSession {
    void operator()(SSL* session) const noexcept { ::SSL_free(session); }
};

Result<Fd> connect_to(const Url& url) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    if (const int error = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &wanted, &first); error != 0)
        return util::fail(ErrorKind::not_found, "cannot find " + url.host + ": " + ::gai_strerror(error) +
                                                    "; look at the name, or add it to /etc/hosts");
    const std::unique_ptr<addrinfo, FreeAddresses> addresses(first);
    int error = 0;
    for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
        Fd fd(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &k_network_timeout, sizeof k_network_timeout);
        ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &k_network_timeout, sizeof k_network_timeout);
        if (fd && ::connect(fd.get(), one->ai_addr, one->ai_addrlen) == 0) return fd;
        error = errno;
    }
    return util::fail_errno(error, "cannot connect to " + url.host + " port " + url.port, "is the web server running?");
}

std::string request_for(const Url& url) {
    const bool ipv6 = url.host.find(':') != std::string::npos;
    return "GET " + url.path + " HTTP/1.0\r\nHost: " + (ipv6 ? "[" + url.host + "]" : url.host) +
           "\r\nAuthorization: Bearer " + k_unused_token + "\r\nConnection: close\r\n\r\n";
}

// `send` and `receive` have the contracts of write(2) and read(2).
template <class Send, class Receive>
std::string exchange(const std::string& request, Send send, Receive receive) {
    std::string answer;
    if (send(request.data(), request.size()) != static_cast<int>(request.size())) return answer;
    char bytes[4096];
    for (int size = 0; answer.size() < k_longest_answer && (size = receive(bytes, sizeof bytes)) > 0;)
        answer.append(bytes, static_cast<std::size_t>(size));
    return answer;
}

// A certificate error is only reported: the request contains no secret.
Result<std::string> exchange_by_tls(const Url& url, const Fd& fd, std::string& certificate_fault) {
    const std::unique_ptr<SSL_CTX, FreeContext> context(::SSL_CTX_new(::TLS_client_method()));
    if (!context) return util::fail(ErrorKind::internal, "cannot begin TLS");
    ::SSL_CTX_set_default_verify_paths(context.get());
    const std::unique_ptr<SSL, FreeSession> session(::SSL_new(context.get()));
    ::SSL_set_verify(session.get(), SSL_VERIFY_NONE, nullptr);
    ::SSL_set_tlsext_host_name(session.get(), url.host.c_str());
    ::SSL_set1_host(session.get(), url.host.c_str());
    ::SSL_set_fd(session.get(), fd.get());
    if (::SSL_connect(session.get()) != 1)
        return util::fail(ErrorKind::unavailable,
                          "no TLS with " + url.host + " port " + url.port + "; is that the port that answers https?");
    if (const long fault = ::SSL_get_verify_result(session.get()); fault != X509_V_OK)
        certificate_fault = ::X509_verify_cert_error_string(fault);
    return exchange(
        request_for(url),
        [&](const char* bytes, std::size_t size) { return ::SSL_write(session.get(), bytes, static_cast<int>(size)); },
        [&](char* bytes, std::size_t size) { return ::SSL_read(session.get(), bytes, static_cast<int>(size)); });
}

Result<Answer> ask(const Url& url) {
    CEYMAIL_TRY_ASSIGN(const Fd fd, connect_to(url));
    Answer answer;
    Result<std::string> text =
        url.tls ? exchange_by_tls(url, fd, answer.certificate_fault)
                : exchange(
                      request_for(url),
                      [&](const char* bytes, std::size_t size) {
                          return static_cast<int>(::send(fd.get(), bytes, size, MSG_NOSIGNAL));
                      },
                      [&](char* bytes, std::size_t size) { return static_cast<int>(::read(fd.get(), bytes, size)); });
    if (!text) return std::unexpected(text.error());
    static const std::regex status_line(R"(HTTP/1\.[01] (\d{3}) )");
    std::smatch status;
    if (!std::regex_search(*text, status, status_line, std::regex_constants::match_continuous))
        return util::fail(ErrorKind::unavailable, "no HTTP answer from " + url.host + " port " + url.port);
    const auto end = text->find("\r\n\r\n");
    answer.web = {.over_tls = url.tls,
                  .status = std::stoi(status[1]),
                  .head = text->substr(0, end),
                  .body = end == text->npos ? "" : text->substr(end + 4)};
    return answer;
}

}  // namespace

void check_web_server(CheckReport& report, const std::string& text) {
    const auto url = parse_url(text);
    if (!url) return report.bad("web server", text + " is no address; give https://HOST[:PORT]/PATH");
    const auto answer = ask(*url);
    if (!answer) return report.bad("web server", answer.error().message);
    report_answer(report, answer->web);
    if (!url->tls) report.warn("certificate", "none: the token would go over the network for all to read; use https");
    if (!answer->certificate_fault.empty())
        report.warn("certificate", answer->certificate_fault + "; Prometheus needs its authority as ca_file");
}

}  // namespace ceymail::doctor
