// SPDX-License-Identifier: MIT
// to_cgi(): the format of a CGI response.
#include "ceymail/fastcgi/response.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using ceymail::fastcgi::Response;
using ceymail::fastcgi::to_cgi;

BOOST_AUTO_TEST_SUITE(response)

BOOST_AUTO_TEST_CASE(writes_status_headers_and_body) {
    Response response{.status = 401, .headers = {{"WWW-Authenticate", "Bearer realm=\"x\""}}, .body = "no token\n"};
    BOOST_TEST(to_cgi(response) ==
               "Status: 401 Unauthorized\r\n"
               "Content-Type: text/plain; charset=utf-8\r\n"
               "WWW-Authenticate: Bearer realm=\"x\"\r\n"
               "Cache-Control: no-store\r\n"
               "X-Content-Type-Options: nosniff\r\n"
               "Content-Length: 9\r\n"
               "\r\n"
               "no token\n");
}

BOOST_AUTO_TEST_CASE(answers_head_with_the_length_of_the_body_alone) {
    const std::string text = to_cgi({.status = 200, .headers = {}, .body = std::string(1234, 'x'), .head_only = true});
    BOOST_TEST(text.contains("Content-Length: 1234\r\n"));
    BOOST_TEST(text.ends_with("\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(has_a_phrase_for_every_status_of_the_contract) {
    const struct {
        int status;
        const char* line;
    } cases[] = {
        {200, "Status: 200 OK\r\n"},
        {400, "Status: 400 Bad Request\r\n"},
        {401, "Status: 401 Unauthorized\r\n"},
        {403, "Status: 403 Forbidden\r\n"},
        {404, "Status: 404 Not Found\r\n"},
        {405, "Status: 405 Method Not Allowed\r\n"},
        {429, "Status: 429 Too Many Requests\r\n"},
        {500, "Status: 500 Internal Server Error\r\n"},
        {503, "Status: 503 Service Unavailable\r\n"},
        {418, "Status: 418 \r\n"},
    };
    for (const auto& c : cases) {
        BOOST_TEST(to_cgi({.status = c.status, .headers = {}, .body = {}}).starts_with(c.line), c.status);
    }
}

BOOST_AUTO_TEST_CASE(lets_no_line_break_into_a_header) {
    for (const std::string& value : {std::string("v\r\nSet-Cookie: x"), std::string("v\nSet-Cookie: x"),
                                     std::string("v\rSet-Cookie: x"), std::string("v\0Set-Cookie: x", 15)}) {
        const std::string text = to_cgi({.status = 200, .headers = {{"X-Name", value}}, .body = {}});
        BOOST_TEST(text.contains("\r\nX-Name: v\r\n"));
        BOOST_TEST(!text.contains("Set-Cookie"));
    }
}

BOOST_AUTO_TEST_CASE(announces_no_bytes_for_an_empty_body) {
    BOOST_TEST(to_cgi({.status = 500, .headers = {}, .body = {}}).ends_with("Content-Length: 0\r\n\r\n"));
}

BOOST_AUTO_TEST_SUITE_END()
