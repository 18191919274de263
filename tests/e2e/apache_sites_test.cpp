// SPDX-License-Identifier: MIT
// What an Apache site sets for all its addresses neither takes the endpoint away nor opens the settings page: each
// kind of site, with the shipped file in conf-enabled and in the virtual host, before and after the site's own lines.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "sites.hpp"

using namespace ceymail::testing;

namespace {

std::optional<Sites> s_sites;
std::optional<WebServer> s_dashboard;
void make_sites() {
    s_sites.emplace();
    s_dashboard.emplace(WebServer::nginx("server {\nlisten 127.0.0.1:@PORT@;\nreturn 200 dashboard;\n}\n"));
}
void remove_sites() {
    s_dashboard.reset();
    s_sites.reset();
}

struct Site {
    std::string label;
    std::string lines{};                         // of the virtual host
    std::map<std::string, std::string> files{};  // of its DocumentRoot
    std::string elsewhere{};                     // what the site answers at its other addresses; empty: not looked at
};

std::string login(const std::string& users) {
    return "AuthType Basic\nAuthName site\nAuthUserFile " + users + "\nRequire valid-user\n";
}
std::string everywhere(const std::string& lines) { return "<Location \"/\">\n" + lines + "</Location>\n"; }

std::vector<Site> sites() {
    const auto node = "http://127.0.0.1:" + std::to_string(s_dashboard->port());
    const auto basic = login(s_sites->site_users());
    const std::string front = "RewriteEngine On\nRewriteRule ^ /index.html [L]\n";
    return {
        {"an empty site"},
        {"ProxyPass /", "ProxyPass / " + node + "/\nProxyPassReverse / " + node + "/\n", {}, "dashboard"},
        {"ProxyPassMatch", "ProxyPassMatch ^/(.*)$ " + node + "/$1\n", {}, "dashboard"},
        {"ProxyPass in a Location", everywhere("ProxyPass " + node + "/\n"), {}, "dashboard"},
        {"ProxyPass in a LocationMatch",
         "<LocationMatch ^/(.*)$>\nProxyPassMatch " + node + "/$1\n</LocationMatch>\n",
         {},
         "dashboard"},
        {"a handler for all", everywhere("SetHandler proxy:" + node + "\n"), {}, "dashboard"},
        {"RewriteRule to a proxy", "RewriteEngine On\nRewriteRule ^/(.*)$ " + node + "/$1 [P,L]\n"},
        {"a front controller in the host", front, {{"index.html", "front"}}},
        {"a front controller in .htaccess", "", {{".htaccess", front}, {"index.html", "front"}}},
        {"a redirect in .htaccess", "", {{".htaccess", "RewriteEngine On\nRewriteRule ^ https://x.example/ [R,L]\n"}}},
        {"FallbackResource", "FallbackResource /index.html\n", {{"index.html", "front"}}, "front"},
        {"Alias /", "Alias / " + (s_sites->directory / "empty").string() + "/\n"},
        {"a login in a Location", everywhere(basic)},
        {"a login in .htaccess", "", {{".htaccess", basic}}},
        {"a login that is added", everywhere("AuthMerging And\n" + basic)},
        {"addresses", everywhere("Require ip 192.0.2.1\n")},
        {"addresses, in the old words", everywhere("Order deny,allow\nDeny from all\n")},
        {"addresses and a login", everywhere("Order deny,allow\nDeny from all\nSatisfy All\n" + basic)},
        {"caching headers", everywhere("Header set Cache-Control public\nExpiresActive On\nExpiresDefault A3600\n")},
        {"pages for errors",
         "ErrorDocument 401 /index.html\nErrorDocument 405 /index.html\n" + everywhere("ProxyErrorOverride On\n"),
         {{"index.html", "front"}}},
        // As the installer of CeyMail writes it.
        {"the dashboard",
         "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteRule /(.*) ws://" + node.substr(7) +
             "/$1 [P,L]\nProxyPass / " + node + "/\nHeader always set X-Content-Type-Options nosniff\n",
         {},
         "dashboard"},
    };
}

// What would let somebody in, were it to hold for the page.
std::vector<Site> careless_sites() {
    auto all = sites();
    for (const std::string satisfy : {"", "Satisfy Any\n"}) {
        for (const auto& lines :
             {std::string("Require all granted\n"), std::string("AuthType None\nRequire all granted\n"),
              std::string("AuthMerging Or\nRequire all granted\n"),
              std::string("AuthMerging Or\nRequire ip 127.0.0.0/8\n"), std::string("Allow from all\n"),
              std::string("Order deny,allow\n"),
              std::string("AuthBasicProvider anon\nAnonymous *\nAnonymous_LogEmail Off\n"),
              "AuthUserFile " + s_sites->site_users() + "\n"}) {
            all.push_back({everywhere(satisfy + lines), everywhere(satisfy + lines)});
            all.push_back({".htaccess: " + satisfy + lines, "", {{".htaccess", satisfy + lines}}});
        }
    }
    // Both want a login of their own: nobody gets in, which is looked at elsewhere.
    std::erase_if(all, [](const Site& site) { return site.lines.find("Deny from all") != site.lines.npos; });
    return all;
}

enum class Place { conf_enabled, host_begins, host_ends };
constexpr std::pair<Place, const char*> k_places[] = {
    {Place::conf_enabled, "conf-enabled"}, {Place::host_begins, "first in the host"}, {Place::host_ends, "last in it"}};

std::string name(std::size_t n) { return "site" + std::to_string(n); }

WebServer apache(const std::vector<Site>& all, Place place, const std::string& ours) {
    std::string text;
    for (const char* module : {"access_compat", "auth_basic", "authn_anon", "authn_file", "authz_host", "authz_user",
                               "dir", "expires", "headers", "proxy_http", "rewrite"})
        text += std::string("LoadModule ") + module + "_module modules/mod_" + module + ".so\n";
    text += "<Directory " + s_sites->directory.path().string() +
            ">\nAllowOverride All\nRequire all granted\n</Directory>\n";
    if (place == Place::conf_enabled) text += ours;
    for (std::size_t n = 0; n < all.size(); ++n) {
        for (const auto& [file, content] : all[n].files) s_sites->directory.write(name(n) + "/" + file, content);
        s_sites->directory.write(name(n) + "/.keep", "");
        text += "<VirtualHost 127.0.0.1:@PORT@>\nServerName " + name(n) + "\nDocumentRoot " +
                (s_sites->directory / name(n)).string() + "\n" + (place == Place::host_begins ? ours : "") +
                all[n].lines + (place == Place::host_ends ? ours : "") + "</VirtualHost>\n";
    }
    return WebServer::apache(text);
}

void check_other_addresses(const WebServer& server, const std::string& host, const Site& site) {
    for (const auto* path :
         {"/api/stats/metrics/x", "/api/stats/metricsx", "/api/stats/%6detrics", "/x/api/stats/metrics"}) {
        const auto answer = s_sites->ask(server, host, path, {s_sites->bearer()});
        BOOST_TEST(answer.header("x-ceymail-metrics").empty(), site.label << ": " << path);
        if (!site.elsewhere.empty()) BOOST_TEST(answer.body == site.elsewhere, site.label << ": " << path);
    }
}

std::string handler() {
    return replaced(slurp(source("apache/ceymail-metrics.conf")), "unix:[^|]*", s_sites->socket());
}

std::string page() {
    return replaced(replaced(slurp(source("apache/ceymail-settings.conf")), "unix:[^|]*", s_sites->socket()),
                    "/etc/apache2/ceymail-settings.htpasswd", s_sites->users());
}

// The responder as a program that Apache starts as its own user; a copy, to which that user can get.
struct StartedByApache {
    std::string program = s_sites->directory / "ceymail-metrics";
    std::string configuration;

