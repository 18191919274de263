// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/response.hpp"

#include <array>
#include <charconv>
#include <concepts>

namespace ceymail::fastcgi {
namespace {

// Any other code has an empty phrase, which RFC 3875 allows.
// Source: RFC 9110 15, RFC 6585 4.
std::string_view reason(int status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 303:
            return "See Other";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 429:
            return "Too Many Requests";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        default:
            return "";
    }
}

void append_number(std::string& out, std::integral auto number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value.substr(0, value.find_first_of(std::string_view("\r\n\0", 3))));
    out.append("\r\n");
}

}  // namespace

std::string_view sent_body(const Response& response) noexcept {
    return response.head_only ? std::string_view() : std::string_view(response.body);
}

void append_head(const Response& response, std::string& out) {
    out.append("Status: ");
    append_number(out, response.status);
    out.append(" ").append(reason(response.status)).append("\r\n");
    append_header(out, "Content-Type", response.content_type);
    for (const Header& header : response.headers) append_header(out, header.name, header.value);
    out.append("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n\r\n");
}

std::string to_cgi(const Response& response) {
    std::string out;
    out.reserve(256 + response.body.size());
    append_head(response, out);
    out.append(sent_body(response));
    return out;
}

}  // namespace ceymail::fastcgi
