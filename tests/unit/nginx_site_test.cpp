// SPDX-License-Identifier: MIT
// Site files of nginx: which server blocks there are, and where an include goes.
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/site/site.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::site;

VirtualServer only_server(const std::string& text) {
    const auto site = parse_nginx(text);
    BOOST_TEST_REQUIRE(site.has_value(), (site ? "" : site.error().message));
    BOOST_TEST_REQUIRE(site->servers.size() == 1U);
    return site->servers[0];
}

// What stands at the place of the include.
std::string at_place(const std::string& text) { return text.substr(only_server(text).place, 12); }

BOOST_AUTO_TEST_SUITE(nginx_site)

BOOST_AUTO_TEST_CASE(finds_name_listeners_and_line_of_a_server_block) {
    const auto server = only_server("# x\n\nserver {\n listen 443 ssl http2;\n server_name Mail.Example.org www;\n}\n");
    BOOST_TEST(server.line == 3U);
    BOOST_TEST(server.names == (std::vector<std::string>{"mail.example.org", "www"}), boost::test_tools::per_element());
    BOOST_TEST_REQUIRE(server.listeners.size() == 1U);
    BOOST_TEST((server.listeners[0] == Listener{"", "443", true, false}));
    BOOST_TEST((server.tls && !server.plain));
}

BOOST_AUTO_TEST_CASE(reads_every_form_of_listen) {
    const struct {
        const char* in;
        Listener want;
    } table[] = {
        {"443 ssl", {"", "443", true, false}},
        {"*:443 ssl", {"", "443", true, false}},
        {"0.0.0.0:443 default_server ssl", {"", "443", true, false}},
        {"192.0.2.1:8443 ssl", {"192.0.2.1", "8443", true, false}},
        {"[::]:443 ssl ipv6only=on", {"[::]", "443", true, false}},
        {"[2001:db8::1]:443 ssl", {"[2001:db8::1]", "443", true, false}},
        {"[::1] ssl", {"[::1]", "80", true, false}},
        {"localhost:8443 ssl", {"localhost", "8443", true, false}},
        {"192.0.2.1", {"192.0.2.1", "80", false, false}},
        {"443", {"", "443", false, false}},
        {"443 ssl proxy_protocol", {"", "443", true, true}},
        {"'443' \"ssl\"", {"", "443", true, false}},
        {"192.0.2.1:8440-8449 ssl", {"192.0.2.1", "8440", true, false}},
    };
    for (const auto& row : table) {
        const auto server = only_server("server { listen " + std::string(row.in) + "; }");
        BOOST_TEST_REQUIRE(server.listeners.size() == 1U, row.in);
        BOOST_TEST((server.listeners[0] == row.want), row.in);
        BOOST_TEST(server.tls == row.want.tls, row.in);
    }
}

BOOST_AUTO_TEST_CASE(knows_whether_a_block_answers_tls) {
    const struct {
        const char* label;
        const char* in;
        bool tls;
        bool plain;
    } table[] = {
        {"no listen: port 80", "", false, true},
        {"both", "listen 80; listen 443 ssl;", true, true},
        {"ssl on, before 1.25", "listen 443; ssl on;", true, false},
        {"ssl ON", "listen 443; ssl ON;", true, false},
        {"ssl off", "listen 443; ssl off;", false, true},
        {"a certificate alone", "listen 443; ssl_certificate /x;", false, true},
        {"a Unix socket alone", "listen unix:/run/x.sock;", false, false},
        {"a Unix socket beside TLS", "listen unix:/run/x.sock; listen 443 ssl;", true, false},
        {"QUIC alone", "listen 443 quic;", false, false},
        {"QUIC beside TLS", "listen 443 quic; listen 443 ssl;", true, false},
        {"in a comment", "listen 80; # listen 443 ssl;", false, true},
        {"inside a location", "listen 80; location / { listen 443 ssl; }", false, true},
    };
    for (const auto& row : table) {
        const auto server = only_server("server { " + std::string(row.in) + "\n}");
        BOOST_TEST(server.tls == row.tls, row.label);
        BOOST_TEST(server.plain == row.plain, row.label);
    }
}

