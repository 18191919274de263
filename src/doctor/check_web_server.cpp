// SPDX-License-Identifier: MIT
// A scrape with an invalid token over HTTP/1.0 (RFC 1945): one request and one answer.
#include <chrono>
#include <optional>
#include <regex>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/web_answer.hpp"
#include "ceymail/webclient/ask.hpp"

namespace ceymail::doctor {

namespace {

constexpr std::chrono::seconds k_network_timeout{10};
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

std::string request_for(const Url& url) {
    const bool ipv6 = url.host.find(':') != std::string::npos;
    return "GET " + url.path + " HTTP/1.0\r\nHost: " + (ipv6 ? "[" + url.host + "]" : url.host) +
           "\r\nAuthorization: Bearer " + k_unused_token + "\r\nConnection: close\r\n\r\n";
}

}  // namespace

void check_web_server(CheckReport& report, const std::string& text) {
    const auto url = parse_url(text);
    if (!url) return report.bad("web server", text + " is no address; give https://HOST[:PORT]/PATH");
    const auto answer =
        webclient::ask({.host = url->host, .port = url->port, .tls = url->tls}, request_for(*url), k_network_timeout);
    if (!answer) return report.bad("web server", answer.error().message);
    report_answer(report, *answer);
    if (!url->tls) report.warn("certificate", "none: the token would go over the network for all to read; use https");
    if (!answer->certificate_fault.empty())
        report.warn("certificate", answer->certificate_fault + "; Prometheus needs its authority as ca_file");
}

}  // namespace ceymail::doctor
