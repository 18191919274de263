// SPDX-License-Identifier: MIT
// PageRequest: the CGI parameters and the body that the settings page needs. The metrics endpoint does not use it.
#pragma once

#include <cstddef>
#include <string>

namespace ceymail::fastcgi {

inline constexpr std::size_t k_max_body = 8 * 1024;  // bytes; a form has a few hundred

// A missing parameter is an empty string.
// Security: all members are untrusted. REMOTE_USER and HTTPS are the web server's if the gateway secret is valid.
struct PageRequest {
    std::string gateway_secret;  // CEYMAIL_GATEWAY_SECRET
    std::string method;          // REQUEST_METHOD
    std::string uri;             // REQUEST_URI: path and query
    std::string remote_addr;     // REMOTE_ADDR
    std::string remote_user;     // REMOTE_USER: authenticated by the web server
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
    bool malformed = false;      // truncated, or a parameter above occurs twice
};

}  // namespace ceymail::fastcgi
