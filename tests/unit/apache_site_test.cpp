// SPDX-License-Identifier: MIT
// Site files of Apache: which virtual hosts there are, and where an include goes.
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/site/site.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::site;

VirtualServer only_host(const std::string& text) {
    const auto site = parse_apache(text);
    BOOST_TEST_REQUIRE(site.has_value(), (site ? "" : site.error().message));
    BOOST_TEST_REQUIRE(site->servers.size() == 1U);
    return site->servers[0];
}

BOOST_AUTO_TEST_SUITE(apache_site)

BOOST_AUTO_TEST_CASE(finds_names_listeners_and_line_of_a_virtual_host) {
    const auto host = only_host(
        "# x\n<VirtualHost *:443 [::]:8443>\n  ServerName https://Mail.Example.org:443\n  ServerAlias a \"b\"\n"
        "  SSLEngine on\n</VirtualHost>\n");
    BOOST_TEST(host.line == 2U);
    BOOST_TEST(host.names == (std::vector<std::string>{"mail.example.org", "a", "b"}),
               boost::test_tools::per_element());
    BOOST_TEST_REQUIRE(host.listeners.size() == 2U);
    BOOST_TEST((host.listeners[0] == Listener{"", "443", true, false}));
    BOOST_TEST((host.listeners[1] == Listener{"[::]", "8443", true, false}));
    BOOST_TEST((host.tls && !host.plain));
}

BOOST_AUTO_TEST_CASE(knows_whether_a_host_answers_tls) {
    const struct {
        const char* label;
        const char* in;
        bool want;
    } table[] = {
        {"nothing", "", false},
        {"SSLEngine on", "SSLEngine on\n", true},
        {"in another case", "sslENGINE On\n", true},
        {"SSLEngine off", "SSLEngine off\nSSLCertificateFile /x\n", false},
        {"certbot: the engine is in an included file", "SSLCertificateFile /x\nInclude /etc/letsencrypt/o.conf\n",
         true},
        {"within IfModule", "<IfModule mod_ssl.c>\nSSLEngine on\n</IfModule>\n", true},
        {"within a directory", "<Directory />\nSSLEngine on\n</Directory>\n", false},
        {"in a comment", "# SSLEngine on\n", false},
        {"in a comment that is continued", "# x \\\nSSLEngine on\n", false},
        {"continued", "SSLEngine \\\n  on\n", true},
        {"continued with CRLF", "SSLEngine \\\r\n  on\r\n", true},
    };
    for (const auto& row : table) {
        const auto host = only_host("<VirtualHost *:443>\n" + std::string(row.in) + "</VirtualHost>\n");
        BOOST_TEST(host.tls == row.want, row.label);
        BOOST_TEST(host.plain == !row.want, row.label);
    }
}

BOOST_AUTO_TEST_CASE(a_host_inherits_the_servers_ssl_engine) {
    const struct {
        const char* label;
        const char* in;
        bool want;
    } table[] = {
        {"before", "SSLEngine on\n<VirtualHost *:443>\n</VirtualHost>\n", true},
        {"behind", "<VirtualHost *:443>\n</VirtualHost>\nSSLEngine on\n", true},
        {"within IfModule", "<IfModule ssl_module>\nSSLEngine on\n</IfModule>\n<VirtualHost *:443>\n</VirtualHost>\n",
         true},
        {"the host's own wins", "SSLEngine on\n<VirtualHost *:443>\nSSLEngine off\n</VirtualHost>\n", false},
        {"off for all", "SSLEngine off\n<VirtualHost *:443>\nSSLCertificateFile /x\n</VirtualHost>\n", false},
        {"of a directory", "<Directory />\nSSLEngine on\n</Directory>\n<VirtualHost *:443>\n</VirtualHost>\n", false},
    };
    for (const auto& row : table) BOOST_TEST(only_host(row.in).tls == row.want, row.label);
}

BOOST_AUTO_TEST_CASE(replaces_a_variable_that_the_text_defines) {
    const auto host = only_host(
        "Define port 8443\nDefine name mail.example\n<VirtualHost *:${port}>\nServerName ${name}.org\n"
        "ServerAlias ${other} ${name\n</VirtualHost>\n");
    BOOST_TEST((host.listeners.at(0) == Listener{"", "8443", false, false}));
    BOOST_TEST(host.names == (std::vector<std::string>{"mail.example.org", "${other}", "${name"}),
               boost::test_tools::per_element());
    BOOST_TEST(host.unread.empty(), host.unread);
    BOOST_TEST(!only_host("<VirtualHost *:${port}>\n</VirtualHost>\nDefine port 443\n").unread.empty());
    BOOST_TEST(!only_host("Define port 443\nUnDefine port\n<VirtualHost *:${port}>\n</VirtualHost>\n").unread.empty());
}

