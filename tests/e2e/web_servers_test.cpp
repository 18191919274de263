// SPDX-License-Identifier: MIT
// The same answers from behind every web server and from every starter, with the files as they are shipped.
#include <filesystem>
#include <functional>
#include <future>
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

constexpr const char* k_service_user = "daemon";  // any that is not the web server's; every Debian has it

void give_to(const fs::path& path, const char* user) {
    const passwd* const entry = ::getpwnam(user);
    BOOST_TEST_REQUIRE((entry != nullptr && ::chown(path.c_str(), entry->pw_uid, entry->pw_gid) == 0));
}

// A shipped file, in which places of this test's take those of a real host. Each pattern must be there.
struct Place {
    std::string pattern;
    std::string instead;
};
std::string shipped(const std::string& name, const std::vector<Place>& places) {
    std::string text = slurp(source(name));
    for (const auto& place : places) {
        const std::regex pattern(place.pattern);
        BOOST_TEST_REQUIRE(std::regex_search(text, pattern), name << " has no " << place.pattern);
        text = std::regex_replace(text, pattern, place.instead);
    }
    return text;
}

// What the set-ups share: a database, accounts for both users, a token, a certificate, a queue that is Postfix's alone.
class Host {
public:
    Host() {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "web servers change their user, so this needs root: sudo make check");
        fs::create_directories(m_directory / "queue/deferred");
        fs::permissions(m_directory / "queue/deferred", fs::perms::owner_all);
        m_directory.write("queue/deferred/4ABCDE", "");
        (void)must({source("deploy/miniature/certificate"), m_directory / "certificate"});
        (void)token_tool(service_configuration("first"), "init");
        (void)token_tool(web_configuration("second"), "init");
        m_token = token_tool(service_configuration("first"), "generate");
        m_token.pop_back();
    }

    // For a responder that is started as root and becomes the service's user, with a password for MariaDB.
    fs::path service_configuration(const std::string& name) const {
        return configuration(name, k_service_user,
                             "database_option_file = " + (m_directory / "database.cnf").string() + "\n");
    }
    // For one that the web server runs as its own user, whom MariaDB knows by the Unix socket.
    fs::path web_configuration(const std::string& name) const {
        return configuration(name, k_web_user, std::string("database_user = ") + k_web_user + "\n");
    }
    [[nodiscard]] fs::path runtime(const std::string& name) const { return m_directory / name; }
    [[nodiscard]] fs::path certificate(const std::string& file) const { return m_directory / "certificate" / file; }
    [[nodiscard]] const std::string& token() const { return m_token; }

private:
    fs::path configuration(const std::string& name, const char* user, const std::string& more) const {
        fs::create_directory(runtime(name));
        give_to(runtime(name), user);
        return m_directory.write(name + ".conf", std::string("user = ") + user +
                                                     "\nruntime_directory = " + runtime(name).string() +
                                                     "\ndatabase_socket = " + m_database.socket().string() +
                                                     "\nqueue_directory = " + (m_directory / "queue").string() +
                                                     "\nservice_manager = processes\ncertificate = none\n" + more);
    }
    static std::string must(const std::vector<std::string>& arguments) {
        auto done = run({.arguments = arguments});
        BOOST_TEST_REQUIRE(done.status == 0, arguments.front() << ": " << done.errors);
        return std::move(done.output);
    }
    static std::string token_tool(const fs::path& configuration, const char* command) {
        return must({built_program("ceymail-token"), "--config", configuration, command});
    }

    MariadbServer m_database;
    TemporaryDirectory m_directory;
    std::string m_token;
};

std::optional<Host> s_host;
void make_host() { s_host.emplace(); }
void remove_host() { s_host.reset(); }

// --- starters --------------------------------------------------------------------------------------------------------

// A copy: web servers run it as their own user, who may not be able to get to the checkout, in a home of 0700 say.
const std::string& responder() {
    static const TemporaryDirectory s_directory;
    static const std::string s_path = [] {
        fs::copy_file(built_program("ceymail-metrics"), s_directory / "ceymail-metrics");
        return (s_directory / "ceymail-metrics").string();
    }();
    return s_path;
}