BOOST_AUTO_TEST_CASE(finds_the_place_before_the_first_location) {
    const struct {
        const char* label;
        const char* in;
        const char* want;
    } table[] = {
        {"one", "server { a b; location /x {} location /y {} }", "location /x "},
        {"none: the end", "server { a b; } # end", "} # end"},
        {"in a comment", "server { # location /no {\n location /x {} }", "location /x "},
        {"in quotes", "server { a \"location /no {\"; location /x {} }", "location /x "},
        {"in quotes over lines", "server { a 'x\nlocation /no {\n'; location /x {} }", "location /x "},
        {"a brace in quotes", "server { a '}'; b \"}\"; location /x {} }", "location /x "},
        {"a quote in quotes", "server { a 'it\\'s }'; location /x {} }", "location /x "},
        {"a brace in a word", "server { a x}y; location /x {} }", "location /x "},
        {"a variable with braces", "server { a ${b}c; d x${e}; location /x {} }", "location /x "},
        {"an escaped brace", "server { a x\\{y; location /x {} }", "location /x "},
        {"an escaped semicolon", "server { a x\\;y; location /x {} }", "location /x "},
        {"a hash in a word", "server { a x#y; location /x {} }", "location /x "},
        {"a regular expression", "server { location ~ \"^/a{2}$\" { } }", "location ~ \""},
        {"a regular expression without quotes", "server { location ~ ^/(a|b)\\.php$ { } }", "location ~ ^"},
        {"inside another block", "server { if ($x) { location /no {} } location /x {} }", "location /x "},
        {"a word that begins so", "server { locations x; location /x {} }", "location /x "},
        {"no blank before the brace", "server{a b;location /x{}}", "location /x{"},
        {"CRLF", "server {\r\n a b;\r\n location /x {}\r\n}\r\n", "location /x "},
        {"within http", "http { server { location /x {} } }", "location /x "},
        {"behind other blocks", "map $a $b { default 1; } upstream u { server 127.0.0.1:1; } server { location /x {} }",
         "location /x "},
    };
    for (const auto& row : table) BOOST_TEST(at_place(row.in) == row.want, row.label);
}

BOOST_AUTO_TEST_CASE(servers_of_upstream_stream_and_mail_are_no_server_blocks) {
    for (const auto* text : {"upstream u { server 127.0.0.1:3000; server unix:/x; }",
                             "stream { server { listen 443 ssl; } }", "mail { server { listen 993 ssl; } }"}) {
        const auto site = parse_nginx(text);
        BOOST_TEST_REQUIRE(site.has_value(), text);
        BOOST_TEST(site->servers.empty(), text);
    }
}

BOOST_AUTO_TEST_CASE(finds_all_server_blocks_in_order) {
    const auto site = parse_nginx("server { server_name a; }\nserver { server_name b; }\nserver\n{\nserver_name c;\n}");
    BOOST_TEST_REQUIRE(site.has_value());
    BOOST_TEST_REQUIRE(site->servers.size() == 3U);
    BOOST_TEST(site->servers[2].names.at(0) == "c");
    BOOST_TEST(site->servers[2].line == 3U);
}

BOOST_AUTO_TEST_CASE(lists_includes_directly_inside) {
    const auto server = only_server("server { include a.conf; location / { include b.conf; } include 'c d.conf'; }");
    BOOST_TEST_REQUIRE(server.includes.size() == 2U);
    BOOST_TEST(server.includes[0].argument == "a.conf");
    BOOST_TEST(server.includes[1].argument == "c d.conf");
}

BOOST_AUTO_TEST_CASE(names_a_location_for_the_endpoints_own_path) {
    BOOST_TEST((only_server("server {\nlocation = /api/stats/metrics { }\n}").own_path_line == 2U));
    BOOST_TEST((only_server("server {\nlocation =/api/stats/metrics { }\n}").own_path_line == 2U));
    BOOST_TEST((!only_server("server { location /api/stats/metrics { } }").own_path_line));
    BOOST_TEST((!only_server("server { location =/api/stats/metrics/ { } }").own_path_line));
    BOOST_TEST((!only_server("server { location = /api/stats { } }").own_path_line));
}

BOOST_AUTO_TEST_CASE(refuses_what_nginx_would_refuse_and_what_it_cannot_read) {
    const struct {
        const char* label;
        std::string in;
        const char* words;
    } table[] = {
        {"a block that does not end", "server {\n a b;\n", "line 3: the block server does not end"},
        {"a brace too many", "server { }\n}", "line 2: unexpected \"}\""},
        {"a directive that does not end", "server {\n a b }", "line 2: unexpected \"}\""},
        {"the file ends in a directive", "server { }\na b", "line 2: the file ends within a directive"},
        {"a quote that does not end", "server {\na \"b; }", "line 2: a quote that does not end"},
        {"a character behind a quote", "a \"b\"c;", "line 1: unexpected character after a quote"},
        {"a semicolon alone", ";", "line 1: unexpected \";\""},
        {"a brace alone", "{ }", "line 1: unexpected \"{\""},
        {"a backslash at the end", "a b\\", "line 1: the file ends within a directive"},
        {"Lua", "server {\n content_by_lua_block {\n local a = \"}\"\n }\n}", "line 2: content_by_lua_block: Lua"},
        {"a NUL byte", std::string("a b;\n\0", 6), "line 2: a NUL byte"},
    };
    for (const auto& row : table) {
        const auto site = parse_nginx(row.in);
        BOOST_TEST_REQUIRE(!site.has_value(), row.label);
        BOOST_TEST((site.error().kind == util::ErrorKind::invalid), row.label);
        BOOST_TEST(site.error().message.find(row.words) != std::string::npos,
                   row.label << ": " << site.error().message);
    }
}

BOOST_AUTO_TEST_CASE(refuses_blocks_that_nest_without_end) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "a {";
    const auto site = parse_nginx(deep);
    BOOST_TEST_REQUIRE(!site.has_value());
    BOOST_TEST(site.error().message == "line 1: blocks nest too deep");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
