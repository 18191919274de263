// SPDX-License-Identifier: MIT
// Refusals: the constants for every answer but 200: status, one line for the administrator, one header.
#pragma once

#include <string_view>

namespace ceymail::endpoint {

// Security: contains nothing of the request, so all refusals of one kind are the same bytes.
struct Refusal {
    int status;
    std::string_view line;
    std::string_view header_name{};  // empty: none
    std::string_view header_value{};
};

inline constexpr Refusal k_other_path{404,
                                      "There is nothing at this path; metrics are at the path that "
                                      "ceymail-metrics.conf names (path).\n"};

inline constexpr Refusal k_other_method{405, "Metrics are read with GET or HEAD.\n", "Allow", "GET, HEAD"};

inline constexpr Refusal k_bad_request{400,
                                       "The request is malformed or has no single client address; the web "
                                       "server must pass REMOTE_ADDR exactly once, an IP address without a port.\n"};

inline constexpr Refusal k_unix_peer{
    400,
    "REMOTE_ADDR is \"unix:\", so no client address is known: a proxy connects to the web server over a Unix socket. "
    "In "
    "nginx, \"set_real_ip_from unix:;\" and \"real_ip_header X-Forwarded-For;\" take the address that the proxy "
    "sends.\n"};

inline constexpr Refusal k_plan_too_low{403,
                                        "Metrics export needs the Business plan or above; see plan in "
                                        "ceymail-metrics.conf.\n"};

inline constexpr Refusal k_unknown_plan{403,
                                        "The plan in ceymail-metrics.conf is not known; set plan to one of free, "
                                        "starter, pro, professional, business, enterprise. Metrics export needs "
                                        "business or enterprise.\n"};

// Source: RFC 6750 3: no error code if the request has no authentication information.
inline constexpr Refusal k_no_authorization{
    401,
    "Send the header \"Authorization: Bearer TOKEN\"; ceymail-token generate makes a token, and Apache passes the "
    "header on only with CGIPassAuth On.\n",
    "WWW-Authenticate", R"(Bearer realm="ceymail-metrics")"};

inline constexpr Refusal k_bad_authorization{
    400, "The Authorization header must be \"Bearer TOKEN\" with one token as ceymail-token generate prints it.\n",
    "WWW-Authenticate", R"(Bearer realm="ceymail-metrics", error="invalid_request")"};

// Security: names both causes to every client. A text that fits the presented token would reveal nothing of the active
// one, but would be a second answer for a wrong token, where scrapers and tests compare the bytes.
inline constexpr Refusal k_wrong_token{401,
                                       "This token is not the active one; ceymail-token generate makes a new one, "
                                       "which begins with ceymail_metrics_. A key of CeyMail's REST API is not "
                                       "accepted here.\n",
                                       "WWW-Authenticate", R"(Bearer realm="ceymail-metrics", error="invalid_token")"};

// The endpoint sets the value of Retry-After.
inline constexpr Refusal k_too_many{429,
                                    "More than 12 requests of this address within a minute; scrape every 15 "
                                    "seconds, or at least 6 seconds apart.\n",
                                    "Retry-After"};

inline constexpr Refusal k_table_full{429, "Too many addresses ask at once, and this one is new; try again later.\n",
                                      "Retry-After"};

inline constexpr Refusal k_undecided{503, "The rate limit could not be decided in time; try again.\n", "Retry-After",
                                     "1"};

inline constexpr Refusal k_database_away{503,
                                         "The token cannot be checked because MariaDB does not answer as it "
                                         "should; ceymail-metrics --check tells why.\n",
                                         "Retry-After", "5"};

inline constexpr Refusal k_internal_error{500, "Something is wrong in ceymail-metrics; its log tells what.\n"};

}  // namespace ceymail::endpoint