// One that stays; its log is kept.
class Started {
public:
    Started(const std::vector<std::string>& arguments, const std::function<bool()>& is_ready,
            const std::vector<std::string>& environment = {})
        : m_process({.arguments = arguments,
                     .environment = environment,
                     .output_file = log_file(),
                     .errors_file = log_file()}) {
        BOOST_TEST_REQUIRE((eventually([&] { return !m_process.running() || is_ready(); }) && m_process.running()),
                           log());
    }
    [[nodiscard]] std::string log() const { return slurp(log_file()); }

private:
    [[nodiscard]] fs::path log_file() const { return m_directory / "log"; }
    TemporaryDirectory m_directory;
    ChildProcess m_process;
};

std::function<bool()> socket_at(const fs::path& path) {
    return [path] { return fs::is_socket(path); };
}

// The socket that the shipped files name, but in the set-up's own runtime directory.
fs::path socket_in(const std::string& name) { return s_host->runtime(name) / "ceymail-metrics.sock"; }

Started listening_on_unix_socket(const std::string& name) {
    return {
        {responder(), "--config", s_host->service_configuration(name), "--listen", "unix:" + socket_in(name).string()},
        socket_at(socket_in(name))};
}

// --- web servers -----------------------------------------------------------------------------------------------------

std::string nginx_location() { return "include " + source("nginx/ceymail-metrics.conf").string() + ";\n"; }

std::string nginx_upstream(const std::string& address) {
    return shipped("nginx/ceymail-metrics-upstream.conf", {{"unix:[^;]*", address}});
}

std::string nginx_server(const std::string& location) {
    return "server {\nlisten 127.0.0.1:@PORT@;\n" + location + "location / { return 404; }\n}\n";
}

WebServer nginx_to(const fs::path& socket) {
    return WebServer::nginx(nginx_upstream("unix:" + socket.string()) + nginx_server(nginx_location()));
}

Place apache_socket(const std::string& name) { return {"unix:[^|]*", "unix:" + socket_in(name).string()}; }

// --- what all must answer --------------------------------------------------------------------------------------------

struct Site {
    std::string origin;
    fs::path authorities{};

    [[nodiscard]] HttpAnswer ask(std::vector<std::string> headers, HttpRequest request = {}) const {
        request.url = origin + "/api/stats/metrics" + request.url;
        request.headers = std::move(headers);
        request.authorities = authorities;
        if (request.source_address.empty()) request.source_address = "127.0.7.1";
        return fetch(request);
    }
};

Site plain(const WebServer& server) { return {"http://127.0.0.1:" + std::to_string(server.port())}; }
Site tls(const WebServer& server) {
    return {"https://127.0.0.1:" + std::to_string(server.port()), s_host->certificate("ca.pem")};
}

std::string bearer(const std::string& token) { return "Authorization: Bearer " + token; }
std::string bearer() { return bearer(s_host->token()); }

void check_metrics(const HttpAnswer& answer, bool sees_queue) {
    BOOST_TEST(answer.status == 200, answer.body);
    BOOST_TEST(answer.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
    BOOST_TEST(answer.header("content-length") == std::to_string(answer.body.size()));
    BOOST_TEST(answer.header("cache-control") == "no-store");
    BOOST_TEST(answer.header("x-content-type-options") == "nosniff");
    BOOST_TEST(answer.header("x-ceymail-metrics") == "1");
    BOOST_TEST((value_of(answer.body, "ceymail_domains_total") == 3.0));
    BOOST_TEST((value_of(answer.body, "ceymail_database_up") == 1.0));
    BOOST_TEST(value_of(answer.body, "ceymail_cpu_total_jiffies").value_or(0) > 0);
    BOOST_TEST((value_of(answer.body, "ceymail_queue_deferred") == (sees_queue ? std::optional(1.0) : std::nullopt)));
}

void check_head(const HttpAnswer& answer) {
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.body.empty());
    BOOST_TEST(answer.header("content-length").size() == 4U, answer.header("content-length"));  // some thousand bytes
}

void check_refusals(const Site& site) {
    const auto without = site.ask({});
    BOOST_TEST(without.status == 401);
    BOOST_TEST(without.header("www-authenticate") == R"(Bearer realm="ceymail-metrics")");
    BOOST_TEST(without.header("cache-control") == "no-store");
    BOOST_TEST(without.body.find("ceymail-token generate") != std::string::npos, without.body);

    const auto wrong = site.ask({bearer("ceymail_wrongwrongwrongwrong")});
    BOOST_TEST(wrong.status == 401);
    BOOST_TEST(wrong.header("www-authenticate") == R"(Bearer realm="ceymail-metrics", error="invalid_token")");

    const auto posted = site.ask({bearer()}, {.method = "POST", .body = "a=b"});
    BOOST_TEST(posted.status == 405);
    BOOST_TEST(posted.header("allow") == "GET, HEAD");

    BOOST_TEST(site.ask({bearer()}, {.url = "-of-another-kind"}).status == 404);
}

