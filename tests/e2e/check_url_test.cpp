// SPDX-License-Identifier: MIT
// `--check --url` through real web servers: it tells an answer of ours from all others, and names cause and remedy.
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "sites.hpp"

using namespace ceymail::testing;

namespace {

std::optional<Sites> s_sites;
void make_sites() {
    s_sites.emplace();
    const auto made = run({.arguments = {source("deploy/miniature/certificate"), s_sites->directory / "tls"}});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
}
void remove_sites() { s_sites.reset(); }

// Each with an address of loopback's own, as --check asks by the address in the URL.
struct Site {
    const char* label;
    std::string server;
    std::string words;  // the line of the part "web server" begins with them
    const char* url = "http://HOST/api/stats/metrics";
    int asked_before = 0;
    std::string listen{};  // more words of nginx's listen
};

std::string address(std::size_t n) { return "127.30.0." + std::to_string(n + 1); }

std::string checked(const std::string& url) {
    const TemporaryDirectory directory;
    const auto done = run({.arguments = {built_program("ceymail-metrics"), "--config", write_configuration(directory),
                                         "--check", "--url", url}});
    const std::string part = "\nweb server: ";
    const auto begin = ("\n" + done.output).find(part);
    BOOST_TEST_REQUIRE(begin != std::string::npos, done.output << done.errors);
    return done.output.substr(begin + part.size() - 1, done.output.find('\n', begin) - begin - part.size() + 1);
}

void check_words(const WebServer& server, const std::vector<Site>& all) {
    for (std::size_t n = 0; n < all.size(); ++n) {
        const auto& site = all[n];
        const auto url = replaced(site.url, "HOST", address(n) + ":" + std::to_string(server.port()));
        for (int i = 0; i < site.asked_before; ++i) (void)fetch({.url = url, .headers = {s_sites->bearer()}});
        const auto line = checked(url);
        BOOST_TEST(line.starts_with(site.words), site.label << ": " << line);
    }
}

std::string include(const std::string& pattern = "", const std::string& instead = "") {
    const auto text = slurp(source("nginx/ceymail-metrics.conf"));
    return pattern.empty() ? text : replaced(text, pattern, instead);
}
std::string instead(const std::string& lines) { return "location = /api/stats/metrics { " + lines + " }"; }
std::string tls() {
    const auto file = [](const char* name) { return (s_sites->directory / "tls" / name).string(); };
    return "ssl_certificate " + file("server.pem") + "; ssl_certificate_key " + file("server.key") +
           "; ssl_client_certificate " + file("ca.pem") + ";";
}
std::string pass_to(const ResponderProcess& responder) {
    std::filesystem::permissions(responder.directory() / "responder.sock", std::filesystem::perms{0666});
    return include("fastcgi_pass ceymail_metrics", "fastcgi_pass " + responder.address());
}
std::string upstream() {
    return replaced(slurp(source("nginx/ceymail-metrics-upstream.conf")), "unix:[^;]*", s_sites->socket());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(check_url, *boost::unit_test::fixture(&make_sites, &remove_sites))

BOOST_AUTO_TEST_CASE(tells_what_stands_between_nginx_and_the_responder) {
    const ResponderProcess without_database;
    const ResponderProcess below_business(Settings{{"plan", "free"}});
    const auto limited = include("limit_req_dry_run on", "limit_req_dry_run off");
    const std::vector<Site> all = {
        {"the shipped file", include(), "ok (passes the Authorization header on)"},
        {"no token passed", include("fastcgi_param HTTP_AUTHORIZATION [^;]*;", ""),
         "does not pass the Authorization header on: "},
        {"another header",
         include("fastcgi_hide_header [^;]*;",
                 "fastcgi_hide_header Cache-Control; add_header Cache-Control public always;"),
         "replaces our Cache-Control: no-store by \"public\""},
        {"another path",
         "location = /metrics { fastcgi_pass ceymail_metrics; fastcgi_param REQUEST_URI $request_uri; "
         "fastcgi_param REQUEST_METHOD GET; fastcgi_param REMOTE_ADDR $remote_addr; }",
         "passes this address on, but ceymail-metrics is at another path: ", "http://HOST/metrics"},
        {"no address", include("REMOTE_ADDR \\$remote_addr", "REMOTE_ADDR unix:"),
         "passes the request on, and ceymail-metrics answered 400: "},
        {"a cache",
         include("fastcgi_cache off;",
                 "fastcgi_cache kept; fastcgi_cache_key x; fastcgi_cache_valid 1h; "
                 "fastcgi_ignore_headers Cache-Control;"),
         "answered 200 to a token that is none: something keeps answers of ours", "http://HOST/api/stats/metrics", 1},
        {"a cache that drops our header",
         include("fastcgi_cache off;",
                 "fastcgi_cache kept; fastcgi_cache_key y; fastcgi_cache_valid 1h; "
                 "fastcgi_ignore_headers Cache-Control; fastcgi_hide_header X-CeyMail-Metrics;"),
         "answered 200 to a token that is none, with metrics: ", "http://HOST/api/stats/metrics", 1},
        {"no MariaDB", pass_to(without_database), "warning: passes all on, but MariaDB could not be asked"},
        {"the plan", pass_to(below_business),
         "passes the request on, and ceymail-metrics answered 403: Metrics export needs the Business plan"},
        {"a dashboard", instead("default_type application/json; return 401 '{\"error\":\"Unauthorized\"}';"),
         "answered 401 in JSON: a program of the site"},
        {"a login", include("auth_basic off;", "auth_basic site; auth_basic_user_file " + s_sites->users() + ";"),
         "asks for a login of its own (Basic realm=\"site\"): switch it off"},
        {"a login's session",
         include("auth_request off;", "auth_request /session;") + "location = /session { internal; return 401; }",
         "answered 401 in our place: a login of the site stands before this address; switch it off here (auth_request"},
        {"a redirect", instead("return 302 /login;"), "answered 302, a redirect to http://"},
        {"TLS elsewhere", instead("return 301 https://mail.example.org$request_uri;"),
         "answered 301, a redirect to https://mail.example.org/api/stats/metrics: give --url the https address"},
        {"a page", instead("default_type text/html; return 200 '<html>';"),
         "answered 200 with a page (HTML): the site, its front controller"},
        {"text", instead("default_type text/plain; return 200 ok;"), "answered 200 with \"text/plain\": the site"},
        {"a rule", include("allow all;", "deny all;"), "answered 403, and it is not ours: a rule of the site"},
        {"nothing", "", "answered 404: this address is not passed on to ceymail-metrics; include the shipped file"},
        {"another limit", "limit_req zone=requests; limit_req_status 429;" + limited,
         "answered 429, and it is not ours: another limit", "http://HOST/api/stats/metrics", 1},
        {"another limit's 503", "limit_req zone=requests;" + limited,
         "answered 503, and it is not ours: a limit or a maintenance page", "http://HOST/api/stats/metrics", 1},
        {"no responder", include("fastcgi_pass ceymail_metrics", "fastcgi_pass unix:/nonexistent"),
         "answered 502: it cannot reach the responder; look at systemctl status ceymail-metrics.socket"},
        {"http to a TLS port", tls(), "answers https at this port: give --url an https address",
         "http://HOST/api/stats/metrics", 0, " ssl"},
        {"a status that says nothing", instead("return 418;"),
         "answered 418 to a wrong token, where ceymail-metrics answers 401, and the answer is not ours"},
        {"a 400 of the site", instead("return 400 no;"), "answered 400 to a wrong token, where ceymail-metrics"},
        {"a connection that ends", instead("return 444;"), "no HTTP answer from " + address(24) + " port "},
        {"https to a plain port", include(), "no TLS with " + address(25) + " port ", "https://HOST/api/stats/metrics"},
        {"certificates of clients", tls() + "ssl_verify_client on;" + include(),
         "asks every client for a certificate: set ssl_verify_client optional", "https://HOST/api/stats/metrics", 0,
         " ssl"},
    };
    std::string http = upstream() +
                       "limit_req_zone $server_addr zone=requests:32k rate=1r/m;\n"
                       "fastcgi_cache_path " +
                       (s_sites->directory / "kept").string() +
                       " keys_zone=kept:1m;\n"
                       "server {\nlisten 127.0.0.1:@PORT@;\n}\n";
    for (std::size_t n = 0; n < all.size(); ++n)
        http += "server {\nlisten " + address(n) + ":@PORT@" + all[n].listen + ";\n" + all[n].server + "\n}\n";
    check_words(WebServer::nginx(http), all);
}

BOOST_AUTO_TEST_CASE(tells_our_limit_from_others) {
    const ResponderProcess responder;
    const auto server = WebServer::nginx("server {\nlisten 127.0.0.1:@PORT@;\n" + pass_to(responder) + "}\n");
    const auto url = "http://127.0.0.1:" + std::to_string(server.port()) + k_endpoint;
    for (int n = 0; n < 12; ++n) (void)fetch({.url = url});
    const auto line = checked(url);
    BOOST_TEST(line.starts_with("warning: passes all on as it seems; too many requests from here"), line);
}

BOOST_AUTO_TEST_CASE(tells_what_stands_between_apache_and_the_responder) {
    const auto ours = replaced(slurp(source("apache/ceymail-metrics.conf")), "unix:[^|]*", s_sites->socket());
    const auto dead = replaced(slurp(source("apache/ceymail-metrics.conf")), "unix:[^|]*", "unix:/nonexistent");
    const auto users = s_sites->users();
    const std::vector<Site> all = {
        {"the shipped file", ours, "ok (passes the Authorization header on)"},
        {"no token passed", replaced(ours, "CGIPassAuth On", "CGIPassAuth Off"),
         "does not pass the Authorization header on: set CGIPassAuth On"},
        {"no responder", dead, "answered 503 with a page of Apache's: it cannot reach the responder"},
        {"a login that comes later",
         ours + "<If \"true\">\nAuthType Basic\nAuthName site\nAuthUserFile " + users + "\nRequire valid-user\n</If>\n",
         "asks for a login of its own (Basic realm=\"site\"): switch it off"},
        {"a redirect of the host", ours + "Redirect / https://mail.example.org/\n",
         "answered 302, a redirect to https://mail.example.org/api/stats/metrics: "},
        {"a rule that comes later", ours + "<If \"true\">\nRequire all denied\n</If>\n",
         "answered 403, and it is not ours: a rule of the site"},
        {"nothing", "", "answered 404: this address is not passed on to ceymail-metrics"},
    };
    std::string text;
    for (const char* module : {"access_compat", "auth_basic", "authn_file", "authz_user", "headers"})
        text += std::string("LoadModule ") + module + "_module modules/mod_" + module + ".so\n";
    for (std::size_t n = 0; n < all.size(); ++n)
        text += "Listen " + address(n) + ":@PORT@\n<VirtualHost " + address(n) + ":@PORT@>\n" + all[n].server +
                "</VirtualHost>\n";
    check_words(WebServer::apache(text), all);
}

BOOST_AUTO_TEST_SUITE_END()
