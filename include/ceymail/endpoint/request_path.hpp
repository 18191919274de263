// SPDX-License-Identifier: MIT
// The path of a request.
#pragma once

#include <string_view>

namespace ceymail::endpoint {

// Returns: the part of REQUEST_URI before '?'. The absolute form ("http://host/path") loses scheme and authority;
// without a path it is "/". Percent-encoding is not decoded: an encoded spelling is another path.
// Security: untrusted input. Threads: any. Source: RFC 9112 3.2.2; some servers pass the absolute form on.
[[nodiscard]] std::string_view request_path(std::string_view request_uri) noexcept;

}  // namespace ceymail::endpoint
