// SPDX-License-Identifier: MIT
// Request: what the endpoint needs of one HTTP request, copied out of the FastCGI parameters. RFC 3875.
#pragma once

#include <string>

#include "ceymail/util/secret.hpp"

namespace ceymail::fastcgi {

// All of it foreign. An empty string stands for a parameter that is missing.
struct Request {
    std::string method;            // REQUEST_METHOD
    std::string uri;               // REQUEST_URI: path and query
    std::string remote_addr;       // REMOTE_ADDR
    util::Secret authorization;    // HTTP_AUTHORIZATION
    std::string scrape_timeout;    // HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS
    std::string server_software;   // SERVER_SOFTWARE
    bool keep_connection = false;  // FCGI_KEEP_CONN: the web server would hold on to the connection
    bool malformed = false;        // cut short, or a parameter given twice that may be given once

    // Empty again, with the memory kept for the next request and the authorization wiped.
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
