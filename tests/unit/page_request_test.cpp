// SPDX-License-Identifier: MIT
// What the settings page takes of a request: fields, cookies, hosts, visitors, origins.
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/fastcgi/parameters.hpp"
#include "ceymail/page/authenticated_user.hpp"
#include "ceymail/page/form.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::page;

fastcgi::PageRequest good() {
    fastcgi::PageRequest request;
    request.method = "GET";
    request.remote_addr = "192.0.2.7";
    request.remote_user = "amal";
    request.https = "on";
    request.host = "mail.example.org";
    return request;
}

BOOST_AUTO_TEST_SUITE(page_request)

BOOST_AUTO_TEST_CASE(reads_the_parameters_of_a_page_and_no_other) {
    std::vector<std::string> texts{"REQUEST_METHOD=POST", "REMOTE_USER=amal=x", "HTTP_AUTHORIZATION=Basic abc",
                                   "HTTPS"};
    std::vector<char*> environment;
    for (auto& text : texts) environment.push_back(text.data());
    environment.push_back(nullptr);
    const auto request = fastcgi::read_page_parameters(environment.data());
    BOOST_TEST(request.method == "POST");
    BOOST_TEST(request.remote_user == "amal=x");
    BOOST_TEST(request.https == "");
    BOOST_TEST(!request.malformed);
}

BOOST_AUTO_TEST_CASE(takes_a_parameter_given_twice_for_malformed) {
    std::string once = "REMOTE_USER=amal", twice = "REMOTE_USER=root";
    char* environment[] = {once.data(), twice.data(), nullptr};
    BOOST_TEST(fastcgi::read_page_parameters(environment).malformed);
    BOOST_TEST(!fastcgi::read_page_parameters(nullptr).malformed);
}

