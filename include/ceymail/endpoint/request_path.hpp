// SPDX-License-Identifier: MIT
// The path that a request asks for.
#pragma once

#include <string_view>

namespace ceymail::endpoint {

// The path part of REQUEST_URI: what stands before '?'. Absolute form ("http://host/path", RFC 9112 3.2.2), which
// some servers pass on as it came, loses its scheme and authority; without a path it is "/".
// Percent-encoding stays as it is: an encoded spelling of the path is another path. Foreign input, any thread.
[[nodiscard]] std::string_view request_path(std::string_view request_uri) noexcept;

}  // namespace ceymail::endpoint
