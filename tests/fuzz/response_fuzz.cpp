// SPDX-License-Identifier: MIT
// to_cgi(): no header value and no body can add or end a header. The input: a header value, NUL, the body.
// fuzz: -max_len=512
#include <algorithm>
#include <string>

#include "ceymail/fastcgi/response.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    const auto [value, body] = ceymail::fuzz::cut(ceymail::fuzz::text_of(data, size), '\0');
    const ceymail::fastcgi::Response response{
        .status = 200, .headers = {{"Retry-After", value}}, .body = std::string(body), .head_only = size % 2 == 1};
    const std::string text = ceymail::fastcgi::to_cgi(response);
    const auto end = text.find("\r\n\r\n");
    require(end != text.npos, "the head ends");
    const std::string_view head(text.data(), end);
    require(std::ranges::count(head, '\n') == 5 && std::ranges::count(head, '\r') == 5,
            "six lines, whatever they hold");
    require(head.ends_with("Content-Length: " + std::to_string(body.size())), "the length is the body's");
    require(text.substr(end + 4) == (response.head_only ? std::string_view() : body), "the body follows as it is");
    return 0;
}
