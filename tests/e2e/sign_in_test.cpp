// SPDX-License-Identifier: MIT
// Who may use the settings page, by the examples that the shipped files hold besides the password: client certificates
// by nginx and Apache, and nginx's auth_request against a dashboard's session.
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/web_server.hpp"

using namespace ceymail::testing;

namespace {

namespace fs = std::filesystem;

constexpr const char* k_path = "/settings/security/prometheus-metrics";

// A shipped file, changed as its words tell an administrator to: each pattern must be there.
class Shipped {
public:
    explicit Shipped(const std::string& name) : m_name(name), m_text(slurp(source(name))) {}
    // Takes lines away.
    Shipped& without(const std::string& pattern) { return replace("\n *" + pattern + "[^\n]*", ""); }
    // Takes the '#' from a line.
    Shipped& with(const std::string& pattern) { return replace("# +(" + pattern + ")", "$1"); }
    Shipped& replace(const std::string& pattern, const std::string& instead) {
        BOOST_TEST_REQUIRE(std::regex_search(m_text, std::regex(pattern)), m_name << " has no " << pattern);
        m_text = std::regex_replace(m_text, std::regex(pattern), instead);
        return *this;
    }
    // A line that belongs elsewhere: it is as the file has it.
    [[nodiscard]] std::string line(const std::string& pattern) const {
        std::smatch found;
        BOOST_TEST_REQUIRE(std::regex_search(m_text, found, std::regex("# +(" + pattern + ")")), m_name << pattern);
        return found[1].str() + "\n";
    }
    [[nodiscard]] const std::string& text() const noexcept { return m_text; }

private:
    std::string m_name;
    std::string m_text;
};

// A database, the settings page, a server's certificate, an administrator's and a stranger's.
class Host {
public:
    Host() {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "web servers change their user, so this needs root: sudo make check");
        fs::create_directory(m_folder / "settings");
        const passwd* const web = ::getpwnam(k_web_user);
        BOOST_TEST_REQUIRE((web && ::chown((m_folder / "settings").c_str(), web->pw_uid, web->pw_gid) == 0));
        m_folder.write("conf", "settings_listen = unix:" + socket().string() + "\nlisten_group = " + k_web_user +
                                   "\nsettings_user = " + k_web_user +
                                   "\nsettings_runtime_directory = " + (m_folder / "settings").string() +
                                   "\nsettings_database_option_file = " + (m_folder / "settings.cnf").string() +
                                   "\nruntime_directory = " + m_folder.path().string() +
                                   "\ndatabase_option_file = " + (m_folder / "metrics.cnf").string() +
                                   "\ndatabase_socket = " + m_database.socket().string() + "\nuser = daemon\n");
        must({built_program("ceymail-token"), "--config", m_folder / "conf", "init", "--settings"});
        must({source("deploy/miniature/certificate"), m_folder / "certificate"});
        for (const char* name : {"amal", "stranger"}) certify(name);
        m_page.emplace(ChildOptions{.arguments = {built_program("ceymail-settings"), "--config", m_folder / "conf"},
                                    .output_file = m_folder / "log",
                                    .errors_file = m_folder / "log"});
        BOOST_TEST_REQUIRE(eventually([&] { return fs::is_socket(socket()); }), slurp(m_folder / "log"));
    }
    [[nodiscard]] fs::path socket() const { return m_folder / "settings/socket"; }
    [[nodiscard]] fs::path certificate(const std::string& name) const { return m_folder / (name + ".pem"); }
    [[nodiscard]] std::string nginx_tls() const {
        return "ssl_certificate " + tls("server.pem") + ";\nssl_certificate_key " + tls("server.key") + ";\n";
    }
    [[nodiscard]] std::string apache_tls() const {
        return "SSLEngine on\nSSLCertificateFile " + tls("server.pem") + "\nSSLCertificateKeyFile " +
               tls("server.key") + "\n";
    }
    [[nodiscard]] HttpRequest request(const WebServer& server) const {
        return {.url = "https://127.0.0.1:" + std::to_string(server.port()) + k_path, .authorities = tls("ca.pem")};
    }
    // What a browser of his does; who did it, as audit_logs has it.
    std::string generate(HttpRequest request) {
        m_database.query("DELETE FROM ceymail_dashboard.metrics_tokens; DELETE FROM ceymail_dashboard.audit_logs");
        const auto shown = fetch(request);
        std::smatch seal;
        BOOST_TEST_REQUIRE(std::regex_search(shown.body, seal, std::regex("name=\"seal\" value=\"([^\"]+)\"")),
                           shown.status << shown.body);
        request.method = "POST";
        request.headers.push_back("Content-Type: application/x-www-form-urlencoded");
        request.body = "action=generate&seal=" + seal[1].str();
        BOOST_TEST(fetch(request).status == 303);
        return m_database.query("SELECT detail, ip_address FROM ceymail_dashboard.audit_logs");
    }

private:
    // Signed by itself; the key is in the same file.
    void certify(const std::string& name) const {
        const auto half = m_folder / "public.pem";
        must({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days",
              "2", "-subj", "/CN=" + name, "-keyout", certificate(name), "-out", half});
        std::ofstream(certificate(name), std::ios::app) << slurp(half);
    }
    [[nodiscard]] std::string tls(const std::string& file) const { return m_folder / "certificate" / file; }
    static void must(const std::vector<std::string>& arguments) {
        const auto done = run({.arguments = arguments});
        BOOST_TEST_REQUIRE(done.status == 0, arguments.front() << ": " << done.errors);
    }

    MariadbServer m_database;
    TemporaryFolder m_folder;
    std::optional<ChildProcess> m_page;
};