// RFC 3875 4.4 makes arguments of the second one, with which a CGI program would print what the token is for.
void check_query_strings(const Site& site) {
    BOOST_TEST(site.ask({bearer()}, {.url = "?format=prometheus&a=%2F"}).status == 200);
    BOOST_TEST(site.ask({bearer()}, {.url = "?--version"}).status == 200);
    for (const char* query : {"?--once", "?--check"}) BOOST_TEST(site.ask({}, {.url = query}).status == 401, query);
}

void check_limit(const Site& site) {
    HttpRequest request{.source_address = "127.0.7.2"};
    for (int n = 1; n <= 12; ++n) BOOST_TEST(site.ask({}, request).status == 401, "request " << n);
    const auto refused = site.ask({bearer(), "X-Forwarded-For: 192.0.2.1", "X-Real-IP: 192.0.2.2",
                                   "Forwarded: for=192.0.2.3", "Remote-Addr: 192.0.2.4"},
                                  request);
    BOOST_TEST(refused.status == 429);
    const auto& seconds = refused.header("retry-after");
    BOOST_TEST((!seconds.empty() && std::stoi(seconds) > 0 && std::stoi(seconds) <= 60), seconds);
    // Nor can anybody spend another's minute.
    BOOST_TEST(site.ask({bearer(), "X-Forwarded-For: 127.0.7.2"}).status == 200);
}

void check_scrapers_at_once(const Site& site) {
    std::vector<std::future<long>> scrapers;
    for (int n = 1; n <= 4; ++n) {
        scrapers.push_back(std::async(std::launch::async, [&site, n] {
            return site.ask({bearer()}, {.source_address = "127.0.8." + std::to_string(n)}).status;
        }));
    }
    for (auto& scraper : scrapers) BOOST_TEST(scraper.get() == 200);
}

enum class Queue { seen, hidden };

