// SPDX-License-Identifier: MIT
// Makes a Request of the few CGI parameters that are read. RFC 3875 4.1.
#pragma once

#include "ceymail/fastcgi/request.hpp"

namespace ceymail::fastcgi {

// `environment`: "NAME=value" strings up to a null pointer, foreign; null for none. Reads what Request has, and wipes
// the value of HTTP_AUTHORIZATION where it stood. One of these given twice makes the request malformed: nobody can
// say which of the two was meant. Others may come twice, as they do where fastcgi_params is included twice.
[[nodiscard]] Request read_parameters(char** environment);

// The same into a request that was used before: allocates only where that had less room.
void read_parameters(char** environment, Request& request);

}  // namespace ceymail::fastcgi
