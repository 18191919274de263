// SPDX-License-Identifier: MIT
// The few CGI parameters that are read, and the Request that is made of them. RFC 3875 4.1.
#pragma once

#include <array>
#include <string_view>

#include "ceymail/fastcgi/request.hpp"

namespace ceymail::fastcgi {

inline constexpr std::array<std::string_view, 5> k_parameters_read = {
    "REQUEST_METHOD", "REQUEST_URI", "REMOTE_ADDR", "HTTP_AUTHORIZATION", "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS"};

// `environment`: "NAME=value" strings up to a null pointer, foreign; null for none. The first of a name counts.
// Copies what is read into `request` and wipes the value of HTTP_AUTHORIZATION where it stood.
void read_parameters(char** environment, Request& request);

}  // namespace ceymail::fastcgi