void answers_as_promised(const Site& site, Queue queue = Queue::seen) {
    check_metrics(site.ask({bearer()}), queue == Queue::seen);
    check_head(site.ask({bearer()}, {.method = "HEAD"}));
    check_refusals(site);
    check_query_strings(site);
    check_limit(site);
    check_scrapers_at_once(site);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(web_servers, *boost::unit_test::fixture(&make_host, &remove_host))

BOOST_AUTO_TEST_CASE(nginx_with_tls_and_a_responder_that_listens_on_a_unix_socket) {
    const auto started = listening_on_unix_socket("nginx");
    const auto server =
        WebServer::nginx(nginx_upstream("unix:" + socket_in("nginx").string()) +
                         shipped("nginx/tls-example.conf",
                                 {{"listen 443", "listen 127.0.0.1:@PORT@"},
                                  {R"(listen \[::\]:443 ssl;)", ""},
                                  {"/etc/letsencrypt/.*/fullchain.pem", s_host->certificate("server.pem")},
                                  {"/etc/letsencrypt/.*/privkey.pem", s_host->certificate("server.key")},
                                  {R"(snippets/ceymail-metrics\*\.conf)", source("nginx/ceymail-metrics.conf")}}));
    answers_as_promised(tls(server));
}

BOOST_AUTO_TEST_CASE(nginx_and_a_responder_that_listens_on_tcp) {
    const auto address = "127.0.0.1:" + std::to_string(free_port());
    const Started started({responder(), "--config", s_host->service_configuration("tcp"), "--listen", "tcp:" + address},
                          [] { return true; });
    const auto server = WebServer::nginx(nginx_upstream(address) + nginx_server(nginx_location()));
    const auto site = plain(server);
    BOOST_TEST_REQUIRE(eventually([&] { return site.ask({}, {.source_address = "127.0.7.3"}).status == 401; }));
    answers_as_promised(site);
}

BOOST_AUTO_TEST_CASE(nginx_and_a_responder_that_spawn_fcgi_starts) {
    const auto socket = socket_in("spawned");
    const Started started({"spawn-fcgi", "-n", "-s", socket, "-M", "0660", "-U", k_service_user, "-G", k_web_user, "--",
                           responder(), "--config", s_host->service_configuration("spawned")},
                          socket_at(socket));
    answers_as_promised(plain(nginx_to(socket)));
}

BOOST_AUTO_TEST_CASE(apache_with_tls_and_a_handler) {
    const auto started = listening_on_unix_socket("handler");
    const auto server = WebServer::apache(
        shipped("apache/tls-example.conf",
                {{R"(\*:443)", "127.0.0.1:@PORT@"},
                 {"/etc/letsencrypt/.*/fullchain.pem", s_host->certificate("server.pem")},
                 {"/etc/letsencrypt/.*/privkey.pem", s_host->certificate("server.key")},
                 {"IncludeOptional .*", shipped("apache/ceymail-metrics.conf", {apache_socket("handler")})}}));
    answers_as_promised(tls(server));
}

BOOST_AUTO_TEST_CASE(apache_with_mod_fcgid) {
    const auto environment = " InitialEnv CEYMAIL_METRICS_CONFIG=" + s_host->web_configuration("fcgid").string();
    answers_as_promised(plain(WebServer::apache(shipped("apache/ceymail-metrics-fcgid.conf",
                                                        {{"/usr/libexec/ceymail-metrics", responder()},
                                                         {"IOTimeout 10", "IOTimeout 10" + environment}}))),
                        Queue::hidden);
}

BOOST_AUTO_TEST_CASE(apache_with_cgi) {
    answers_as_promised(
        plain(WebServer::apache(
            "SetEnv CEYMAIL_METRICS_CONFIG " + s_host->web_configuration("cgi").string() + "\n" +
            shipped("apache/ceymail-metrics-cgi.conf", {{"/usr/libexec/ceymail-metrics", responder()}}))),
        Queue::hidden);
}

BOOST_AUTO_TEST_CASE(nginx_with_fcgiwrap) {
    const auto socket = s_host->runtime("fcgiwrap") / "fcgiwrap.socket";
    const auto configuration = s_host->web_configuration("fcgiwrap");
    const Started fcgiwrap({"setpriv", std::string("--reuid=") + k_web_user, std::string("--regid=") + k_web_user,
                            "--clear-groups", "fcgiwrap", "-s", "unix:" + socket.string()},
                           socket_at(socket), {"CEYMAIL_METRICS_CONFIG=" + configuration.string()});
    answers_as_promised(plain(WebServer::nginx(nginx_server(
                            shipped("nginx/fcgiwrap-example.conf", {{"unix:[^;]*", "unix:" + socket.string()},
                                                                    {"/usr/libexec/ceymail-metrics", responder()}})))),
                        Queue::hidden);
}

BOOST_AUTO_TEST_CASE(an_apache_that_keeps_the_token_to_itself_is_named_once_in_the_log) {
    const auto started = listening_on_unix_socket("keeper");
    const auto server = WebServer::apache(
        shipped("apache/ceymail-metrics.conf", {apache_socket("keeper"), {"CGIPassAuth On", "CGIPassAuth Off"}}));
    const auto hints = [&] {
        const auto log = started.log();
        int found = 0;
        for (auto at = log.find("CGIPassAuth"); at != log.npos; at = log.find("CGIPassAuth", at + 1)) ++found;
        return found;
    };
    for (int n = 0; n < 6; ++n) BOOST_TEST(plain(server).ask({bearer()}).status == 401);
    BOOST_TEST(hints() >= 1, started.log());
    BOOST_TEST(hints() <= 2, started.log());  // each of the two workers may say it
}

// The packaged configuration is not the web server's user's: he is told what he needs of his own.
BOOST_AUTO_TEST_CASE(as_cgi_the_web_server_is_told_what_its_user_lacks) {
    const auto as_cgi = [](const fs::path& configuration) {
        return run({.arguments = {"setpriv", std::string("--reuid=") + k_web_user, std::string("--regid=") + k_web_user,
                                  "--clear-groups", responder()},
                    .environment = {"GATEWAY_INTERFACE=CGI/1.1", "CEYMAIL_METRICS_CONFIG=" + configuration.string()}});
    };
    const auto others = as_cgi(s_host->service_configuration("others"));
    BOOST_TEST(others.output.empty(), others.output);
    BOOST_TEST(others.status == 77);
    BOOST_TEST(others.errors.find("the user of this process") != std::string::npos, others.errors);

    const auto configuration = s_host->web_configuration("missing");
    fs::remove(s_host->runtime("missing"));
    const auto missing = as_cgi(configuration);
    BOOST_TEST(missing.status == 78);
    BOOST_TEST(
        missing.errors.find("install -d -o www-data " + s_host->runtime("missing").string()) != std::string::npos,
        missing.errors);
}

// Whom a proxy may speak for, and that its files are taken at all.
BOOST_AUTO_TEST_CASE(behind_a_named_proxy_its_client_is_limited_and_not_the_proxy) {
    const auto started = listening_on_unix_socket("proxied");
    const Place proxy{"192\\.0\\.2\\.10", "127.0.7.9"};
    const auto nginx =
        WebServer::nginx(nginx_upstream("unix:" + socket_in("proxied").string()) +
                         shipped("nginx/real-ip-example.conf", {proxy}) + nginx_server(nginx_location()));
    const auto apache = WebServer::apache("LoadModule remoteip_module modules/mod_remoteip.so\n" +
                                          shipped("apache/real-ip-example.conf", {proxy}) +
                                          shipped("apache/ceymail-metrics.conf", {apache_socket("proxied")}));
    int client = 0;
    for (const auto* server : {&nginx, &apache}) {
        const auto site = plain(*server);
        const auto status = [&](const std::string& from, const std::string& header) {
            return site.ask({"X-Forwarded-For: " + header}, {.source_address = from}).status;
        };
        const auto busy = "203.0.113." + std::to_string(++client);
        for (int n = 0; n < 12; ++n) BOOST_TEST(status("127.0.7.9", "198.51.100.1, " + busy) == 401);
        BOOST_TEST(status("127.0.7.9", "198.51.100.2, " + busy) == 429);
        BOOST_TEST(status("127.0.7.9", "203.0.113.9" + std::to_string(client)) == 401);
        BOOST_TEST(status("127.0.7.8", busy) == 401);  // not the proxy: not believed
    }
}

// The proxy is an nginx of its own on most hosts; here it is another server block.
BOOST_AUTO_TEST_CASE(behind_a_proxy_on_a_unix_socket_the_answer_names_the_remedy_and_the_remedy_works) {
    const auto started = listening_on_unix_socket("unix_proxied");
    const auto behind_proxy = [](const std::string& remedy) {
        const TemporaryDirectory directory;
        const auto between = (directory / "nginx.sock").string();
        const auto nginx =
            WebServer::nginx(nginx_upstream("unix:" + socket_in("unix_proxied").string()) +
                             "server {\nlisten unix:" + between + ";\n" + remedy + "\n" + nginx_location() +
                             "}\nserver {\nlisten 127.0.0.1:@PORT@;\nlocation / { proxy_pass http://unix:" + between +
                             ";\nproxy_set_header X-Forwarded-For $remote_addr; }\n}\n");
        return plain(nginx).ask({bearer()});
    };
    const auto refused = behind_proxy("");
    BOOST_TEST(refused.status == 400);
    std::string remedy;
    static const std::regex k_directive("\"([a-z_]+ [^\";]+;)\"");
    for (std::sregex_iterator it(refused.body.begin(), refused.body.end(), k_directive), end; it != end; ++it)
        remedy += (*it)[1].str();
    BOOST_TEST(!remedy.empty(), refused.body);
    check_metrics(behind_proxy(remedy), true);
}

BOOST_AUTO_TEST_CASE(behind_a_proxy_on_a_unix_socket_its_client_is_limited) {
    const auto started = listening_on_unix_socket("inner");
    const auto socket = (s_host->runtime("inner") / "nginx.sock").string();
    const auto server_behind_proxy = [&](const std::string& real_ip) {
        return WebServer::nginx(nginx_upstream("unix:" + socket_in("inner").string()) + real_ip +
                                "server {\nlisten unix:" + socket + ";\n" + nginx_location() +
                                "}\nserver {\nlisten 127.0.0.1:@PORT@;\nlocation / {\nproxy_pass http://unix:" +
                                socket + ";\nproxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n}\n}\n");
    };
    {
        const auto unnamed = server_behind_proxy(shipped("nginx/real-ip-example.conf", {}));
        BOOST_TEST(plain(unnamed).ask({bearer()}).status == 400);
    }
    fs::remove(socket);
    const auto named =
        server_behind_proxy(shipped("nginx/real-ip-example.conf", {{"# *(set_real_ip_from unix:;)", "$1"}}));
    const HttpRequest busy{.source_address = "127.0.7.21"};
    for (int n = 0; n < 12; ++n) BOOST_TEST(plain(named).ask({"X-Forwarded-For: 198.51.100.7"}, busy).status == 401);
    BOOST_TEST(plain(named).ask({"X-Forwarded-For: 198.51.100.8"}, busy).status == 429);
    BOOST_TEST(plain(named).ask({bearer()}, {.source_address = "127.0.7.22"}).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
