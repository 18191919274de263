// SPDX-License-Identifier: MIT
// A scrape with an invalid token over HTTP/1.0 (RFC 1945): one request, and what its answer tells of the web server.
#include <algorithm>
#include <chrono>
#include <optional>
#include <regex>
#include <string_view>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/util/text.hpp"
#include "ceymail/webclient/ask.hpp"

namespace ceymail::doctor {

namespace {

using webclient::Answer;

constexpr std::chrono::seconds k_network_timeout{10};
// Well-formed, but never issued: 256 zero bits.
constexpr const char* k_unused_token = "ceymail_metrics_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr std::size_t k_max_quote = 160;
constexpr const char* k_part = "web server";
const std::string k_include = "include the shipped file in the server block or virtual host that answers this address";

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

// Untrusted text for a terminal: one short line without control characters.
std::string quoted(const std::string& text) {
    std::string line = text.substr(0, std::min(text.find_first_of("\r\n"), k_max_quote));
    std::ranges::replace_if(line, [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return line;
}

bool begins_with(std::string_view text, std::string_view prefix) {
    return util::equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::string code(const Answer& answer) { return "answered " + std::to_string(answer.status); }

void report_our_401(CheckReport& report, const Answer& answer) {
    if (answer.field("WWW-Authenticate").find("error=\"invalid_token\"") == std::string::npos)
        return report.bad(k_part,
                          "does not pass the Authorization header on: set CGIPassAuth On where Apache passes the "
                          "endpoint on, or fastcgi_param HTTP_AUTHORIZATION in nginx, as the shipped files do");
    // One no-store in any Cache-Control field is sufficient.
    if (answer.head.find("no-store") == std::string::npos)
        return report.bad(k_part, "replaces our Cache-Control: no-store by \"" + quoted(answer.field("Cache-Control")) +
                                      "\", so a cache may give metrics to others: leave the header alone at this "
                                      "address (no fastcgi_hide_header, no Header set), as the shipped files do");
    report.ok(k_part, "passes the Authorization header on");
}

void report_ours(CheckReport& report, const Answer& answer) {
    switch (answer.status) {
        case 401:
            return report_our_401(report, answer);
        case 200:
            return report.bad(
                k_part,
                "answered 200 to a token that is none: something keeps answers of ours and gives them to "
                "other clients; switch that off (fastcgi_cache off), also in a proxy or CDN in front of it");
        case 404:
            return report.bad(k_part,
                              "passes this address on, but ceymail-metrics is at another path: make path in "
                              "ceymail-metrics.conf and the path of the web server's file the same");
        case 429:
            return report.warn(k_part, "passes all on as it seems; too many requests from here: ask again in a minute");
        case 503:
            return report.warn(k_part, "passes all on, but MariaDB could not be asked");
        default:
            return report.bad(k_part, "passes the request on, and ceymail-metrics answered " +
                                          std::to_string(answer.status) + ": " + quoted(answer.body));
    }
}

// The rest judges answers that are not ours.
std::string fault_of_other_401(const Answer& answer) {
    const auto challenge = answer.field("WWW-Authenticate");
    if (!challenge.empty() && !begins_with(challenge, "Bearer"))
        return "asks for a login of its own (" + quoted(challenge) +
               "): switch it off for this address (auth_basic off, AuthType None), as the shipped files do";
    if (begins_with(answer.field("Content-Type"), "application/json"))
        return code(answer) + " in JSON: a program of the site, say its dashboard, answers in our place; " + k_include;
    return code(answer) +
           " in our place: a login of the site stands before this address; switch it off here (auth_request off), as "
           "the shipped files do";
}

std::string fault_of_other_200(const Answer& answer) {
    if (answer.body.starts_with("# HELP ceymail_") || answer.body.find("\nceymail_") != std::string::npos)
        return "answered 200 to a token that is none, with metrics: something keeps answers of ours; switch that off "
               "(fastcgi_cache off, fastcgi_store off), also in a proxy or CDN in front of it";
    const auto type = answer.field("Content-Type");
    return "answered 200 with " + (begins_with(type, "text/html") ? "a page (HTML)" : "\"" + quoted(type) + "\"") +
           ": the site, its front controller or dashboard, answers in our place; " + k_include;
}

std::string fault_of_redirect(const Answer& answer) {
    const auto target = answer.field("Location");
    const auto said = code(answer) + ", a redirect to " + quoted(target);
    if (!answer.over_tls && begins_with(target, "https://"))
        return said +
               ": give --url the https address, and Prometheus scheme: https, or the token goes over the network for "
               "all to read";
    return said +
           ": the site sends this address to a login or to another host, before the shipped file is looked at; move "
           "return, rewrite (nginx) or Redirect (Apache) into location / or another virtual host, or give --url the "
           "address to which it leads";
}

std::string fault_of_other_503(const Answer& answer) {
    if (begins_with(answer.field("Server"), "Apache"))
        return code(answer) +
               " with a page of Apache's: it cannot reach the responder; look at systemctl status "
               "ceymail-metrics.socket and at the socket that its configuration names";
    return code(answer) +
           ", and it is not ours: a limit or a maintenance page of the site; switch limit_req and limit_conn off for "
           "this address (limit_req_dry_run on), as the shipped file does";
}

std::string fault_of_other(const Answer& answer) {
    switch (answer.status) {
        case 200:
            return fault_of_other_200(answer);
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
            return fault_of_redirect(answer);
        case 400:
            if (answer.body.find("SSL certificate") != std::string::npos)
                return "asks every client for a certificate: set ssl_verify_client optional (nginx), SSLVerifyClient "
                       "optional (Apache), and refuse at the other addresses";
            if (answer.body.find("HTTPS port") != std::string::npos)
                return "answers https at this port: give --url an https address";
            break;
        case 401:
            return fault_of_other_401(answer);
        case 403:
            return code(answer) +
                   ", and it is not ours: a rule of the site (deny, Require, a firewall for web applications) refuses "
                   "this address; let it through, as the shipped files do";
        case 404:
            return code(answer) + ": this address is not passed on to ceymail-metrics; " + k_include +
                   ", and look at path = in ceymail-metrics.conf";
        case 429:
            return code(answer) +
                   ", and it is not ours: another limit, of the site or of a CDN, refuses scrapes; switch it off for "
                   "this address (limit_req_dry_run on)";
        case 502:
        case 504:
            return code(answer) +
                   ": it cannot reach the responder; look at systemctl status ceymail-metrics.socket and at the socket "
                   "that its configuration names";
        case 503:
            return fault_of_other_503(answer);
        default:
            break;
    }
    return code(answer) +
           " to a wrong token, where ceymail-metrics answers 401, and the answer is not ours (it has no "
           "X-CeyMail-Metrics); look at the web server's log";
}

}  // namespace

void check_web_server(CheckReport& report, const std::string& text) {
    const auto url = parse_url(text);
    if (!url) return report.bad(k_part, text + " is no address; give https://HOST[:PORT]/PATH");
    const auto answer =
        webclient::ask({.host = url->host, .port = url->port, .tls = url->tls}, request_for(*url), k_network_timeout);
    if (!answer) return report.bad(k_part, answer.error().message);
    if (answer->is_from_responder())
        report_ours(report, *answer);
    else
        report.bad(k_part, fault_of_other(*answer));
    if (!url->tls) report.warn("certificate", "none: the token would go over the network for all to read; use https");
    if (!answer->certificate_fault.empty())
        report.warn("certificate", answer->certificate_fault + "; Prometheus needs its authority as ca_file");
}

}  // namespace ceymail::doctor
