// SPDX-License-Identifier: MIT
// The include in a site file: put in, found, damaged, taken out.
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/site/editor.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::site;

const std::string k_begin = "# ceymail-metrics: begin, by ceymail-attach(8)";
const std::string k_end = "# ceymail-metrics: end";

Request nginx_request(std::string domain = "") {
    return {.server = WebServer::nginx, .domain = std::move(domain), .includes = {"snippets/ceymail-metrics*.conf"}};
}
Request apache_request(std::string domain = "") {
    return {.server = WebServer::apache,
            .domain = std::move(domain),
            .includes = {"/etc/apache2/conf-available/ceymail-metrics.conf"}};
}

std::string attached(const std::string& text, const Request& request) {
    const auto edited = attach(text, request);
    BOOST_TEST_REQUIRE(edited.has_value(), (edited ? "" : edited.error().message));
    return *edited;
}

std::string refusal(const std::string& text, const Request& request) {
    const auto edited = attach(text, request);
    BOOST_TEST_REQUIRE(!edited.has_value());
    BOOST_TEST((edited.error().kind == util::ErrorKind::invalid));
    return edited.error().message;
}

State state_of(const std::string& text, const Request& request) {
    const auto found = inspect(text, request);
    BOOST_TEST_REQUIRE(found.has_value(), (found ? "" : found.error().message));
    return found->state;
}

void check_contains(const std::string& text, const std::string& words) {
    BOOST_TEST(text.find(words) != std::string::npos, text << " lacks " << words);
}

const std::string k_nginx = "server {\n    listen 443 ssl;\n    server_name a.example;\n\n    location / {\n    }\n}\n";
const std::string k_apache = "<VirtualHost *:443>\n    ServerName a.example\n    SSLEngine on\n</VirtualHost>\n";

BOOST_AUTO_TEST_SUITE(site_editor)

BOOST_AUTO_TEST_CASE(puts_the_include_before_the_first_location_of_nginx) {
    BOOST_TEST(attached(k_nginx, nginx_request()) ==
               "server {\n    listen 443 ssl;\n    server_name a.example;\n\n    " + k_begin +
                   "\n    include snippets/ceymail-metrics*.conf;\n    " + k_end + "\n    location / {\n    }\n}\n");
}

BOOST_AUTO_TEST_CASE(puts_the_include_at_the_end_of_apaches_virtual_host) {
    BOOST_TEST(attached(k_apache, apache_request()) ==
               "<VirtualHost *:443>\n    ServerName a.example\n    SSLEngine on\n    " + k_begin +
                   "\n    IncludeOptional /etc/apache2/conf-available/ceymail-metrics.conf\n    " + k_end +
                   "\n</VirtualHost>\n");
}

BOOST_AUTO_TEST_CASE(takes_out_exactly_what_it_put_in) {
    const struct {
        const char* label;
        std::string in;
        Request request;
    } table[] = {
        {"nginx", k_nginx, nginx_request()},
        {"one line", "server { listen 443 ssl; location / { } }", nginx_request()},
        {"one line without a location", "server { listen 443 ssl; }\n", nginx_request()},
        {"the location on the line of the brace", "server {\n listen 443 ssl;\n a b; location / { }\n}\n",
         nginx_request()},
        {"CRLF", "server {\r\n\tlisten 443 ssl;\r\n\tlocation / { }\r\n}\r\n", nginx_request()},
        {"one line with CRLF behind", "server { listen 443 ssl; location / { } }\r\n", nginx_request()},
        {"mixed line ends", "server {\r\n listen 443 ssl;\n\r\n location / { }\n}", nginx_request()},
        {"a carriage return of the site's own", "server {\n listen 443 ssl;\n\r}\n", nginx_request()},
        {"tabs", "server {\n\tlisten 443 ssl;\n\t\tlocation / { }\n}\n", nginx_request()},
        {"without a last line end", "server {\n listen 443 ssl;\n}", nginx_request()},
        {"begins with the location", "server{listen 443 ssl;location /{}}", nginx_request()},
        {"Apache", k_apache, apache_request()},
        {"Apache, CRLF", "<VirtualHost *:443>\r\nSSLEngine on\r\n</VirtualHost>\r\n", apache_request()},
        {"Apache, no last line end", "<VirtualHost *:443>\nSSLEngine on\n</VirtualHost>", apache_request()},
        {"Apache, continued before the end", "<VirtualHost *:443>\nSSLEngine \\\n on\n</VirtualHost>\n",
         apache_request()},
    };
    for (const auto& row : table) {
        const auto edited = attached(row.in, row.request);
        BOOST_TEST(edited != row.in, row.label);
        BOOST_TEST(remove(edited, row.request.server) == row.in, row.label << ":\n" << edited);
        BOOST_TEST((state_of(edited, row.request) == State::attached), row.label << ":\n" << edited);
        BOOST_TEST((state_of(row.in, row.request) == State::lost), row.label);
        BOOST_TEST(attached(edited, row.request) == edited, row.label);  // twice is harmless
        BOOST_TEST(remove(row.in, row.request.server) == row.in, row.label);
    }
}

