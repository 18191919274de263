// SPDX-License-Identifier: MIT
// PageRequest: what a page for people needs of a request. The metrics endpoint knows nothing of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ceymail::fastcgi {

inline constexpr std::size_t k_max_body = 8 * 1024;  // bytes; a form of a page has a few hundred

// All of it foreign. REMOTE_USER and HTTPS are the web server's word where the gateway secret is the right one. An
// empty string stands for a parameter that is missing.
struct PageRequest {
    std::string gateway_secret;  // CEYMAIL_GATEWAY_SECRET
    std::string method;          // REQUEST_METHOD
    std::string uri;             // REQUEST_URI: path and query
    std::string remote_addr;     // REMOTE_ADDR
    std::string remote_user;     // REMOTE_USER: whom the web server has authenticated
    std::string https;           // HTTPS: "on" over TLS
    std::string host;            // HTTP_HOST
    std::string server_name;     // SERVER_NAME: the host without its port
    std::string server_port;     // SERVER_PORT
    std::string origin;          // HTTP_ORIGIN
    std::string fetch_site;      // HTTP_SEC_FETCH_SITE
    std::string cookie;          // HTTP_COOKIE
    std::string content_type;    // CONTENT_TYPE
    std::string body;            // at most k_max_body
    bool body_too_long = false;  // then `body` is empty
    bool malformed = false;      // cut short, or a parameter given twice that may be given once
};

// As read_parameters(), without the body.
[[nodiscard]] PageRequest read_page_parameters(char** environment);

}  // namespace ceymail::fastcgi