    StartedByApache() {
        namespace fs = std::filesystem;
        fs::copy_file(built_program("ceymail-metrics"), program, fs::copy_options::skip_existing);
        const auto runtime = s_sites->directory / "run";
        fs::create_directory(runtime);
        const auto done = run({.arguments = {"chown", k_web_user, runtime}});
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
        configuration = s_sites->directory.write(
            "web.conf", std::string("user = ") + k_web_user + "\nruntime_directory = " + runtime.string() +
                            "\ndatabase_socket = /nonexistent\nservice_manager = processes\n");
    }
    [[nodiscard]] std::string cgi() const {
        return "SetEnv CEYMAIL_METRICS_CONFIG " + configuration + "\n" + shipped("apache/ceymail-metrics-cgi.conf");
    }
    [[nodiscard]] std::string fcgid() const {
        return replaced(shipped("apache/ceymail-metrics-fcgid.conf"), "IOTimeout 10",
                        "IOTimeout 10 InitialEnv CEYMAIL_METRICS_CONFIG=" + configuration);
    }

private:
    [[nodiscard]] std::string shipped(const std::string& name) const {
        return replaced(slurp(source(name)), "/usr/libexec/ceymail-metrics", program);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(apache_sites, *boost::unit_test::fixture(&make_sites, &remove_sites))

BOOST_AUTO_TEST_CASE(leave_the_endpoint_to_the_shipped_file_and_keep_all_else) {
    const auto all = sites();
    for (const auto& [place, where] : k_places) {
        const auto server = apache(all, place, handler());
        for (std::size_t n = 0; n < all.size(); ++n) {
            s_sites->check_endpoint(server, name(n), where + (": " + all[n].label));
            check_other_addresses(server, name(n), all[n]);
        }
    }
}

BOOST_AUTO_TEST_CASE(leave_it_to_a_responder_that_apache_starts) {
    const auto all = sites();
    const StartedByApache started;
    for (const auto& [place, ours] :
         {std::pair(Place::conf_enabled, started.cgi()), std::pair(Place::host_ends, started.cgi()),
          std::pair(Place::conf_enabled, started.fcgid())}) {
        const auto server = apache(all, place, ours);
        for (std::size_t n = 0; n < all.size(); ++n) {
            const auto answer = s_sites->ask(server, name(n), k_endpoint, {"Authorization: Bearer "});
            BOOST_TEST(answer.header("x-ceymail-metrics") == "1", all[n].label << ": " << answer.status);
            BOOST_TEST(answer.status == 400, all[n].label << ": " << answer.status);  // the header came
            BOOST_TEST(answer.header("cache-control") == "no-store", all[n].label);
        }
    }
}

BOOST_AUTO_TEST_CASE(never_open_the_settings_page) {
    const auto all = careless_sites();
    for (const auto& [place, where] : k_places) {
        const auto server = apache(all, place, page());
        for (std::size_t n = 0; n < all.size(); ++n)
            s_sites->check_page_is_guarded(server, name(n), where + (": " + all[n].label));
    }
}

BOOST_AUTO_TEST_SUITE_END()
