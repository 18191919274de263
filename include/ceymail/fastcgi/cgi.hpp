// SPDX-License-Identifier: MIT
// Plain CGI: the web server starts the program once per request.
// Source: RFC 3875.
#pragma once

#include "ceymail/fastcgi/request.hpp"
#include "ceymail/fastcgi/response.hpp"

namespace ceymail::fastcgi {

// True when GATEWAY_INTERFACE is set, and descriptor 0 is not a listening socket.
[[nodiscard]] bool started_as_cgi();

// Returns: the request in the environment. Wipes HTTP_AUTHORIZATION, and removes it from the environment.
// Threads: call it while there is one thread.
[[nodiscard]] Request request_from_environment();

// Writes the answer to standard output.
// Returns: false when it could not be written.
// Requires: the caller ignores SIGPIPE, which a closed reader raises.
[[nodiscard]] bool write_cgi(const Response& response);

// Reads the rest of standard input after the answer is written, for at most 2 s and 64 KiB. With Apache's mod_cgid
// standard input and output are one socket. If unread bytes remain at exit, the server loses the answer.
void discard_request_body();

}  // namespace ceymail::fastcgi
