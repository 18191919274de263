// SPDX-License-Identifier: MIT
// AttachHost: a host for ceymail-attach in a temporary directory: a real nginx or Apache with a dashboard's site that
// answers https, and a responder behind the shipped files.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "ceymail/attachment/host.hpp"
#include "sites.hpp"

namespace ceymail::testing {

// The site as CeyMail's installer writes it: rate limits, headers, locations, a redirect from port 80.
inline std::string nginx_dashboard_site() {
    return R"(limit_req_zone $binary_remote_addr zone=mc_api:1m rate=10r/s;
server {
    listen 127.0.0.1:@PLAIN@;
    server_name dash.example.test;
    return 301 https://$host$request_uri;
}

server {
    listen 127.0.0.1:@TLS@ ssl;
    server_name dash.example.test;

    ssl_certificate @DIR@/tls/server.pem;
    ssl_certificate_key @DIR@/tls/server.key;
    add_header X-Frame-Options "DENY" always;
    add_header Content-Security-Policy "default-src 'self'; script-src 'unsafe-inline' {}" always;

    location /_next/static/ {
        return 200 static;
    }
    location ~ "^/api/(install|dkim)/[a-z]{2,4}$" {
        return 200 install;
    }
    location /api/ {
        limit_req zone=mc_api burst=20 nodelay;
        limit_req_status 429;
        default_type application/json;
        return 401 '{"error":"Unauthorized"}';
    }
    location / {
        return 200 dashboard;
    }
}
)";
}

inline std::string apache_dashboard_site() {
    return R"(<VirtualHost 127.0.0.1:@PLAIN@>
    ServerName dash.example.test
    Redirect permanent / https://dash.example.test/
</VirtualHost>

<IfModule mod_ssl.c>
<VirtualHost 127.0.0.1:@TLS@>
    ServerName dash.example.test
    SSLEngine on
    SSLCertificateFile @DIR@/tls/server.pem
    SSLCertificateKeyFile @DIR@/tls/server.key
    RewriteEngine On
    RewriteCond %{HTTP:Upgrade} websocket [NC]
    RewriteRule /(.*) ws://127.0.0.1:@DASHBOARD@/$1 [P,L]
    ProxyPass / http://127.0.0.1:@DASHBOARD@/
    ProxyPassReverse / http://127.0.0.1:@DASHBOARD@/
    Header always set X-Content-Type-Options nosniff
</VirtualHost>
</IfModule>
)";
}

class AttachHost {
public:
    explicit AttachHost(site::WebServer server) : m_server(server), m_plain(free_port()), m_tls(free_port()) {
        m_sites.emplace();
        make_certificate();
        m_dashboard.emplace(
            WebServer::nginx("server {\nlisten 127.0.0.1:@PORT@;\nlocation /api/ { return 401 json; }\n"
                             "location / { return 200 dashboard; }\n}\n"));
        make_host();
        write_site(dashboard_site());
        server == site::WebServer::nginx ? make_nginx() : make_apache();
        start();
    }

