// SPDX-License-Identifier: MIT
// Reads the requests from CGI parameters.
// Source: RFC 3875 4.1.
#pragma once

#include "ceymail/fastcgi/page_request.hpp"
#include "ceymail/fastcgi/request.hpp"

namespace ceymail::fastcgi {

// `environment`: "NAME=value" strings up to a null pointer; null: none. Reads the parameters that Request has. One that
// occurs twice makes the request malformed, because it is ambiguous. Other parameters may occur twice, as they do when
// fastcgi_params is included twice.
// Security: the input is untrusted. Wipes the value of HTTP_AUTHORIZATION in it.
[[nodiscard]] Request read_parameters(char** environment);

// The same, into an existing request, whose memory it reuses.
void read_parameters(char** environment, Request& request);

// The same for the parameters that PageRequest has, without the body. Wipes nothing.
[[nodiscard]] PageRequest read_page_parameters(char** environment);

}  // namespace ceymail::fastcgi
