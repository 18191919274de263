// SPDX-License-Identifier: MIT
// Request: the CGI parameters that the endpoint needs.
// Source: RFC 3875.
#pragma once

#include <string>

#include "ceymail/util/secret.hpp"

namespace ceymail::fastcgi {

// A missing parameter is an empty string.
// Security: all members are untrusted.
struct Request {
    std::string method;            // REQUEST_METHOD
    std::string uri;               // REQUEST_URI: path and query
    std::string remote_addr;       // REMOTE_ADDR
    util::Secret authorization;    // HTTP_AUTHORIZATION
    std::string scrape_timeout;    // HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS
    std::string server_software;   // SERVER_SOFTWARE
    bool keep_connection = false;  // FCGI_KEEP_CONN: the web server asks to keep the connection
    bool malformed = false;        // truncated, or a parameter above occurs twice

    // Makes it empty, and keeps the memory for the next request. Wipes the authorization.
    void clear() noexcept {
        method.clear();
        uri.clear();
        remote_addr.clear();
        authorization.clear();
        scrape_timeout.clear();
        server_software.clear();
        keep_connection = false;
        malformed = false;
    }
};

}  // namespace ceymail::fastcgi