std::optional<Host> s_host;
void make_host() { s_host.emplace(); }
void remove_host() { s_host.reset(); }

// All the ways in which a client may call itself somebody.
const std::vector<std::string> k_claims{"REMOTE_USER: root",          "Remote-User: root",
                                        "X-Remote-User: root",        "X-CeyMail-User: root",
                                        "X-Forwarded-User: root",     "SSL_CLIENT_S_DN: CN=root",
                                        "X-SSL-Client-S-DN: CN=root", "Authorization: Basic cm9vdDpyb290"};

HttpRequest claiming(HttpRequest request) {
    request.headers.insert(request.headers.end(), k_claims.begin(), k_claims.end());
    return request;
}

WebServer nginx(const std::string& server, const Shipped& page, const std::string& more = "") {
    return WebServer::nginx(Shipped("nginx/ceymail-settings-upstream.conf")
                                .replace("unix:[^;]*;", "unix:" + s_host->socket().string() + ";")
                                .text() +
                            "server {\nlisten 127.0.0.1:@PORT@ ssl;\n" + s_host->nginx_tls() + server + page.text() +
                            "}\n" + more);
}

Shipped nginx_without_password() {
    Shipped page("nginx/ceymail-settings.conf");
    page.without("auth_basic ").without("auth_basic_user_file").without("fastcgi_param REMOTE_USER \\$remote_user");
    return page;
}

void lets_in_by_certificate(const WebServer& server, const std::string& name) {
    auto request = s_host->request(server);
    BOOST_TEST(fetch(request).status == 403);
    BOOST_TEST(fetch(claiming(request)).status == 403);
    request.certificate = s_host->certificate("stranger");
    const auto refused = [&] {
        try {
            const auto status = fetch(claiming(request)).status;
            return status == 403 || status == 400;
        } catch (const std::runtime_error&) {
            return true;  // already by TLS
        }
    };
    BOOST_TEST(refused());
    request.certificate = s_host->certificate("amal");
    const auto shown = fetch(claiming(request));
    BOOST_TEST(shown.status == 200);
    BOOST_TEST(shown.body.find("Signed in as <strong class=\"name\">" + name + "<") != std::string::npos, shown.body);
    BOOST_TEST(s_host->generate(claiming(request)) == "made by " + name + "\t127.0.0.1\n");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sign_in, *boost::unit_test::fixture(&make_host, &remove_host))

BOOST_AUTO_TEST_CASE(by_a_client_certificate_through_nginx) {
    auto page = nginx_without_password();
    const auto server = page.line("ssl_client_certificate [^\n]*") + page.line("ssl_verify_client [^\n]*");
    page.with("if \\(\\$ssl_client_verify").with("fastcgi_param REMOTE_USER \\$ssl_client_s_dn");
    const auto own = std::regex_replace(server, std::regex("/etc/nginx/ceymail-admins-ca.pem"),
                                        s_host->certificate("amal").string());
    lets_in_by_certificate(nginx(own, page), "CN=amal");
}

BOOST_AUTO_TEST_CASE(by_a_client_certificate_through_apache) {
    Shipped page("apache/ceymail-settings.conf");
    page.replace("unix:[^|]*\\|", "unix:" + s_host->socket().string() + "|")
        .without("AuthType ")
        .without("AuthName ")
        .without("AuthBasicProvider ")
        .without("AuthUserFile ")
        .without("Require valid-user");
    const auto host = page.line("SSLCACertificateFile [^\n]*") + page.line("SSLVerifyClient [^\n]*");
    page.with("Require ssl-verify-client").with("SSLUserName ");
    const auto own = std::regex_replace(host, std::regex("/etc/apache2/ceymail-admins-ca.pem"),
                                        s_host->certificate("amal").string());
    const auto server = WebServer::apache(s_host->apache_tls() + own + page.text());
    lets_in_by_certificate(server, "amal");
}

BOOST_AUTO_TEST_CASE(by_the_session_of_a_dashboard_through_nginx) {
    auto page = nginx_without_password();
    page.with("auth_request /").with("auth_request_set ").with("fastcgi_param REMOTE_USER \\$ceymail_user");
    // A dashboard that knows one session, and that is asked over a socket of its own.
    const TemporaryFolder folder;
    fs::permissions(folder.path(), fs::perms::all);
    const auto backend = "unix:" + (folder / "dashboard.sock").string();
    const auto server = nginx("location = /internal/ceymail-session { internal; proxy_pass http://" + backend +
                                  "; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; }\n",
                              page,
                              "server {\nlisten " + backend +
                                  ";\nif ($cookie_session != amals) { return 401; }\n"
                                  "location / { add_header X-CeyMail-User amal; return 200; }\n}\n");
    const auto request = s_host->request(server);
    BOOST_TEST(fetch(request).status == 401);
    BOOST_TEST(fetch(claiming(request)).status == 401);
    auto wrong = claiming(request);
    wrong.headers.push_back("Cookie: session=guess");
    BOOST_TEST(fetch(wrong).status == 401);
    auto asked = request;
    asked.url.replace(asked.url.find(k_path), std::string::npos, "/internal/ceymail-session");
    BOOST_TEST(fetch(asked).status == 404);  // nobody's but nginx's
    auto right = claiming(request);
    right.headers.push_back("Cookie: session=amals");
    BOOST_TEST(fetch(right).body.find("Signed in as <strong class=\"name\">amal<") != std::string::npos);
    BOOST_TEST(s_host->generate(right) == "made by amal\t127.0.0.1\n");
}

BOOST_AUTO_TEST_SUITE_END()