BOOST_AUTO_TEST_CASE(keeps_the_line_ends_of_the_file) {
    for (const std::string last : {"\r\n", "\n"}) {  // the line before the place decides
        const auto edited = attached("server {\r\n listen 443 ssl;\r\n}" + last, nginx_request());
        const auto end = edited.size() - last.size();
        for (std::size_t at = edited.find('\n'); at < end; at = edited.find('\n', at + 1))
            BOOST_TEST((edited[at - 1] == '\r'), edited.substr(0, at));
        BOOST_TEST(edited.ends_with("}" + last));
    }
    const auto before_location = attached("server {\r\n listen 443 ssl;\r\n location / { }\n}\n", nginx_request());
    BOOST_TEST(before_location.find(k_end) != std::string::npos);
    BOOST_TEST(before_location[before_location.find('\n', before_location.find(k_end)) - 1] == '\r');
}

BOOST_AUTO_TEST_CASE(chooses_the_only_block_with_tls) {
    const auto edited =
        attached("server { listen 80; server_name a; location / { } }\n" + k_nginx, nginx_request("other"));
    BOOST_TEST(edited.find(k_begin) > edited.find("443"));
}

BOOST_AUTO_TEST_CASE(chooses_by_domain_among_several_blocks_with_tls) {
    const std::string text = "server { listen 443 ssl; server_name b.example;\n location / { } }\n" + k_nginx +
                             "server { listen 443 ssl; server_name c.example; location / { } }\n";
    const auto edited = attached(text, nginx_request("a.example"));
    BOOST_TEST(edited.find(k_begin) > edited.find("a.example"));
    BOOST_TEST(edited.find(k_begin) < edited.find("c.example"));
    const auto other = refusal(text, nginx_request("x.example"));
    check_contains(other, "several server blocks qualify: line 1 (b.example), line 3 (a.example), line 10 (c.example)");
    check_contains(other, "named x.example: 0; give the name of one with --domain");
    check_contains(refusal(text, nginx_request()), "the domain is not known");
    check_contains(refusal(k_nginx + k_nginx, nginx_request("a.example")),
                   "named a.example: 2; leave one of them in this file, or add the include by hand");
    check_contains(refusal(k_apache + k_apache, apache_request("b")), "several virtual hosts qualify");
}

BOOST_AUTO_TEST_CASE(a_name_with_a_star_stands_for_domains_unless_another_block_has_the_name_itself) {
    const auto text = [](const std::string& names) {
        return "server { listen 443 ssl; server_name " + names + "; location / { } }\n" + k_nginx;
    };
    const struct {
        const char* names;
        const char* domain;
        std::size_t line;  // of the chosen block
    } table[] = {
        {"*.b.example", "x.b.example", 1}, {"*.b.example", "x.y.b.example", 1}, {".b.example", "b.example", 1},
        {".b.example", "x.b.example", 1},  {"mail.*", "mail.example", 1},       {"*.example", "a.example", 2},
        {"*.example", "b.example", 1},
    };
    for (const auto& row : table) {
        const auto found = inspect(text(row.names), nginx_request(row.domain));
        BOOST_TEST_REQUIRE(found.has_value(), row.names << ": " << (found ? "" : found.error().message));
        BOOST_TEST(found->server.line == row.line, row.names << " " << row.domain);
    }
    for (const char* const domain : {"b.example", "xb.example", "x.b.example.org"})
        check_contains(refusal(text("*.b.example"), nginx_request(domain)), ": 0; give the name of one with --domain");
    check_contains(refusal(text("~^x"), nginx_request("x")), ": 0; give the name of one with --domain");
    const auto apache = "<VirtualHost *:443>\nSSLEngine on\nServerAlias mail?.b.example\n</VirtualHost>\n" + k_apache;
    BOOST_TEST(inspect(apache, apache_request("mail2.b.example"))->server.line == 1U);
}