    [[nodiscard]] attachment::Host& host() noexcept { return m_host; }
    [[nodiscard]] const attachment::WebServerFiles& files() const { return m_host.files_of(m_server); }
    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return m_directory / name; }
    [[nodiscard]] std::filesystem::path site_file() const { return m_directory / ("sites-available/" + file_name()); }
    [[nodiscard]] std::filesystem::path site_link() const { return m_directory / ("sites-enabled/" + file_name()); }
    [[nodiscard]] std::string site_text() const { return slurp(site_file()); }
    [[nodiscard]] std::string dashboard_site() const {
        return filled(m_server == site::WebServer::nginx ? nginx_dashboard_site() : apache_dashboard_site());
    }
    [[nodiscard]] std::string filled(std::string text) const {
        text = swap(text, "@DIR@", m_directory.path());
        text = swap(text, "@PLAIN@", std::to_string(m_plain));
        text = swap(text, "@TLS@", std::to_string(m_tls));
        return swap(text, "@DASHBOARD@", std::to_string(m_dashboard->port()));
    }
    void write_site(const std::string& text) const { m_directory.write("sites-available/" + file_name(), text); }

    // Another site instead of site_file(), which stays. Returns: its file.
    [[nodiscard]] std::filesystem::path link_other_site() const {
        const auto other = path("sites-available/other");
        std::ofstream(other) << dashboard_site();
        std::filesystem::remove(site_link());
        std::filesystem::create_symlink(other, path("sites-enabled/other"));
        return other;
    }

    // And reloads the web server, whose old workers end.
    void installer_writes(const std::string& text) const {
        write_site(text);
        BOOST_TEST_REQUIRE(run({.arguments = files().reload}).status == 0);
        BOOST_TEST_REQUIRE(eventually([&] { return scrape().header("x-ceymail-metrics").empty(); }));
    }

    // Status 0: no answer.
    [[nodiscard]] HttpAnswer ask(const std::string& path, std::vector<std::string> headers = {}) const {
        headers.emplace_back("Host: dash.example.test");
        try {
            return fetch({.url = "https://localhost:" + std::to_string(m_tls) + path,
                          .headers = std::move(headers),
                          .authorities = m_directory / "tls/ca.pem"});
        } catch (const std::runtime_error& problem) {
            return {.status = 0, .body = problem.what()};
        }
    }
    [[nodiscard]] HttpAnswer scrape() const { return ask(k_endpoint, {m_sites->bearer()}); }

    void start() {
        m_process.emplace(ChildOptions{
            .arguments = m_command, .output_file = m_directory / "printed", .errors_file = m_directory / "printed"});
        const bool is_up = eventually([&] { return ask("/").status == 200; });
        BOOST_TEST_REQUIRE(is_up, ask("/").body + slurp(m_directory / "printed") + log());
    }
    void stop() { m_process.reset(); }
    [[nodiscard]] std::string log() const {
        return std::filesystem::exists(m_directory / "log") ? slurp(m_directory / "log") : "";
    }
    [[nodiscard]] std::string reloads() const {
        return std::filesystem::exists(m_directory / "reloads") ? slurp(m_directory / "reloads") : "";
    }

