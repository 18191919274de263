// SPDX-License-Identifier: MIT
// Plain CGI, for servers that start us once per request. RFC 3875.
#pragma once

#include "ceymail/fastcgi/request.hpp"
#include "ceymail/fastcgi/response.hpp"

namespace ceymail::fastcgi {

// True when the environment is that of a CGI program (GATEWAY_INTERFACE) and fd 0 is no listening socket.
[[nodiscard]] bool started_as_cgi();

// The request in the environment; HTTP_AUTHORIZATION is removed from the environment, and its value wiped.
// To be called before there is a second thread.
[[nodiscard]] Request request_from_environment();

// Writes the answer to standard output; false when it could not be written. A reader that has gone is a SIGPIPE
// unless the caller ignores that.
[[nodiscard]] bool write_cgi(const Response& response);

// Takes what came with the request off standard input, once the answer is written: where both are one socket, as with
// Apache's mod_cgid, ending with bytes unread would take the answer from the server. Gives up after 2 s or 64 KiB.
void discard_request_body();

}  // namespace ceymail::fastcgi
