// SPDX-License-Identifier: MIT
// Response: one HTTP answer, and its format as a CGI response.
// Source: RFC 3875 6.3.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ceymail::fastcgi {

struct Header {
    std::string_view name;
    std::string_view value;  // is cut at the first line break
};

// Every answer of the metrics endpoint has this header, and answers of the web server or of a proxy do not. --check
// checks for it.
inline constexpr Header k_origin_header{.name = "X-CeyMail-Metrics", .value = "1"};

// Every answer also has Content-Length, Cache-Control: no-store and X-Content-Type-Options: nosniff.
// Requires: `headers` does not contain these.
struct Response {
    int status = 500;
    std::string_view content_type = "text/plain; charset=utf-8";
    std::vector<Header> headers;
    std::string body;
    bool head_only = false;  // HEAD: Content-Length of the body, but no body
};

// Returns: "Status: 200 OK\r\n...", an empty line and the body.
[[nodiscard]] std::string to_cgi(const Response& response);

// Appends the same to `out`.
void append_cgi(const Response& response, std::string& out);

}  // namespace ceymail::fastcgi