private:
    static std::string swap(std::string text, const std::string& from, const std::string& to) {
        for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
            text.replace(at, from.size(), to);
        return text;
    }
    [[nodiscard]] std::string file_name() const {
        return m_server == site::WebServer::nginx ? "dash.example.test" : "dash.example.test.conf";
    }

    void make_certificate() {
        BOOST_TEST_REQUIRE(run({.arguments = {source("deploy/miniature/certificate"), m_directory / "tls"}}).status ==
                           0);
    }

    void make_host() {
        auto& files = m_server == site::WebServer::nginx ? m_host.nginx : m_host.apache;
        m_host.ceymail_conf = m_directory.write(
            "ceymail.conf", "DASHBOARD_DOMAIN=\"dash.example.test\"\nWEB_SERVER=" +
                                std::string(m_server == site::WebServer::nginx ? "nginx" : "apache2") + "\n");
        files.name = m_server == site::WebServer::nginx ? "nginx" : "apache2";
        files.suffix = m_server == site::WebServer::nginx ? "" : ".conf";
        files.sites_available = m_directory / "sites-available";
        files.sites_enabled = m_directory / "sites-enabled";
        files.is_running = {"sh", "-c", "kill -0 \"$(cat " + path("pid").string() + ")\""};
        m_host.state_directory = m_directory / "state";
        m_host.published = m_directory / "published/state";
        m_host.endpoint_path = k_endpoint;
        m_host.settings_path = k_settings_page;
        m_host.scrape_timeout = std::chrono::seconds(5);
        m_host.quiet = std::chrono::milliseconds(300);
        m_host.retry = std::chrono::milliseconds(50);
        m_host.patience = std::chrono::seconds(3);
        std::filesystem::create_directories(files.sites_enabled);
        std::filesystem::create_directories(files.sites_available);
        std::filesystem::create_symlink("../sites-available/" + file_name(), site_link());
    }

    [[nodiscard]] std::string shipped(const std::string& file) const {
        return replaced(slurp(source(file)), "unix:/run[^;|]*", m_sites->socket()) + "\n";
    }

    // Notes each reload, so that tests can count them.
    [[nodiscard]] attachment::Arguments noted(const std::string& command) const {
        return {"sh", "-c", "echo reload >>" + path("reloads").string() + "; " + command};
    }

    void make_nginx() {
        m_directory.write("nginx/snippets/ceymail-metrics.conf", slurp(source("nginx/ceymail-metrics.conf")));
        m_directory.write("nginx/snippets/ceymail-settings.conf",
                          replaced(slurp(source("nginx/ceymail-settings.conf")), "/etc/nginx/ceymail-settings.htpasswd",
                                   m_sites->users()));
        std::string main = "daemon off;\nuser www-data www-data;\npid " + path("pid").string() + ";\nerror_log " +
                           path("log").string() + ";\nworker_processes 1;\nevents {}\nhttp {\naccess_log off;\n";
        for (const std::string kind : {"client_body", "fastcgi", "proxy", "scgi", "uwsgi"})
            main += kind + "_temp_path " + path(kind).string() + ";\n";
        main += shipped("nginx/ceymail-metrics-upstream.conf") + shipped("nginx/ceymail-settings-upstream.conf") +
                "include " + path("sites-enabled").string() + "/*;\n}\n";
        const auto file = m_directory.write("nginx/nginx.conf", main);
        const std::string nginx = "/usr/sbin/nginx -e " + path("log").string() + " -c " + file.string();
        auto& files = m_host.nginx;
        files.metrics_file = path("nginx/snippets/ceymail-metrics.conf");
        files.settings_file = path("nginx/snippets/ceymail-settings.conf");
        files.metrics_include = "snippets/ceymail-metrics*.conf";
        files.settings_include = "snippets/ceymail-settings*.conf";
        files.test = {"/usr/sbin/nginx", "-e", path("log"), "-c", file, "-t", "-q"};
        files.reload = noted(nginx + " -s reload");
        m_command = {"/usr/sbin/nginx", "-e", path("log"), "-c", file};
    }

    void make_apache() {
        std::string main = "ServerRoot /usr/lib/apache2\nDefaultRuntimeDir " + m_directory.path().string() +
                           "\nPidFile " + path("pid").string() + "\nErrorLog " + path("log").string() +
                           "\nMutex file:" + m_directory.path().string() +
                           " default\nServerName localhost\nUser www-data\nGroup www-data\nListen 127.0.0.1:@PLAIN@\n"
                           "Listen 127.0.0.1:@TLS@\n";
        for (const std::string module :
             {"mpm_event", "authz_core", "alias", "ssl", "socache_shmcb", "proxy", "proxy_http", "rewrite", "headers"})
            main += "LoadModule " + module + "_module modules/mod_" + module + ".so\n";
        main += "IncludeOptional @DIR@/mods-enabled/*.load\nIncludeOptional @DIR@/sites-enabled/*.conf\n";
        const auto file = m_directory.write("apache2.conf", filled(main));
        const auto installed = attachment::installed_host({});
        m_host.needed_modules = installed.needed_modules;
        m_host.settings_modules = installed.settings_modules;
        auto available = installed.needed_modules;
        available.insert(available.end(), installed.settings_modules.begin(), installed.settings_modules.end());
        for (const auto& module : available)
            m_directory.write("mods-available/" + module + ".load",
                              "LoadModule " + module + "_module modules/mod_" + module + ".so\n");
        m_directory.write("mods-enabled/.keep", "");
        auto& files = m_host.apache;
        files.metrics_file =
            m_directory.write("conf-available/ceymail-metrics.conf", shipped("apache/ceymail-metrics.conf"));
        files.settings_file =
            m_directory.write("conf-available/ceymail-settings.conf", shipped("apache/ceymail-settings.conf"));
        files.metrics_include = files.metrics_file;
        files.settings_include = files.settings_file;
        const std::string apache = "/usr/sbin/apache2 -f " + file.string();
        files.test = {"/usr/sbin/apache2", "-f", file, "-t"};
        files.reload = noted(apache + " -k graceful");
        m_host.apache_modules = path("mods-enabled");
        // What a2enmod and a2dismod of the package apache2 do; the tests have only apache2-bin.
        m_host.enable_module = {"sh", "-c", "ln -s ../mods-available/$1.load " + path("mods-enabled").string(),
                                "a2enmod"};
        m_host.disable_module = {"sh", "-c", "rm " + path("mods-enabled").string() + "/$1.load", "a2dismod"};
        m_command = {"/usr/sbin/apache2", "-D", "FOREGROUND", "-f", file};
    }

    TemporaryDirectory m_directory;
    std::optional<Sites> m_sites;
    std::optional<WebServer> m_dashboard;
    site::WebServer m_server;
    int m_plain;
    int m_tls;
    attachment::Host m_host;
    attachment::Arguments m_command;
    std::optional<ChildProcess> m_process;
};

}  // namespace ceymail::testing
