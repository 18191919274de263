// SPDX-License-Identifier: MIT
// Response: one HTTP answer, and its wording as a CGI response. RFC 3875 6.3.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ceymail::fastcgi {

struct Header {
    std::string_view name;
    std::string_view value;  // a line break in it ends the value: nothing behind it is sent
};

// Every answer of the metrics endpoint has it. It tells such an answer from one of the web server, a dashboard or a
// proxy; --check looks for it.
inline constexpr Header k_origin_header{.name = "X-CeyMail-Metrics", .value = "1"};

// Content-Length, Cache-Control: no-store and X-Content-Type-Options: nosniff are written with every answer and
// are not to be listed in `headers`.
struct Response {
    int status = 500;
    std::string_view content_type = "text/plain; charset=utf-8";
    std::vector<Header> headers;
    std::string body;
    bool head_only = false;  // HEAD: Content-Length of the body, but no body
};

// "Status: 200 OK\r\n..." with the body behind an empty line.
[[nodiscard]] std::string to_cgi(const Response& response);

// The same without the body, appended to `out`, so that a buffer can be used again and again.
void append_head(const Response& response, std::string& out);

// What of the body is sent.
[[nodiscard]] std::string_view sent_body(const Response& response) noexcept;

}  // namespace ceymail::fastcgi