BOOST_AUTO_TEST_CASE(parses_fields) {
    const auto fields = parse_fields("action=generate&seal=a-b&empty=&x+y=%3Cb%3e%20+");
    BOOST_TEST_REQUIRE(fields.has_value());
    BOOST_TEST(field(*fields, "action") == "generate");
    BOOST_TEST(field(*fields, "empty") == "");
    BOOST_TEST(field(*fields, "x y") == "<b>  ");
    BOOST_TEST(field(*fields, "none") == "");
    BOOST_TEST(parse_fields("")->empty());
    for (const char* bad :
         {"a=1&a=2", "a=%", "a=%1", "a=%zz", "%=1", "a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=&l=&m=&n=&o=&p=&q="})
        BOOST_TEST(!parse_fields(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(finds_its_cookie) {
    BOOST_TEST(cookie_value("ceymail_once=abc", "ceymail_once") == "abc");
    BOOST_TEST(cookie_value("a=1; ceymail_once=abc; b=2", "ceymail_once") == "abc");
    BOOST_TEST(cookie_value("xceymail_once=abc", "ceymail_once") == "");
    BOOST_TEST(cookie_value("ceymail_once=abc; ceymail_once=def", "ceymail_once") == "");
    BOOST_TEST(cookie_value("ceymail_once=; ceymail_once=def", "ceymail_once") == "");
    BOOST_TEST(cookie_value("", "ceymail_once") == "");
}

BOOST_AUTO_TEST_CASE(knows_a_host) {
    for (const char* host : {"mail.example.org", "mail.example.org:8443", "192.0.2.1", "[2001:db8::1]", "[::1]:8443"})
        BOOST_TEST(is_host(host), host);
    for (const char* host : {"", ":443", "a b", "a\r\nX: y", "<script>", "a'b", "a/b", "a:b", "a:", "a:123456", "[::1",
                             "[]", "[x]", "[::1]x", "user@host", "a,b"})
        BOOST_TEST(!is_host(host), host);
    BOOST_TEST(!is_host(std::string(254, 'a')));
}

BOOST_AUTO_TEST_CASE(identifies_whom_the_web_server_vouches_for) {
    const auto user = identify(good(), {});
    BOOST_TEST_REQUIRE(user.has_value());
    BOOST_TEST(user->user == "amal");
    BOOST_TEST(user->address == "192.0.2.7");
}

BOOST_AUTO_TEST_CASE(refuses_everybody_else) {
    const struct {
        const char* label;
        std::string fastcgi::PageRequest::* parameter;
        std::string value;
        int status;
    } cases[] = {
        {"nobody", &fastcgi::PageRequest::remote_user, "", 403},
        {"a line break in the name", &fastcgi::PageRequest::remote_user, "a\nb", 403},
        {"a name too long", &fastcgi::PageRequest::remote_user, std::string(201, 'a'), 403},
        {"plain HTTP", &fastcgi::PageRequest::https, "", 403},
        {"HTTPS off", &fastcgi::PageRequest::https, "off", 403},
        {"no address", &fastcgi::PageRequest::remote_addr, "", 400},
        {"two addresses", &fastcgi::PageRequest::remote_addr, "192.0.2.1, 192.0.2.2", 400},
        {"a host that is none", &fastcgi::PageRequest::host, "x\r\nSet-Cookie: a=b", 400},
    };
    for (const auto& c : cases) {
        auto request = good();
        request.*c.parameter = c.value;
        const auto user = identify(request, {});
        BOOST_TEST_CONTEXT(c.label) {
            BOOST_TEST_REQUIRE(!user.has_value());
            BOOST_TEST(user.error().status == c.status);
        }
    }
    auto plain = good();
    plain.https.clear();
    config::Configuration served;
    served.settings_plain_http = true;
    BOOST_TEST(identify(plain, served).has_value());
}

BOOST_AUTO_TEST_CASE(leaves_the_user_to_the_session_and_checks_the_rest) {
    config::Configuration sessions;
    sessions.settings_session_secret = "/etc/ceymail/env";
    auto request = good();
    const auto unnamed = identify(request, sessions);
    BOOST_TEST_REQUIRE(unnamed.has_value());
    BOOST_TEST(unnamed->user == "");  // not REMOTE_USER
    BOOST_TEST(!unnamed->id.has_value());
    request.remote_user.clear();
    BOOST_TEST(identify(request, sessions).has_value());
    request.https.clear();
    BOOST_TEST(identify(request, sessions).error().status == 403);
    request = good();
    request.remote_addr.clear();
    BOOST_TEST(identify(request, sessions).error().status == 400);
    for (const std::string name : {"amal", "amal@example.org", "\xC3\xA9"}) BOOST_TEST(is_user_name(name), name);
    for (const std::string& name : {std::string(), std::string("a\nb"), std::string("\xFF"), std::string(201, 'a')})
        BOOST_TEST(!is_user_name(name), name);
}

BOOST_AUTO_TEST_CASE(takes_the_host_of_the_server_where_the_web_server_passes_no_host_header) {
    const struct {
        const char* host;
        const char* server_name;
        const char* port;
        const char* https;
        const char* want;
    } cases[] = {
        {"mail.example.org:8443", "other", "443", "on", "mail.example.org:8443"},
        {"", "mail.example.org", "443", "on", "mail.example.org"},
        {"", "mail.example.org", "8443", "on", "mail.example.org:8443"},
        {"", "mail.example.org", "80", "", "mail.example.org"},
        {"", "mail.example.org", "443", "", "mail.example.org:443"},
        {"", "[2001:db8::1]", "443", "on", "[2001:db8::1]"},
        {"", "", "443", "on", ""},
    };
    for (const auto& c : cases) {
        auto request = good();
        request.host = c.host;
        request.server_name = c.server_name;
        request.server_port = c.port;
        request.https = c.https;
        BOOST_TEST(host_of(request) == c.want);
        request.origin = std::string(*c.https ? "https://" : "http://") + c.want;
        BOOST_TEST(comes_from_here(request));
    }
}

BOOST_AUTO_TEST_CASE(knows_where_a_form_comes_from) {
    const struct {
        const char* origin;
        const char* site;
        bool here;
    } cases[] = {
        {"", "", true},
        {"https://mail.example.org", "same-origin", true},
        {"https://MAIL.example.org", "", true},
        {"http://mail.example.org", "", false},
        {"https://mail.example.org:444", "", false},
        {"https://evil.example", "", false},
        {"null", "", false},
        {"", "cross-site", false},
        {"", "same-site", false},
        {"", "none", false},
    };
    for (const auto& c : cases) {
        auto request = good();
        request.origin = c.origin;
        request.fetch_site = c.site;
        BOOST_TEST(comes_from_here(request) == c.here, c.origin << " " << c.site);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