// The remedy is followed: it works.
BOOST_AUTO_TEST_CASE(blocks_without_a_name_that_can_be_given_get_another_remedy) {
    for (const std::string names : {"", " server_name _;", " server_name ~^a;", " server_name \"\";"}) {
        const std::string block = "server { listen 443 ssl;" + names + " location / { } }\n";
        const auto words = refusal(block + block, nginx_request());
        check_contains(words,
                       "none has a name that --domain can give: write a server_name into the one that is meant, as "
                       "metrics.example.org, and give that with --domain");
        const auto named = "server { listen 443 ssl; server_name metrics.example.org; location / { } }\n" + block;
        BOOST_TEST((state_of(attached(named, nginx_request("metrics.example.org")),
                             nginx_request("metrics.example.org")) == State::attached));
    }
    const std::string host = "<VirtualHost *:443>\nSSLEngine on\n</VirtualHost>\n";
    check_contains(refusal(host + host, apache_request()), "write a ServerName into the one that is meant");
}

BOOST_AUTO_TEST_CASE(names_what_of_apaches_site_cannot_be_read_and_the_way_out) {
    const std::string in_macro = "<VirtualHost *:80>\n</VirtualHost>\nUse TlsHost a.example\n";
    check_contains(refusal(in_macro, apache_request()),
                   "no virtual host of it answers TLS, and line 3 inserts a macro (Use), which cannot be read here; "
                   "write that virtual host out in a file of its own and name it with --site");
    const std::string by_variable = "<VirtualHost *:${port}>\nSSLEngine on\n</VirtualHost>\n";
    check_contains(
        refusal(by_variable, apache_request()),
        "line 1: <VirtualHost *:${port}>: this file does not define ${port}, and others are not looked into");
    check_contains(refusal(by_variable, apache_request()), "as in: Define port 443");
    const auto defined = "Define port 443\n" + by_variable;
    BOOST_TEST((state_of(attached(defined, apache_request()), apache_request()) == State::attached));
    // One that is not chosen does not matter.
    const auto other = "<VirtualHost *:${plain}>\n</VirtualHost>\n" + k_apache;
    BOOST_TEST((state_of(attached(other, apache_request()), apache_request()) == State::attached));
    check_contains(refusal("<VirtualHost *:443>\n</VirtualHost>\n", apache_request()),
                   "repeat an SSLEngine of another file in the virtual host");
}

BOOST_AUTO_TEST_CASE(refuses_a_site_without_tls_unless_told_otherwise) {
    const std::string plain = "server {\n listen 80;\n location / { }\n}\n";
    check_contains(refusal(plain, nginx_request()), "no server block of it answers TLS (listen ... ssl)");
    check_contains(refusal("<VirtualHost *:80>\n</VirtualHost>\n", apache_request()), "(SSLEngine on)");
    check_contains(refusal("", nginx_request()), "no server block of it answers TLS");
    auto request = nginx_request();
    request.plain_http = true;
    BOOST_TEST((state_of(attached(plain, request), request) == State::attached));
    check_contains(refusal("map $a $b { }", request), "no server block");
}

BOOST_AUTO_TEST_CASE(refuses_a_block_that_answers_both_with_and_without_tls) {
    const std::string both = "server {\n listen 80;\n listen 443 ssl;\n location / { }\n}\n";
    check_contains(refusal(both, nginx_request()), "the server block of line 1 also answers without TLS");
    auto request = nginx_request();
    request.plain_http = true;
    BOOST_TEST((state_of(attached(both, request), request) == State::attached));
}