BOOST_AUTO_TEST_CASE(knows_the_first_line_that_inserts_a_macro) {
    BOOST_TEST(parse_apache("A b\n<VirtualHost *:1>\n use X\n</VirtualHost>\nUse Y\n")->macro_line.value_or(0) == 3U);
    BOOST_TEST(!parse_apache("# Use X\nUserDir a\n")->macro_line.has_value());
}

BOOST_AUTO_TEST_CASE(reads_every_form_of_address) {
    const struct {
        const char* in;
        Listener want;
    } table[] = {
        {"*:443", {"", "443", false, false}},
        {"_default_:443", {"", "443", false, false}},
        {"192.0.2.1:8443", {"192.0.2.1", "8443", false, false}},
        {"[2001:db8::1]:443", {"[2001:db8::1]", "443", false, false}},
        {"example.org", {"example.org", "80", false, false}},
        {"*", {"", "80", false, false}},
        {"\"*:81\"", {"", "81", false, false}},
    };
    for (const auto& row : table)
        BOOST_TEST(
            (only_host("<VirtualHost " + std::string(row.in) + ">\n</VirtualHost>\n").listeners.at(0) == row.want),
            row.in);
}

BOOST_AUTO_TEST_CASE(finds_the_place_at_the_end_of_the_host) {
    const std::string text = "<IfModule mod_ssl.c>\n<VirtualHost *:443>\n  A b\n  </virtualhost>\n</IfModule>\n";
    BOOST_TEST(text.substr(only_host(text).place, 16) == "  </virtualhost>");
}

BOOST_AUTO_TEST_CASE(a_tag_in_a_continued_line_is_no_tag) {
    const auto host = only_host("<VirtualHost *:443>\nA b \\\n</VirtualHost>\nServerName c\n</VirtualHost>\n");
    BOOST_TEST(host.names.at(0) == "c");
}

BOOST_AUTO_TEST_CASE(ignores_what_follows_a_tag) {
    const auto host =
        only_host("<VirtualHost *:443> # c\n<If \"1 > 0\"> # c\n</If> # > c\nServerName a\n</VirtualHost> #\n");
    BOOST_TEST((host.listeners.at(0) == Listener{"", "443", false, false}));
    BOOST_TEST(host.names.at(0) == "a");
}

BOOST_AUTO_TEST_CASE(lists_includes_directly_inside) {
    const auto host = only_host(
        "<VirtualHost *:443>\nInclude a.conf\n<Location />\nInclude b.conf\n</Location>\nIncludeOptional \"c d\"\n"
        "</VirtualHost>\n");
    BOOST_TEST_REQUIRE(host.includes.size() == 2U);
    BOOST_TEST(host.includes[0].argument == "a.conf");
    BOOST_TEST(host.includes[1].argument == "c d");
}

BOOST_AUTO_TEST_CASE(refuses_what_apache_would_refuse_and_what_it_cannot_read) {
    const struct {
        const char* label;
        std::string in;
        const char* words;
    } table[] = {
        {"a section that does not end", "<VirtualHost *:443>\n", "line 2: the section <virtualhost> does not end"},
        {"an end too many", "A b\n</VirtualHost>\n", "line 2: </virtualhost> ends no open section"},
        {"ends in the wrong order", "<IfModule x>\n<VirtualHost *:1>\n</IfModule>\n", "<virtualhost> is open"},
        {"a host in a host", "<VirtualHost *:1>\n<VirtualHost *:2>\n", "line 2: a <VirtualHost> inside another"},
        {"no >", "<VirtualHost *:1\n", "line 1: a section line without"},
        {"no > at the end", "<VirtualHost *:1>\n</VirtualHost\n", "line 2: a section line without"},
        {"Perl", "<VirtualHost *:1>\n<Perl>\n$x = '</VirtualHost>';\n</Perl>\n", "line 2: a section <perl>"},
        {"Macro", "<Macro VHost $name>\n", "line 1: a section <macro>"},
        {"a NUL byte", std::string("A b\n\0", 5), "line 2: a NUL byte"},
    };
    for (const auto& row : table) {
        const auto site = parse_apache(row.in);
        BOOST_TEST_REQUIRE(!site.has_value(), row.label);
        BOOST_TEST((site.error().kind == util::ErrorKind::invalid), row.label);
        BOOST_TEST(site.error().message.find(row.words) != std::string::npos,
                   row.label << ": " << site.error().message);
    }
}

BOOST_AUTO_TEST_CASE(a_text_with_a_virtual_host_is_guessed_to_be_apaches) {
    BOOST_TEST((guess_web_server("# x\n  <virtualHOST *:443>\n") == WebServer::apache));
    BOOST_TEST((guess_web_server("server { # <VirtualHost>\n}") == WebServer::nginx));
    BOOST_TEST((guess_web_server("") == WebServer::nginx));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
