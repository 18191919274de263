// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/response.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <utility>

namespace ceymail::fastcgi {
namespace {

constexpr std::size_t k_typical_head = 256;  // bytes

// Source: RFC 9110 15, RFC 6585 4.
constexpr std::array<std::pair<int, std::string_view>, 13> k_reasons{{
    {200, "OK"},
    {303, "See Other"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
}};

// Any other code has an empty phrase, which RFC 3875 allows.
std::string_view reason(int status) noexcept {
    const auto* const found = std::ranges::find(k_reasons, status, &decltype(k_reasons)::value_type::first);
    return found == k_reasons.end() ? std::string_view() : found->second;
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

void append_cgi(const Response& response, std::string& out) {
    out.reserve(out.size() + k_typical_head + response.body.size());
    out.append("Status: ");
    append_number(out, response.status);
    out.append(" ").append(reason(response.status)).append("\r\n");
    append_header(out, "Content-Type", response.content_type);
    for (const Header& header : response.headers) append_header(out, header.name, header.value);
    out.append("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n\r\n");
    if (!response.head_only) out.append(response.body);
}

std::string to_cgi(const Response& response) {
    std::string out;
    append_cgi(response, out);
    return out;
}

}  // namespace ceymail::fastcgi
