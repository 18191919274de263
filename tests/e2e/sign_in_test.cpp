// SPDX-License-Identifier: MIT
// Who may use the settings page, by the shipped files of nginx and Apache: whom they let in by a password, a client
// certificate or a dashboard's session, and that nobody comes in beside them.
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <curl/curl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ceymail/util/fd.hpp"
#include "support/dashboard_session.hpp"
#include "support/fastcgi_client.hpp"
#include "support/forked_child.hpp"
#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"
#include "support/responder_process.hpp"
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
        m_directory.write("env.local", std::string("SESSION_SECRET=") + k_session_secret + "\n");
        configure("settings", "");
        configure("sessions", "settings_session_secret = " + (m_directory / "env.local").string() + "\n");
        must({built_program("ceymail-token"), "--config", m_directory / "sessions.conf", "init", "--settings"});
        must({source("deploy/miniature/certificate"), m_directory / "certificate"});
        for (const char* name : {"amal", "stranger"}) certify(name);
        const auto hashed = run({.arguments = {"openssl", "passwd", "-apr1", "amals-password"}});
        m_directory.write("htpasswd", "amal:" + hashed.output);
        start(m_page, "settings");
        start(m_session_page, "sessions");
    }
    [[nodiscard]] fs::path socket() const { return m_directory / "settings/socket"; }
    [[nodiscard]] fs::path session_socket() const { return m_directory / "sessions/socket"; }  // by the session
    [[nodiscard]] ChildProcess& page() { return *m_page; }
    [[nodiscard]] std::string secret() const {
        auto text = slurp(gateway_secret());
        text.pop_back();
        return text;
    }
    [[nodiscard]] fs::path htpasswd() const { return m_directory / "htpasswd"; }
    [[nodiscard]] fs::path gateway_secret() const { return m_directory / "gateway-secret"; }
    [[nodiscard]] fs::path certificate(const std::string& name) const { return m_directory / (name + ".pem"); }
    [[nodiscard]] std::string nginx_tls() const {
        return "ssl_certificate " + tls("server.pem") + ";\nssl_certificate_key " + tls("server.key") + ";\n";
    }
    [[nodiscard]] std::string apache_tls() const {
        return "SSLEngine on\nSSLCertificateFile " + tls("server.pem") + "\nSSLCertificateKeyFile " +
               tls("server.key") + "\n";
    }
    // From an address of its own, so that the page's limiter counts it alone.
    [[nodiscard]] HttpRequest request(const WebServer& server) {
        return {.url = "https://127.0.0.1:" + std::to_string(server.port()) + k_path,
                .authorities = tls("ca.pem"),
                .source_address = fresh_address()};
    }
    std::string fresh_address() {
        ++m_addresses;
        return "127.0." + std::to_string(9 + m_addresses / 250) + "." + std::to_string(1 + m_addresses % 250);
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
    [[nodiscard]] std::string audited_user() const {
        return m_database.query("SELECT user_id FROM ceymail_dashboard.audit_logs");
    }

private:
    void configure(const std::string& name, const std::string& more) const {
        fs::create_directory(m_directory / name);
        const passwd* const web = ::getpwnam(k_web_user);
        BOOST_TEST_REQUIRE((web && ::chown((m_directory / name).c_str(), web->pw_uid, web->pw_gid) == 0));
        m_directory.write(
            name + ".conf",
            "settings_listen = unix:" + (m_directory / name / "socket").string() + "\nlisten_group = " + k_web_user +
                "\nsettings_user = " + k_web_user + "\nsettings_runtime_directory = " + (m_directory / name).string() +
                "\nsettings_database_option_file = " + (m_directory / "settings.cnf").string() +
                "\nsettings_gateway_secret = " + gateway_secret().string() + "\nruntime_directory = " +
                m_directory.path().string() + "\ndatabase_option_file = " + (m_directory / "metrics.cnf").string() +
                "\ndatabase_socket = " + m_database.socket().string() + "\nuser = daemon\n" + more);
    }
    void start(std::optional<ChildProcess>& page, const std::string& name) const {
        const auto log = m_directory / (name + ".log");
        page.emplace(
            ChildOptions{.arguments = {built_program("ceymail-settings"), "--config", m_directory / (name + ".conf")},
                         .output_file = log,
                         .errors_file = log});
        BOOST_TEST_REQUIRE(eventually([&] { return fs::is_socket(m_directory / name / "socket"); }), slurp(log));
    }
    // Signed by itself; the key is in the same file.
    void certify(const std::string& name) const {
        const auto half = m_directory / "public.pem";
        must({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days",
              "2", "-subj", "/CN=" + name, "-keyout", certificate(name), "-out", half});
        std::ofstream(certificate(name), std::ios::app) << slurp(half);
    }
    [[nodiscard]] std::string tls(const std::string& file) const { return m_directory / "certificate" / file; }
    static void must(const std::vector<std::string>& arguments) {
        const auto done = run({.arguments = arguments});
        BOOST_TEST_REQUIRE(done.status == 0, arguments.front() << ": " << done.errors);
    }

    int m_addresses = 0;
    MariadbServer m_database;
    TemporaryDirectory m_directory;
    std::optional<ChildProcess> m_page;
    std::optional<ChildProcess> m_session_page;
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

// With the gateway secret of this host.
Shipped settings_file(const std::string& name) {
    return Shipped(name).replace("/etc/ceymail-metrics/gateway-secret", s_host->gateway_secret().string());
}

WebServer nginx_at(const fs::path& socket, const std::string& server, const Shipped& page,
                   const std::string& listen = "ssl") {
    return WebServer::nginx(
        Shipped("nginx/ceymail-settings-upstream.conf").replace("unix:[^;]*;", "unix:" + socket.string() + ";").text() +
        "server {\nlisten 127.0.0.1:@PORT@ " + listen + ";\n" + s_host->nginx_tls() + server + page.text() + "}\n");
}

WebServer nginx(const std::string& server, const Shipped& page, const std::string& listen = "ssl") {
    return nginx_at(s_host->socket(), server, page, listen);
}

Shipped nginx_without_password() {
    auto page = settings_file("nginx/ceymail-settings.conf");
    page.without("auth_basic ").without("auth_basic_user_file").without("fastcgi_param REMOTE_USER \\$remote_user");
    return page;
}

Shipped nginx_with_password() {
    auto page = settings_file("nginx/ceymail-settings.conf");
    page.replace("/etc/nginx/ceymail-settings.htpasswd", s_host->htpasswd().string());
    return page;
}

Shipped apache_with_session(const fs::path& socket) {
    auto page = settings_file("apache/ceymail-session-settings.conf");
    page.replace("unix:[^|]*\\|", "unix:" + socket.string() + "|");
    return page;
}

Shipped apache_with_password(const fs::path& socket) {
    auto page = settings_file("apache/ceymail-settings.conf");
    page.replace("unix:[^|]*\\|", "unix:" + socket.string() + "|")
        .replace("AuthUserFile [^\n]*", "AuthUserFile " + s_host->htpasswd().string());
    return page;
}

Shipped apache_with_password() { return apache_with_password(s_host->socket()); }

WebServer apache_with(const Shipped& page) { return WebServer::apache(s_host->apache_tls() + page.text()); }

HttpRequest with_password(HttpRequest request) {
    request.headers.push_back("Authorization: Basic YW1hbDphbWFscy1wYXNzd29yZA==");  // amal:amals-password
    return request;
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
    BOOST_TEST(s_host->generate(claiming(request)) == "made by " + name + "\t" + request.source_address + "\n");
}

// What the web server sends to a program at `socket` for `request`; the program then hangs up.
std::string passed_to(const fs::path& socket, const HttpRequest& request) {
    fs::remove(socket);
    const ceymail::util::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    socket.native().copy(&address.sun_path[0], sizeof address.sun_path - 1);
    BOOST_TEST_REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    fs::permissions(socket, fs::perms{0666});
    BOOST_TEST_REQUIRE(::listen(listener.get(), 1) == 0);
    std::string bytes(65536, '\0');
    {
        const std::jthread client([&] { static_cast<void>(fetch(request)); });
        const ceymail::util::Fd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ssize_t size = 0;
        for (ssize_t got = 1; got > 0 && bytes.find("HTTP_COOKIE") == bytes.npos; size += got)
            got = ::recv(connection.get(), bytes.data() + size, bytes.size() - static_cast<std::size_t>(size), 0);
    }
    return bytes.substr(0, bytes.find_last_not_of('\0') + 1);
}

void lets_in_by_session(const WebServer& server, long version) {
    const auto request = [&](const std::string& cookie) {
        auto asked = claiming(s_host->request(server));
        asked.http_version = version;
        if (!cookie.empty()) asked.headers.push_back("Cookie: " + cookie);
        return asked;
    };
    const DashboardSession amal;
    const struct {
        const char* label;
        std::string cookie;
        long status = 401;
    } refused[] = {
        {"none", ""},
        {"another", "session=" + amal.value()},
        {"expired", DashboardSession{.seconds_left = -1}.cookie()},
        {"another secret", DashboardSession{.secret = std::string(64, 'f')}.cookie()},
        {"a viewer", DashboardSession{.user_id = 3, .username = "vihanga", .role = "viewer"}.cookie(), 403},
        {"two", amal.cookie() + "; " + amal.cookie()},
        {"two, another between", amal.cookie() + "; a=b;mc-session=x"},
        {"in quotes", "mc-session=\"" + amal.value() + "\""},
        {"a longer name", "a_mc-session=" + amal.value()},
        {"too long", amal.cookie() + std::string(2048, '0')},
    };
    for (const auto& c : refused) {
        const auto answer = fetch(request(c.cookie));
        BOOST_TEST_CONTEXT(c.label) {
            BOOST_TEST(answer.status == c.status);
            BOOST_TEST(answer.body.find("name=\"seal\"") == std::string::npos);
            BOOST_TEST((c.status != 401 || answer.body.find("Sign in at the dashboard") != std::string::npos),
                       answer.body);
        }
    }
    std::mt19937 random(13);
    auto changed = request("");
    changed.headers.emplace_back();
    for (int i = 0; i < 200; ++i) {
        if (i % 8 == 0) changed.source_address = s_host->request(server).source_address;
        changed.headers.back() = "Cookie: mc-session=" + changed_session(amal.value(), random);
        const auto status = fetch(changed).status;
        // 400 where the web server itself refuses a character.
        BOOST_TEST((status == 401 || status == 400), changed.headers.back() << ": " << status);
    }
    auto style = request("");
    style.url += "/style.css";
    BOOST_TEST(fetch(style).status == 200);

    for (const auto& cookie :
         {amal.cookie(), "a=b; " + amal.cookie() + "; mc-session-2=x", "mc-session2=x;" + amal.cookie()}) {
        const auto shown = fetch(request(cookie));
        BOOST_TEST(shown.status == 200, shown.body);
        BOOST_TEST(shown.body.find("Signed in as <strong class=\"name\">amal<") != std::string::npos, shown.body);
    }
    const auto right = request("a=b; " + amal.cookie());
    BOOST_TEST(s_host->generate(right) == "made by amal\t" + right.source_address + "\n");
    BOOST_TEST(s_host->audited_user() == "1\n");
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
    auto page = settings_file("apache/ceymail-settings.conf");
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

BOOST_AUTO_TEST_CASE(by_the_session_of_the_dashboard_through_nginx) {
    const auto server =
        nginx_at(s_host->session_socket(), "", settings_file("nginx/ceymail-session-settings.conf"), "ssl http2");
    for (const long version : {CURL_HTTP_VERSION_1_1, CURL_HTTP_VERSION_2_0}) lets_in_by_session(server, version);
}

BOOST_AUTO_TEST_CASE(by_the_session_of_the_dashboard_through_apache) {
    // A login of the site comes before all, but for the page.
    const auto site = "<Location \"/\">\nAuthType Basic\nAuthName site\nAuthUserFile " + s_host->htpasswd().string() +
                      "\nRequire valid-user\n</Location>\n";
    for (const auto& more : {std::string(), site})
        lets_in_by_session(
            WebServer::apache(s_host->apache_tls() + more + apache_with_session(s_host->session_socket()).text()),
            CURL_HTTP_VERSION_1_1);
}

BOOST_AUTO_TEST_CASE(shows_the_page_no_other_cookie_of_the_site) {
    const TemporaryDirectory directory;
    fs::permissions(directory.path(), fs::perms::all);
    const auto socket = directory / "socket";
    const struct {
        const char* label;
        WebServer server;
        std::string want;
    } cases[] = {
        {"nginx, password", nginx_at(socket, "", nginx_with_password()), "HTTP_COOKIEceymail_once=1"},
        {"Apache, password", apache_with(apache_with_password(socket)), "HTTP_COOKIEceymail_once=1"},
        {"nginx, session", nginx_at(socket, "", settings_file("nginx/ceymail-session-settings.conf")),
         "HTTP_COOKIEceymail_once=1; mc-session=abc"},
        {"Apache, session", apache_with(apache_with_session(socket)), "HTTP_COOKIEceymail_once=1; mc-session=abc"},
    };
    for (const auto& c : cases) {
        for (const std::string cookies :
             {"other=private; mc-session=abc; ceymail_once=1; third=private", "ceymail_once=1; mc-session=abc"}) {
            auto request = with_password(s_host->request(c.server));
            request.headers.push_back("Cookie: " + cookies);
            const auto passed = passed_to(socket, request);
            BOOST_TEST(passed.find(c.want) != std::string::npos, c.label << ": " << passed);
            BOOST_TEST(passed.find("private") == std::string::npos, c.label << ": " << passed);
            const bool session = c.want.find("mc-session") != c.want.npos;
            BOOST_TEST((passed.find("mc-session") != std::string::npos) == session, c.label << ": " << passed);
        }
    }
}

// The files with a session are the others but for the login and the cookies.
BOOST_AUTO_TEST_CASE(by_a_session_has_the_same_lines_in_the_web_servers_files) {
    const auto directives = [](const std::string& name) {
        std::multiset<std::string> lines;
        std::istringstream text(slurp(source(name)));
        const std::regex login(
            "auth_basic|REMOTE_USER|HTTP_COOKIE|Auth(Type|Name|BasicProvider|UserFile)|Require|Order|Allow");
        for (std::string line; std::getline(text, line);)
            if (!std::regex_search(line, std::regex("^ *(#|$)")) && !std::regex_search(line, login)) lines.insert(line);
        return lines;
    };
    for (const std::string server : {"nginx", "apache"})
        BOOST_TEST(
            directives(server + "/ceymail-session-settings.conf") == directives(server + "/ceymail-settings.conf"),
            boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(by_a_password_whatever_version_of_http_names_the_host) {
    const auto server = nginx("server_name 127.0.0.1;\n", nginx_with_password(), "ssl http2");
    const auto url = s_host->request(server).url;
    const auto origin = url.substr(0, url.size() - std::string(k_path).size());
    const struct {
        const char* label;
        long version;
        std::vector<std::string> headers;
    } cases[] = {
        {"HTTP/1.1", CURL_HTTP_VERSION_1_1, {}},
        {"HTTP/2, which has :authority", CURL_HTTP_VERSION_2_0, {}},
        // What nginx passes is what it passes over HTTP/3: no Host header, and the host that it chose itself.
        {"no Host header", CURL_HTTP_VERSION_1_0, {"Host:"}},
    };
    for (const auto& c : cases) {
        auto asked = with_password(s_host->request(server));
        asked.http_version = c.version;
        asked.headers.insert(asked.headers.end(), c.headers.begin(), c.headers.end());
        const auto shown = fetch(asked);
        BOOST_TEST_CONTEXT(c.label) {
            BOOST_TEST_REQUIRE(shown.status == 200, shown.body);
            // The port too, since it is not the usual one.
            BOOST_TEST(shown.body.find("&#39;" + origin.substr(8) + "&#39;") != std::string::npos, shown.body);
            asked.headers.push_back("Origin: " + origin);
            BOOST_TEST(s_host->generate(asked) == "made by amal\t" + asked.source_address + "\n");
            asked.headers.back() = "Origin: https://127.0.0.1:1";
            asked.method = "POST";
            BOOST_TEST(fetch(asked).status == 403);
        }
    }
}

BOOST_AUTO_TEST_CASE(not_by_the_socket_for_a_process_of_the_web_servers_group) {
    const auto server = nginx("", nginx_with_password());
    BOOST_TEST(fetch(with_password(s_host->request(server))).status == 200);
    const passwd* const web = ::getpwnam(k_web_user);
    // As a script of the site: it reads what its user may read, and writes to the socket what it likes.
    const auto status =
        ForkedChild([&] {
            if (::setgroups(0, nullptr) != 0 || ::setgid(web->pw_gid) != 0 || ::setuid(web->pw_uid) != 0) return 1;
            for (const auto& file : {".nginx.conf", ".apache.conf"}) {
                const auto path = s_host->gateway_secret().string() + file;
                if (::access(path.c_str(), R_OK) == 0 || errno != EACCES) return 2;
            }
            const Parameters parameters{
                {"REQUEST_METHOD", "GET"}, {"REQUEST_URI", k_path}, {"REMOTE_ADDR", "127.0.0.1"},
                {"REMOTE_USER", "root"},   {"HTTPS", "on"},         {"HTTP_HOST", "localhost"}};
            const auto answer = read_cgi(ask("unix:" + s_host->socket().string(), parameters).text);
            return answer.status == 403 && !answer.mentions("name=\"seal\"") ? 0 : 3;
        }).wait();
    BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(by_nobody_while_the_web_server_lacks_the_gateway_secret) {
    const auto unreadable = [](Shipped page) {
        return page.replace("gateway-secret\\.(nginx|apache)\\.con", "none.$1.con");
    };
    for (const auto& server :
         {nginx("", unreadable(nginx_with_password())), apache_with(unreadable(apache_with_password()))}) {
        const auto refused = fetch(with_password(s_host->request(server)));
        BOOST_TEST(refused.status == 403);
        BOOST_TEST(refused.body.find("ceymail-token init --settings") != std::string::npos, refused.body);
    }
}

BOOST_AUTO_TEST_CASE(by_a_password_through_apache) {
    const auto server = apache_with(apache_with_password());
    BOOST_TEST(fetch(s_host->request(server)).status == 401);
    BOOST_TEST(fetch(claiming(s_host->request(server))).status == 401);
    const auto request = with_password(s_host->request(server));
    BOOST_TEST(fetch(request).status == 200);
    BOOST_TEST(s_host->generate(request) == "made by amal\t" + request.source_address + "\n");
}

// A site that words Apache's errors by a program of its own: that one gets the parameters of the request that failed.
BOOST_AUTO_TEST_CASE(no_program_of_the_site_gets_the_gateway_secret) {
    const TemporaryDirectory directory;
    const auto script =
        directory.write("words", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nworded\\n'; env\n", fs::perms{0755});
    const auto site = "ScriptAlias /words " + script.string() + "\n<Directory " + directory.path().string() +
                      ">\nRequire all granted\n</Directory>\nErrorDocument 404 /words\nErrorDocument 503 /words\n"
                      "ErrorDocument 504 /words\nErrorDocument 500 /words\nErrorDocument 502 /words\n";
    auto page = apache_with_password();
    page.replace("timeout=15", "timeout=1");
    const auto server = WebServer::apache(s_host->apache_tls() + site + page.text());
    auto other = s_host->request(server);
    other.url += "-not";
    BOOST_TEST(fetch(other).body.find("worded") != std::string::npos);  // the program runs
    s_host->page().signal(SIGSTOP);
    const auto failed = fetch(with_password(s_host->request(server)));
    s_host->page().signal(SIGCONT);
    BOOST_TEST(failed.status >= 500);
    BOOST_TEST(failed.body.find(s_host->secret()) == std::string::npos, failed.body);
}

BOOST_AUTO_TEST_CASE(by_few_passwords_a_minute_through_nginx) {
    const auto server = nginx("set_real_ip_from 127.0.0.0/8;\nreal_ip_header X-Real-IP;\n", nginx_with_password());
    const auto attempt = [&](const std::string& address) {
        auto request = s_host->request(server);
        request.headers = {"Authorization: Basic Z3Vlc3M6Z3Vlc3M=", "X-Real-IP: " + address};
        return fetch(request).status;
    };
    // ADDRESS(i): as one client may choose its addresses. Returns how many attempts were let through.
    const auto let_through = [&](const std::function<std::string(int)>& address) {
        int count = 0;
        for (int i = 0; i < 60; ++i) count += attempt(address(i)) == 401;
        return count;
    };
    const auto one = let_through([](int) { return "192.0.2.1"; });
    BOOST_TEST((one >= 31 && one < 40), one);
    BOOST_TEST(attempt("192.0.2.1") == 429);
    BOOST_TEST(attempt("192.0.2.2") == 401);
    const auto host_part = [](const std::string& network) {
        return [network](int i) { return network + std::to_string(i + 1) + ":2:3:4"; };
    };
    const auto network = let_through(host_part("2001:db8:1:2:"));
    BOOST_TEST((network >= 31 && network < 40), network);
    BOOST_TEST(attempt("2001:db8:1:2::1") == 429);
    BOOST_TEST(attempt("2001:db8:1:3::1") == 401);
    BOOST_TEST(attempt("2001:db8::1") == 401);
}

BOOST_AUTO_TEST_SUITE_END()
