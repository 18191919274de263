// SPDX-License-Identifier: MIT
#include "ceymail/doctor/web_answer.hpp"

#include <algorithm>
#include <string_view>

#include "ceymail/util/text.hpp"

namespace ceymail::doctor {

using webclient::Answer;

namespace {

constexpr std::size_t k_max_quote = 160;
const std::string k_part = "web server";
const std::string k_include = "include the shipped file in the server block or virtual host that answers this address";

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

void report_other_401(CheckReport& report, const Answer& answer) {
    const auto challenge = answer.field("WWW-Authenticate");
    if (!challenge.empty() && !begins_with(challenge, "Bearer"))
        return report.bad(k_part, "asks for a login of its own (" + quoted(challenge) +
                                      "): switch it off for this address (auth_basic off, AuthType None), as the "
                                      "shipped files do");
    if (begins_with(answer.field("Content-Type"), "application/json"))
        return report.bad(
            k_part,
            code(answer) + " in JSON: a program of the site, say its dashboard, answers in our place; " + k_include);
    report.bad(k_part, code(answer) +
                           " in our place: a login of the site stands before this address; switch it off here "
                           "(auth_request off), as the shipped files do");
}

void report_other_200(CheckReport& report, const Answer& answer) {
    const auto type = answer.field("Content-Type");
    if (answer.body.starts_with("# HELP ceymail_") || answer.body.find("\nceymail_") != std::string::npos)
        return report.bad(k_part,
                          "answered 200 to a token that is none, with metrics: something keeps answers of ours; switch "
                          "that off (fastcgi_cache off, fastcgi_store off), also in a proxy or CDN in front of it");
    report.bad(k_part, "answered 200 with " +
                           (begins_with(type, "text/html") ? "a page (HTML)" : "\"" + quoted(type) + "\"") +
                           ": the site, its front controller or dashboard, answers in our place; " + k_include);
}

void report_redirect(CheckReport& report, const Answer& answer) {
    const auto target = answer.field("Location");
    const auto said = code(answer) + ", a redirect to " + quoted(target);
    if (!answer.over_tls && begins_with(target, "https://"))
        return report.bad(k_part,
                          said +
                              ": give --url the https address, and Prometheus scheme: https, or the token goes over "
                              "the network for all to read");
    report.bad(k_part, said +
                           ": the site sends this address to a login or to another host, before the shipped file is "
                           "looked at; move return, rewrite (nginx) or Redirect (Apache) into location / or another "
                           "virtual host, or give --url the address to which it leads");
}

void report_other_503(CheckReport& report, const Answer& answer) {
    if (begins_with(answer.field("Server"), "Apache"))
        return report.bad(k_part, code(answer) +
                                      " with a page of Apache's: it cannot reach the responder; look at systemctl "
                                      "status ceymail-metrics.socket and at the socket that its configuration names");
    report.bad(k_part, code(answer) +
                           ", and it is not ours: a limit or a maintenance page of the site; switch limit_req and "
                           "limit_conn off for this address (limit_req_dry_run on), as the shipped file does");
}

void report_other(CheckReport& report, const Answer& answer) {
    switch (answer.status) {
        case 200:
            return report_other_200(report, answer);
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
            return report_redirect(report, answer);
        case 400:
            if (answer.body.find("SSL certificate") != std::string::npos)
                return report.bad(k_part,
                                  "asks every client for a certificate: set ssl_verify_client optional (nginx), "
                                  "SSLVerifyClient optional (Apache), and refuse at the other addresses");
            if (answer.body.find("HTTPS port") != std::string::npos)
                return report.bad(k_part, "answers https at this port: give --url an https address");
            break;
        case 401:
            return report_other_401(report, answer);
        case 403:
            return report.bad(k_part,
                              code(answer) +
                                  ", and it is not ours: a rule of the site (deny, Require, a firewall for web "
                                  "applications) refuses this address; let it through, as the shipped files do");
        case 404:
            return report.bad(k_part, code(answer) + ": this address is not passed on to ceymail-metrics; " +
                                          k_include + ", and look at path = in ceymail-metrics.conf");
        case 429:
            return report.bad(k_part, code(answer) +
                                          ", and it is not ours: another limit, of the site or of a CDN, refuses "
                                          "scrapes; switch it off for this address (limit_req_dry_run on)");
        case 502:
        case 504:
            return report.bad(k_part, code(answer) +
                                          ": it cannot reach the responder; look at systemctl status "
                                          "ceymail-metrics.socket and at the socket that its configuration names");
        case 503:
            return report_other_503(report, answer);
        default:
            break;
    }
    report.bad(k_part,
               code(answer) +
                   " to a wrong token, where ceymail-metrics answers 401, and the answer is not ours (it has no "
                   "X-CeyMail-Metrics); look at the web server's log");
}

}  // namespace

void report_answer(CheckReport& report, const Answer& answer) {
    return answer.is_from_responder() ? report_ours(report, answer) : report_other(report, answer);
}

}  // namespace ceymail::doctor