BOOST_AUTO_TEST_CASE(leaves_an_include_alone_that_was_made_by_hand) {
    for (const auto* file : {"snippets/ceymail-metrics*.conf", "/etc/nginx/snippets/ceymail-metrics.conf"}) {
        const auto text = "server {\n listen 443 ssl;\n include " + std::string(file) + ";\n location / { }\n}\n";
        BOOST_TEST((state_of(text, nginx_request()) == State::by_hand), file);
        BOOST_TEST(attached(text, nginx_request()) == text, file);
        BOOST_TEST(remove(text, WebServer::nginx) == text, file);
        auto with_page = nginx_request();
        with_page.includes.emplace_back("snippets/ceymail-settings*.conf");
        const auto edited = attached(text, with_page);
        BOOST_TEST((state_of(edited, with_page) == State::attached), edited);
        BOOST_TEST(edited.find("ceymail-metrics*", edited.find(k_begin)) == edited.npos, edited);
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_location_of_the_sites_own) {
    check_contains(refusal("server { listen 443 ssl;\nlocation = /api/stats/metrics { }\n}", nginx_request()),
                   "line 2: the site has a location for /api/stats/metrics of its own");
}

BOOST_AUTO_TEST_CASE(finds_and_mends_what_was_damaged) {
    const auto whole = attached(k_nginx, nginx_request());
    const auto without = [&](const std::string& part) {
        auto text = whole;
        return text.erase(text.find(part), part.size());
    };
    const auto with = [&](const std::string& before, const std::string& part) {
        auto text = whole;
        return text.insert(text.find(before), part);
    };
    const struct {
        const char* label;
        std::string in;
        std::string clean;  // what remove() leaves
    } table[] = {
        {"no begin", without("    " + k_begin + "\n"),
         "server {\n    listen 443 ssl;\n    server_name a.example;\n\n    include snippets/ceymail-metrics*.conf;\n"
         "    location / {\n    }\n}\n"},
        {"no end", without("    " + k_end + "\n"), k_nginx},
        {"no include", without("    include snippets/ceymail-metrics*.conf;\n"), k_nginx},
        {"twice", with("    " + k_begin, "    " + k_begin + "\n    " + k_end + "\n"), k_nginx},
        {"another include", with("    " + k_end, "    include snippets/ceymail-settings*.conf;\n"), k_nginx},
        {"a line of another", with("    " + k_end, "    keepalive_timeout 5;\n"),
         "server {\n    listen 443 ssl;\n    server_name a.example;\n\n    keepalive_timeout 5;\n    location / {\n    "
         "}\n}\n"},
        {"in the wrong block",
         "server {\n" +
             whole.substr(whole.find("    " + k_begin), whole.find("    location") - whole.find("    " + k_begin)) +
             "}\n" + k_nginx,
         "server {\n}\n" + k_nginx},
    };
    for (const auto& row : table) {
        const auto state = state_of(row.in, nginx_request());
        BOOST_TEST((state == State::damaged), row.label << ":\n" << row.in);
        BOOST_TEST(remove(row.in, WebServer::nginx) == row.clean, row.label << ":\n"
                                                                            << remove(row.in, WebServer::nginx));
        const auto mended = state_of(attached(row.in, nginx_request()), nginx_request());
        BOOST_TEST((mended == State::attached || mended == State::by_hand), row.label);
    }
}

BOOST_AUTO_TEST_CASE(a_mark_in_quotes_is_no_mark) {
    const auto text = "server {\n listen 443 ssl;\n a \"\n" + k_begin + "\n\";\n location / { }\n}\n";
    BOOST_TEST((state_of(text, nginx_request()) == State::lost));
    BOOST_TEST(remove(text, WebServer::nginx) == text);
}

BOOST_AUTO_TEST_CASE(takes_its_lines_out_of_a_text_that_it_cannot_read) {
    const auto text = attached(k_nginx, nginx_request());
    const std::string lua = "server { content_by_lua_block { } }\n";
    BOOST_TEST(remove(text + lua, WebServer::nginx) == k_nginx + lua);
    BOOST_TEST(has_mark(text + lua));
    BOOST_TEST(!has_mark(k_nginx + lua));
}

// Without the line break the comment would take in the location.
BOOST_AUTO_TEST_CASE(keeps_a_line_break_that_ends_a_comment) {
    auto text = attached("server { listen 443 ssl; location / { } }", nginx_request());
    text.insert(text.find('\n'), "# note");
    BOOST_TEST(remove(text, WebServer::nginx) == "server { listen 443 ssl; # note\nlocation / { } }");
}

BOOST_AUTO_TEST_CASE(takes_out_marks_that_lost_their_indentation) {
    const std::string site = "server { listen 443 ssl; location / { } }";
    auto text = attached(site, nginx_request());
    for (auto at = text.find("\n    #"); at != text.npos; at = text.find("\n    #")) text.erase(at + 1, 4);
    BOOST_TEST(text.contains("\n#"), text);
    BOOST_TEST(remove(text, WebServer::nginx) == site, text);
}

BOOST_AUTO_TEST_CASE(prints_a_difference_that_patch_can_apply) {
    BOOST_TEST(unified_diff("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nX\nY\ne\nf\ng\nh\n", "/f") ==
               "--- /f\n+++ /f\n@@ -2,6 +2,8 @@\n b\n c\n d\n+X\n+Y\n e\n f\n g\n");
    BOOST_TEST(unified_diff("a", "a\nb\n", "/f") ==
               "--- /f\n+++ /f\n@@ -1,1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n");
    BOOST_TEST(unified_diff("", "a\n", "/f") == "--- /f\n+++ /f\n@@ -0,0 +1,1 @@\n+a\n");
    BOOST_TEST(unified_diff("a\n", "a\n", "/f").empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
