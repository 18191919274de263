// SPDX-License-Identifier: MIT
// What an nginx site sets for all its locations neither takes the endpoint away, nor changes, delays or copies what
// goes through it, nor opens the settings page: each directive that a location inherits, in a server block of its own.
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <boost/test/unit_test.hpp>

#include "sites.hpp"

using namespace ceymail::testing;

namespace {

namespace fs = std::filesystem;

std::optional<Sites> s_sites;
void make_sites() { s_sites.emplace(); }
void remove_sites() { s_sites.reset(); }

struct Site {
    std::string label;
    std::string server;  // lines of the server block
    std::string http{};  // lines of the http block
};

std::string path(const std::string& name) { return s_sites->directory / name; }

std::vector<Site> sites() {
    const auto basic = "auth_basic site; auth_basic_user_file " + s_sites->site_users() + ";";
    return {
        {"nothing", ""},
        // Guards.
        {"auth_basic", basic},
        {"auth_request", "auth_request /denied;"},
        {"deny", "deny all;"},
        {"satisfy any", "satisfy any; allow 192.0.2.1; deny all;" + basic},
        {"satisfy any, auth_request", "satisfy any; auth_request /denied;" + basic},
        {"limit_req", "limit_req zone=requests;", "limit_req_zone $server_name zone=requests:32k rate=1r/m;"},
        {"client_max_body_size", "client_max_body_size 1;"},
        // What answers instead.
        {"error_page", "error_page 401 403 404 405 429 503 =200 /page; fastcgi_intercept_errors on;"},
        {"try_files", "try_files /page =410; root " + path("empty") + ";"},
        {"autoindex", "autoindex on; index page; root " + path("empty") + ";"},
        {"stub_status", "stub_status;"},
        {"dav_methods", "dav_methods PUT DELETE; root " + path("empty") + ";"},
        // What keeps and copies.
        {"fastcgi_cache",
         "fastcgi_cache kept; fastcgi_cache_key $uri; fastcgi_cache_valid any 1h; "
         "fastcgi_ignore_headers Cache-Control Expires;",
         "fastcgi_cache_path " + path("web/kept") + " keys_zone=kept:1m;"},
        {"fastcgi_store", "fastcgi_store " + path("web/stored") + "; fastcgi_store_access all:rw;"},
        {"mirror", "mirror /copy;"},
        // What changes.
        {"expires", "expires 1h;"},
        {"add_header", "add_header X-Frame-Options DENY always; add_header X-Content-Type-Options nosniff always;"},
        {"fastcgi_hide_header",
         "fastcgi_hide_header Cache-Control; fastcgi_hide_header WWW-Authenticate;"
         "fastcgi_hide_header X-CeyMail-Metrics;"},
        {"sub_filter", "sub_filter ceymail_ other_; sub_filter_once off; sub_filter_types *;"},
        {"ssi", "ssi on; ssi_types *;"},
        {"add_before_body", "add_before_body /page; add_after_body /page; addition_types *;"},
        {"charset", "charset iso-8859-1; override_charset on; charset_types *;",
         "charset_map iso-8859-1 utf-8 { E9 C3A9; }"},
        {"default_type", "default_type text/html; types { }"},
        {"gunzip", "gunzip on; gzip off; gzip_vary on;"},
        {"userid", "userid on;"},
        // What the responder is told.
        {"fastcgi_param", "fastcgi_param REMOTE_ADDR 192.0.2.1; fastcgi_param HTTP_AUTHORIZATION x;"},
        {"fastcgi_pass_request_headers", "fastcgi_pass_request_headers on; fastcgi_pass_request_body on;"},
        // What delays.
        {"limit_rate", "limit_rate 100; limit_rate_after 1;"},
        {"fastcgi_limit_rate", "fastcgi_limit_rate 100;"},
        {"fastcgi_buffering", "fastcgi_buffering off; fastcgi_request_buffering off;"},
        {"fastcgi_bind", "fastcgi_bind 127.0.0.1;"},
        {"timeouts", "fastcgi_connect_timeout 1ms; fastcgi_read_timeout 1ms; fastcgi_send_timeout 1ms;"},
        {"fastcgi_next_upstream", "fastcgi_next_upstream error http_403 http_404 http_429 http_503;"},
        {"fastcgi_keep_conn", "fastcgi_keep_conn on; fastcgi_max_temp_file_size 1m;"},
    };
}

std::vector<Site> careless_sites() {
    auto all = sites();
    for (const std::string guard :
         {"satisfy any;", "satisfy any; allow all;", "satisfy any; allow 127.0.0.0/8; deny all;",
          "satisfy any; auth_request /granted;", "auth_basic off;", "auth_basic off; satisfy any; allow all;",
          "error_page 401 =200 /page;"})
        all.push_back({guard, guard});
    const auto others = "auth_basic_user_file " + s_sites->site_users() + ";";
    all.push_back({others, others});
    // These let nobody in, or hold up the page's answer: the site's own business.
    std::erase_if(all, [](const Site& site) {
        return site.server.find("deny all;") == 0 || site.server.find("/denied") != site.server.npos ||
               site.server.find("192.0.2.1; deny") != site.server.npos ||
               site.label.find("limit_") != site.label.npos || site.label == "fastcgi_bind" ||
               site.label == "error_page";
    });
    return all;
}

std::string name(std::size_t n) { return "site" + std::to_string(n); }

std::string shipped(const std::string& file) {
    return replaced(slurp(source(file)), "unix:[^;]*", s_sites->socket()) + "\n";
}

WebServer nginx(const std::vector<Site>& all, const std::string& ours) {
    fs::create_directories(s_sites->directory / "web");
    fs::permissions(s_sites->directory / "web", fs::perms::all);
    std::string http = shipped("nginx/ceymail-metrics-upstream.conf") + shipped("nginx/ceymail-settings-upstream.conf");
    for (std::size_t n = 0; n < all.size(); ++n) {
        http += all[n].http + "\nserver {\nlisten 127.0.0.1:@PORT@;\nserver_name " + name(n) + ";\n" + all[n].server +
                "\n" + ours +
                "location = /denied { internal; auth_basic off; return 401; }\n"
                "location = /granted { internal; auth_basic off; return 204; }\n"
                "location = /copy { internal; log_subrequest on; access_log " +
                path("copied") +
                "; return 204; }\n"
                "location = /page { internal; auth_basic off; auth_request off; return 200 page; }\n"
                "location / { return 404; }\n}\n";
    }
    return WebServer::nginx(http);
}

std::string page() {
    return replaced(slurp(source("nginx/ceymail-settings.conf")), "/etc/nginx/ceymail-settings.htpasswd",
                    s_sites->users());
}

// A request whose body does not come: nginx waits for it, and counts its connection.
ceymail::util::Fd unfinished_request(const WebServer& server, const std::string& site) {
    ceymail::util::Fd connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(server.port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string request = "POST " + std::string(k_endpoint) + " HTTP/1.1\r\nHost: " + site +
                                "\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    BOOST_TEST_REQUIRE(::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    BOOST_TEST_REQUIRE(::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
                       static_cast<ssize_t>(request.size()));
    char byte = 0;  // of "100 Continue": from now on it is counted
    BOOST_TEST_REQUIRE(::recv(connection.get(), &byte, 1, 0) == 1);
    return connection;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nginx_sites, *boost::unit_test::fixture(&make_sites, &remove_sites))

BOOST_AUTO_TEST_CASE(leave_the_endpoint_as_the_shipped_file_has_it) {
    const auto all = sites();
    const auto server = nginx(all, slurp(source("nginx/ceymail-metrics.conf")));
    for (std::size_t n = 0; n < all.size(); ++n) s_sites->check_endpoint(server, name(n), all[n].label);
    BOOST_TEST(!fs::exists(path("web/stored")));
    BOOST_TEST(fs::is_empty(path("web/kept")));
    BOOST_TEST(slurp(path("copied")).empty(), slurp(path("copied")));
    for (const auto* other : {"/api/stats/metrics/x", "/api/stats/metricsx", "/x/api/stats/metrics"})
        BOOST_TEST(s_sites->ask(server, name(0), other, {s_sites->bearer()}).header("x-ceymail-metrics").empty(),
                   other);
}

BOOST_AUTO_TEST_CASE(that_count_connections_do_not_count_the_endpoints) {
    const auto server =
        nginx({{"limit_conn", "limit_conn connections 1;", "limit_conn_zone $server_name zone=connections:32k;"}},
              slurp(source("nginx/ceymail-metrics.conf")));
    const auto held = unfinished_request(server, name(0));
    s_sites->check_endpoint(server, name(0), "limit_conn");
}

BOOST_AUTO_TEST_CASE(never_open_the_settings_page) {
    const auto all = careless_sites();
    const auto server = nginx(all, page());
    for (std::size_t n = 0; n < all.size(); ++n) s_sites->check_page_is_guarded(server, name(n), all[n].label);
    BOOST_TEST(!fs::exists(path("web/stored")));
    BOOST_TEST(fs::is_empty(path("web/kept")));
    BOOST_TEST(slurp(path("copied")).empty(), slurp(path("copied")));
}

BOOST_AUTO_TEST_SUITE_END()
