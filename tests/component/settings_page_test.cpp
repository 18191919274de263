// SPDX-License-Identifier: MIT
// ceymail-settings with a client that acts as the web server, a real MariaDB and the account of `init --settings`.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ceymail/snapshot/report_client.hpp"
#include "support/database_proxy.hpp"
#include "support/failing_calls.hpp"
#include "support/fastcgi_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

constexpr const char* k_path = "/settings/security/prometheus-metrics";

struct Sent {
    std::string method = "GET";
    std::string query{};
    std::string body{};
    std::string cookie{};
    std::string user = "amal";
    std::string address{};  // empty: one that nobody has used yet
    Parameters more{};      // over the others
};

std::string fresh_address() {
    static unsigned s_next = 0;
    ++s_next;
    return "10.77." + std::to_string(s_next / 250) + "." + std::to_string(1 + s_next % 250);
}

Parameters parameters_of(const Sent& sent) {
    Parameters all{{"REQUEST_METHOD", sent.method},
                   {"REQUEST_URI", k_path + sent.query},
                   {"REMOTE_ADDR", sent.address.empty() ? fresh_address() : sent.address},
                   {"REMOTE_USER", sent.user},
                   {"HTTPS", "on"},
                   {"HTTP_HOST", "mail.example.org"},
                   {"HTTP_COOKIE", sent.cookie},
                   {"CONTENT_TYPE", sent.method == "POST" ? "application/x-www-form-urlencoded" : ""}};
    for (const auto& [name, value] : sent.more) {
        bool known = false;
        for (auto& [given, its_value] : all) {
            if (given == name) its_value = value, known = true;
        }
        if (!known) all.emplace_back(name, value);
    }
    return all;
}

std::string request_with_body(const Parameters& parameters, std::string_view body) {
    std::string out = begin_request() + params(pairs(parameters));
    for (; !body.empty(); body.remove_prefix(std::min<std::size_t>(body.size(), 60'000)))
        out += record(5, 1, body.substr(0, 60'000));
    return out + record(5, 1, "");
}

void hand_to(const char* user, const fs::path& path) {
    const passwd* const entry = ::getpwnam(user);
    BOOST_TEST_REQUIRE((entry != nullptr && ::chown(path.c_str(), entry->pw_uid, entry->pw_gid) == 0));
}

// One database for all cases, as `ceymail-token init --settings` leaves it.
struct Shared {
    MariadbServer server;
    TemporaryDirectory directory;

    Shared() {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "the programs change their users: sudo make check");
        for (const auto* name : {"settings", "metrics", "queue"}) fs::create_directory(directory / name);
        for (const auto* name : {"settings", "metrics"}) hand_to("nobody", directory / name);
        write({});
        const auto init =
            run({.arguments = {built_program("ceymail-token"), "--config", configuration(), "init", "--settings"}});
        BOOST_TEST_REQUIRE(init.status == 0, init.errors);
    }
    [[nodiscard]] fs::path configuration() const { return directory / "ceymail-metrics.conf"; }
    [[nodiscard]] fs::path socket() const { return directory / "settings/socket"; }
    [[nodiscard]] fs::path gateway_secret() const { return directory / "gateway-secret"; }
    void write(const Settings& more) const {
        Settings all{{"listen", "unix:" + (directory / "metrics/socket").string()},
                     {"listen_group", "nogroup"},
                     {"user", "nobody"},
                     {"runtime_directory", directory / "metrics"},
                     {"state_directory", directory / "state"},
                     {"queue_directory", directory / "queue"},
                     {"certificate", "none"},
                     {"service_manager", "processes"},
                     {"cache_ttl", "0"},
                     {"database_socket", server.socket()},
                     {"database_option_file", directory / "metrics.cnf"},
                     {"settings_listen", "unix:" + socket().string()},
                     {"settings_user", "nobody"},
                     {"settings_runtime_directory", directory / "settings"},
                     {"settings_database_option_file", directory / "settings.cnf"},
                     {"settings_gateway_secret", gateway_secret()}};
        for (const auto& [key, value] : more) all[key] = value;
        std::string text;
        for (const auto& [key, value] : all) text += key + " = " + value + "\n";
        directory.write("ceymail-metrics.conf", text);
    }
};

Shared& shared() {
    static Shared s_shared;
    return s_shared;
}

// A request as the web server passes it.
std::string gateway_secret() {
    auto text = slurp(shared().gateway_secret());
    text.pop_back();
    return text;
}

// The answer of ceymail-metrics; 0: none.
int scraped(const std::string& token) {
    try {
        return read_cgi(
                   ask("unix:" + (shared().directory / "metrics/socket").string(), Scrape{.token = token}.parameters())
                       .text)
            .status;
    } catch (const std::system_error&) {
        return 0;
    }
}

struct Page {
    explicit Page(const Settings& settings = {}) {
        shared().write(settings);
        // Not TRUNCATE, which would reset the ids.
        shared().server.query("DELETE FROM ceymail_dashboard.metrics_tokens; DELETE FROM ceymail_dashboard.audit_logs");
        start();
    }
    ~Page() {
        shared().server.resume();
        shared().server.start();
    }
    void start(const std::vector<std::string>& environment = {}) {
        process.emplace(
            ChildOptions{.arguments = {built_program("ceymail-settings"), "--config", shared().configuration()},
                         .environment = environment,
                         .errors_file = log()});
        BOOST_TEST_REQUIRE(eventually([&] {
                               try {
                                   return ask({.user = ""}).status == 403;
                               } catch (const std::system_error&) {
                                   return false;
                               }
                           }),
                           slurp(log()));
    }
    [[nodiscard]] static fs::path log() { return shared().directory / "settings.log"; }

    CgiAnswer ask(Sent sent) const {
        sent.more.insert(sent.more.begin(), {"CEYMAIL_GATEWAY_SECRET", gateway_secret()});
        return send(request_with_body(parameters_of(sent), sent.body));
    }
    static CgiAnswer send(const std::string& bytes) {
        FastcgiClient client("unix:" + shared().socket().string());
        client.send(bytes);
        return read_cgi(read_answer(client.receive(10s)).text);
    }
    // The CSRF token in the form of the page for `query`.
    std::string seal(const std::string& query, const std::string& user = "amal") const {
        const auto shown = ask({.query = query, .user = user});
        std::smatch found;
        BOOST_TEST_REQUIRE(std::regex_search(shown.body, found, std::regex("name=\"seal\" value=\"([^\"]+)\"")),
                           shown.body);
        return found[1];
    }
    CgiAnswer post(const std::string& action, const std::string& seal, const std::string& user = "amal") const {
        return ask({.method = "POST", .body = "action=" + action + "&seal=" + seal, .user = user});
    }
    static std::string cookie_of(const CgiAnswer& answer) {
        const auto header = answer.header("Set-Cookie");
        return header.substr(0, header.find(';'));
    }
    // The token, by all the steps that a browser takes.
    std::string generate(const std::string& query = "", const std::string& user = "amal") const {
        const auto sent = post("generate", seal(query, user), user);
        BOOST_TEST_REQUIRE(sent.status == 303, sent.body);
        return token_of(ask({.cookie = cookie_of(sent), .user = user}));
    }
    static std::string token_of(const CgiAnswer& answer) {
        std::smatch found;
        return std::regex_search(answer.body, found, std::regex("value=\"(ceymail_metrics_[A-Za-z0-9_-]{43})\""))
                   ? found[1].str()
                   : "";
    }
    static std::string active() {
        return shared().server.query("SELECT HEX(token_sha256) FROM ceymail_dashboard.metrics_tokens WHERE active = 1");
    }
    static std::string digest_of(const std::string& token) {
        return shared().server.query("SELECT UPPER(SHA2('" + token + "', 256))");
    }
    static std::string audit() {
        return shared().server.query("SELECT action, detail, ip_address FROM ceymail_dashboard.audit_logs ORDER BY id");
    }

    std::optional<ChildProcess> process;
};

BOOST_FIXTURE_TEST_SUITE(settings_page, Page)

BOOST_AUTO_TEST_CASE(generates_shows_once_and_revokes) {
    const auto sent = ask({.method = "POST", .body = "action=generate&seal=" + seal(""), .address = "192.0.2.7"});
    BOOST_TEST_REQUIRE(sent.status == 303);
    BOOST_TEST(sent.header("Location") == k_path);
    BOOST_TEST(std::regex_match(sent.header("Set-Cookie"),
                                std::regex("ceymail_once=[0-9a-f]{32}; Path=" + std::string(k_path) +
                                           "; Max-Age=60; HttpOnly; SameSite=Strict; Secure")),
               sent.header("Set-Cookie"));
    const auto shown = ask({.cookie = cookie_of(sent)});
    const auto token = token_of(shown);
    BOOST_TEST_REQUIRE(!token.empty());
    BOOST_TEST(active() == digest_of(token));
    BOOST_TEST(!sent.mentions(token));
    BOOST_TEST(slurp(log()).find(token) == std::string::npos);
    BOOST_TEST(audit() == "metrics_token.generate\tmade by amal\t192.0.2.7\n");

    BOOST_TEST(token_of(ask({.cookie = cookie_of(sent)})) == "");  // reload
    BOOST_TEST(!ask({}).mentions(token));

    const auto revoked = post("revoke", seal("?confirm=revoke"));
    BOOST_TEST_REQUIRE(revoked.status == 303);
    BOOST_TEST(ask({.cookie = cookie_of(revoked)}).mentions("The token is revoked"));
    BOOST_TEST(active() == "");
    BOOST_TEST(ask({}).mentions("revoked by amal"));
}

// A process with access to the socket can set REMOTE_USER, but only the web server has the secret.
BOOST_AUTO_TEST_CASE(serves_nobody_without_the_gateway_secret) {
    const auto right = gateway_secret();
    auto longer = right, other = right;
    longer += 'x';
    other.back() = other.back() == 'x' ? 'y' : 'x';
    const struct {
        const char* label;
        Parameters secret;
        int status;
    } cases[] = {
        {"none", {}, 403},
        {"an empty one", {{"CEYMAIL_GATEWAY_SECRET", ""}}, 403},
        {"another", {{"CEYMAIL_GATEWAY_SECRET", other}}, 403},
        {"a longer one", {{"CEYMAIL_GATEWAY_SECRET", longer}}, 403},
        {"a shorter one", {{"CEYMAIL_GATEWAY_SECRET", right.substr(1)}}, 403},
        {"as a header of the client", {{"HTTP_CEYMAIL_GATEWAY_SECRET", right}}, 403},
        {"two", {{"CEYMAIL_GATEWAY_SECRET", other}, {"CEYMAIL_GATEWAY_SECRET", right}}, 400},
    };
    for (const auto& c : cases) {
        for (const Sent& sent : {Sent{}, Sent{.query = "/style.css"}, Sent{.query = "/script.js"},
                                 Sent{.method = "POST", .body = "action=generate&seal=" + seal("")}}) {
            auto parameters = parameters_of(sent);
            parameters.insert(parameters.end(), c.secret.begin(), c.secret.end());
            const auto answer = send(request_with_body(parameters, sent.body));
            BOOST_TEST_CONTEXT(c.label << " " << sent.method << " " << sent.query) {
                BOOST_TEST(answer.status == c.status);
                BOOST_TEST((c.status != 403 || answer.mentions("ceymail-token init --settings")), answer.body);
                BOOST_TEST(!answer.mentions("name=\"seal\""));
            }
        }
    }
    BOOST_TEST(active() == "");
    BOOST_TEST(slurp(log()).find("without the right gateway secret") != std::string::npos, slurp(log()));
    BOOST_TEST(slurp(log()).find(right) == std::string::npos);
    BOOST_TEST(ask({}).status == 200);
}

// It shares these functions with the responder, whose keys have other names.
BOOST_AUTO_TEST_CASE(its_errors_name_its_own_keys) {
    const TemporaryDirectory there;
    const auto file = there.write("file", "");
    std::ofstream(there / "open.cnf") << "[client]\npassword=x\n";
    fs::permissions(there / "open.cnf", fs::perms{0644});
    const std::string listen = "unix:" + (there / "socket").string();
    const struct {
        Settings settings;
        const char* words;
    } cases[] = {
        {{{"settings_user", "no-such-user"}}, "or name another by settings_user = or --user"},
        {{{"settings_user", "no-such-user"}, {"settings_runtime_directory", there / "none"}},
         "; make it or name another by settings_user ="},
        {{{"settings_runtime_directory", file}}, "remove it or name another by settings_runtime_directory ="},
        {{{"settings_runtime_directory", "/proc/self/none"}}, "name another directory by settings_runtime_directory ="},
    };
    for (const auto& [settings, words] : cases) {
        std::string text = "settings_listen = " + listen + "\nlisten_group = nogroup\n";
        auto all = settings;
        all.insert({{"settings_runtime_directory", there.path()}, {"settings_user", "nobody"}});
        for (const auto& [key, value] : all) text += key + " = " + value + "\n";
        const auto done =
            run({.arguments = {built_program("ceymail-settings"), "--config", there.write("x.conf", text)}}, 10s);
        BOOST_TEST(done.status != 0, words);
        BOOST_TEST(done.errors.find(words) != std::string::npos, done.errors << " lacks " << words);
    }
    const auto init =
        run({.arguments = {
                 built_program("ceymail-token"), "--config",
                 there.write("x.conf", "database_socket = " + shared().server.socket().string() +
                                           "\nuser = nobody\ndatabase_option_file = " +
                                           (shared().directory / "metrics.cnf").string() +
                                           "\nsettings_database_option_file = " + (there / "open.cnf").string() + "\n"),
                 "init", "--settings"}});
    BOOST_TEST(init.errors.find("settings_database_option_file " + (there / "open.cnf").string() +
                                " holds a secret but is open to others") != std::string::npos,
               init.errors);
}

BOOST_AUTO_TEST_CASE(serves_nobody_while_it_has_no_gateway_secret_and_says_what_to_do) {
    const auto before = gateway_secret();
    const auto file = shared().gateway_secret();
    const auto init = [] {
        return run({.arguments = {built_program("ceymail-token"), "--config", shared().configuration(), "init",
                                  "--settings"}});
    };
    const auto ask_with = [](const std::string& secret) {
        auto parameters = parameters_of({});
        parameters.emplace_back("CEYMAIL_GATEWAY_SECRET", secret);
        return send(request_with_body(parameters, ""));
    };
    for (const std::string text : {"", "none", "short\n"}) {
        fs::remove(file);
        if (text != "none") shared().directory.write("gateway-secret", text);
        for (const auto& secret : {before, std::string(), text}) {
            const auto answer = ask_with(secret);
            BOOST_TEST(answer.status == 503);
            BOOST_TEST(answer.mentions("ceymail-token init --settings"), answer.body);
        }
    }
    // The error at the start, and then its remedy.
    fs::remove(file);
    process->signal(SIGTERM);
    BOOST_TEST(process->wait(6s).value_or(-1) == 0);
    process.emplace(ChildOptions{.arguments = {built_program("ceymail-settings"), "--config", shared().configuration()},
                                 .errors_file = log()});
    BOOST_TEST(eventually([] {
        return slurp(log()).find("gateway-secret: No such file or directory; run `ceymail-token init --settings`") !=
               std::string::npos;
    }));
    BOOST_TEST_REQUIRE(init().status == 0);
    BOOST_TEST(gateway_secret() != before);
    BOOST_TEST(ask({}).status == 200);  // without a restart
    BOOST_TEST(ask_with(before).status == 403);
}

BOOST_AUTO_TEST_CASE(its_gateway_secret_is_made_once_and_is_closed_to_others) {
    const auto init = [] {
        const auto done = run({.arguments = {built_program("ceymail-token"), "--config", shared().configuration(),
                                             "init", "--settings"}});
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
        return done.errors;
    };
    const auto before = gateway_secret();
    BOOST_TEST(std::regex_match(before, std::regex("[A-Za-z0-9_-]{43}")), before);
    const auto nginx = fs::path(shared().gateway_secret()) += ".nginx.conf";
    const auto apache = fs::path(shared().gateway_secret()) += ".apache.conf";
    const auto owner_of = [](const fs::path& path) {
        struct stat status{};
        BOOST_TEST_REQUIRE(::stat(path.c_str(), &status) == 0);
        BOOST_TEST((status.st_mode & 07777) == 0600, path);
        return status.st_uid;
    };
    BOOST_TEST(owner_of(shared().gateway_secret()) == ::getpwnam("nobody")->pw_uid);
    for (const auto& file : {nginx, apache}) {
        BOOST_TEST(owner_of(file) == 0U);
        BOOST_TEST(slurp(file).find("\"" + before + "\"") != std::string::npos);
    }
    BOOST_TEST(init().find("gateway-secret: is there\n") != std::string::npos);
    BOOST_TEST(gateway_secret() == before);
    // What does not fit is made again.
    fs::remove(nginx);
    fs::permissions(apache, fs::perms{0644});
    BOOST_TEST(init().find("reload it") != std::string::npos);
    BOOST_TEST(gateway_secret() == before);
    for (const auto& file : {nginx, apache}) {
        BOOST_TEST(owner_of(file) == 0U);
        BOOST_TEST(slurp(file).find("\"" + before + "\"") != std::string::npos);
    }
    fs::remove(shared().gateway_secret());
    const auto said = init();
    BOOST_TEST(said.find("gateway-secret: made; reload the web server") != std::string::npos, said);
    BOOST_TEST(said.find(gateway_secret()) == std::string::npos);
    BOOST_TEST(gateway_secret() != before);
    BOOST_TEST(slurp(nginx).find(gateway_secret()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(shows_a_token_to_nobody_else) {
    const auto sent = post("generate", seal(""));
    BOOST_TEST(token_of(ask({.cookie = cookie_of(sent), .user = "bimali"})) == "");
    BOOST_TEST(token_of(ask({})) == "");
    BOOST_TEST(token_of(ask({.method = "HEAD", .cookie = cookie_of(sent)})) == "");
    BOOST_TEST(token_of(ask({.cookie = cookie_of(sent)})) != "");
}

BOOST_AUTO_TEST_CASE(a_form_sent_twice_at_once_shows_the_one_token) {
    const auto form = seal("");
    const auto first = post("generate", form);
    const auto second = post("generate", form);  // the browser has given up the first and follows this one
    BOOST_TEST(second.status == 303);
    const auto token = token_of(ask({.cookie = cookie_of(second)}));
    BOOST_TEST(active() == digest_of(token));
    BOOST_TEST(audit() == audit().substr(0, audit().find('\n') + 1));
    // Back, and sent once more.
    const auto again = post("generate", form);
    BOOST_TEST(again.status == 409);
    BOOST_TEST(again.mentions("done already"));
    BOOST_TEST(active() == digest_of(token));
}

BOOST_AUTO_TEST_CASE(of_two_administrators_at_once_one_is_first) {
    const auto amals = seal(""), bimalis = seal("", "bimali");
    CgiAnswer one, other;
    {
        std::jthread first([&] { one = post("generate", amals); });
        std::jthread second([&] { other = post("generate", bimalis, "bimali"); });
    }
    BOOST_TEST(one.status + other.status == 303 + 409);
    const bool amal_won = one.status == 303;
    BOOST_TEST((amal_won ? other : one).mentions("The token has changed meanwhile"));
    const auto token =
        token_of(ask({.cookie = cookie_of(amal_won ? one : other), .user = amal_won ? "amal" : "bimali"}));
    BOOST_TEST(active() == digest_of(token));
}

BOOST_AUTO_TEST_CASE(does_not_revoke_a_token_that_was_not_seen) {
    generate();
    const auto form = seal("?confirm=revoke");
    const auto newer = generate("?confirm=generate", "bimali");
    const auto answer = post("revoke", form);
    BOOST_TEST(answer.status == 409);
    BOOST_TEST(answer.mentions("The token has changed meanwhile"));
    BOOST_TEST(active() == digest_of(newer));
}

BOOST_AUTO_TEST_CASE(refuses_forms_that_are_not_its_own) {
    const auto form = seal("");
    const auto body = "action=generate&seal=" + form;
    const struct {
        const char* label;
        Sent sent;
        int status;
    } cases[] = {
        {"no seal", {.method = "POST", .body = "action=generate"}, 403},
        {"a forged seal", {.method = "POST", .body = "action=generate&seal=" + std::string(form.size(), 'a')}, 403},
        {"another user's", {.method = "POST", .body = body, .user = "bimali"}, 403},
        {"another action's", {.method = "POST", .body = "action=revoke&seal=" + form}, 403},
        {"cross-site by origin",
         {.method = "POST", .body = body, .more = {{"HTTP_ORIGIN", "https://evil.example"}}},
         403},
        {"cross-site by fetch metadata",
         {.method = "POST", .body = body, .more = {{"HTTP_SEC_FETCH_SITE", "cross-site"}}},
         403},
        {"another host's origin", {.method = "POST", .body = body, .more = {{"HTTP_ORIGIN", "null"}}}, 403},
        {"no action", {.method = "POST", .body = "seal=" + form}, 400},
        {"two actions", {.method = "POST", .body = body + "&action=revoke"}, 400},
        {"another type", {.method = "POST", .body = body, .more = {{"CONTENT_TYPE", "text/plain"}}}, 415},
        {"9 KiB", {.method = "POST", .body = body + "&x=" + std::string(9000, 'x')}, 413},
        {"by GET", {.query = "?" + body}, 200},
        {"by GET with a body", {.body = body}, 200},
        {"by PUT", {.method = "PUT", .body = body}, 405},
        {"by nobody", {.method = "POST", .body = body, .user = ""}, 403},
        {"over plain HTTP", {.method = "POST", .body = body, .more = {{"HTTPS", ""}}}, 403},
        {"a user name with a line break", {.method = "POST", .body = body, .user = "a\r\nX-Evil: 1"}, 403},
        {"a host with a line break", {.method = "POST", .body = body, .more = {{"HTTP_HOST", "a\r\nX-Evil: 1"}}}, 400},
    };
    for (const auto& c : cases) {
        const auto answer = ask(c.sent);
        BOOST_TEST_CONTEXT(c.label) {
            BOOST_TEST(answer.status == c.status);
            BOOST_TEST(answer.header("X-Evil") == "");
            BOOST_TEST(answer.header("Set-Cookie") == "");
        }
    }
    // A megabyte is not even read: the connection ends, with an answer or without.
    const auto answer = ask({.method = "POST", .body = body + "&x=" + std::string(1'000'000, 'x')});
    BOOST_TEST((answer.status == 0 || answer.status == 400));
    BOOST_TEST(active() == "");
    BOOST_TEST(audit() == "");
    BOOST_TEST(post("generate", form).status == 303);  // it was good all the time
}

BOOST_AUTO_TEST_CASE(a_restart_makes_forms_stale_and_nothing_else) {
    const auto form = seal("");
    process->signal(SIGTERM);
    BOOST_TEST(process->wait(6s).value_or(-1) == 0);
    start();
    const auto answer = post("generate", form);
    BOOST_TEST(answer.status == 403);
    BOOST_TEST(answer.mentions("Open the page"));
    BOOST_TEST(generate() != "");
}

BOOST_AUTO_TEST_CASE(says_so_when_mariadb_is_down_and_goes_on_after) {
    const auto token = generate();
    const auto form = seal("?confirm=revoke");
    shared().server.stop();
    const auto shown = ask({});
    BOOST_TEST(shown.status == 503);
    BOOST_TEST(shown.mentions("MariaDB does not answer"));
    BOOST_TEST(!shown.mentions("No token is active"));
    const auto failed = post("revoke", form);
    BOOST_TEST(failed.status == 503);
    BOOST_TEST(failed.mentions("could not be made"));
    shared().server.start();
    BOOST_TEST(active() == digest_of(token));
    BOOST_TEST(post("revoke", form).status == 303);  // the same form again
    BOOST_TEST(active() == "");
}

BOOST_AUTO_TEST_CASE(a_stopped_mariadb_keeps_nobody_for_long) {
    shared().server.pause();
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(ask({}).status == 503);
    BOOST_TEST((std::chrono::steady_clock::now() - start < 5s));
}

BOOST_AUTO_TEST_CASE(shows_every_stored_text_as_text) {
    generate("", "<script>alert(1)</script>");
    shared().server.query(
        "UPDATE ceymail_dashboard.audit_logs SET detail = '<img src=x onerror=alert(2)>', ip_address = '\"><b>'");
    const auto shown = ask({.query = "?confirm=<script>", .user = "<script>alert(3)</script>"});
    BOOST_TEST(shown.mentions("&lt;script&gt;alert(1)"));
    BOOST_TEST(shown.mentions("&lt;img src=x"));
    for (const char* markup : {"<script>", "<img", "<b>"}) BOOST_TEST(!shown.mentions(markup), markup);
}

BOOST_AUTO_TEST_CASE(tells_what_to_do_about_a_collector_that_fails_though_nobody_has_scraped) {
    const auto queue = shared().directory / "no <b>queue</b>";
    shared().write({{"queue_directory", queue}});
    ChildProcess metrics({.arguments = {built_program("ceymail-metrics"), "--config", shared().configuration()},
                          .errors_file = shared().directory / "metrics.log"});
    CgiAnswer shown;
    BOOST_TEST_REQUIRE(eventually([&] { return (shown = ask({})).mentions("1 of 11 failing"); }), shown.body);
    BOOST_TEST(shown.status == 200);
    BOOST_TEST(shown.mentions("<strong>Mail queue</strong><span class=\"badge bad\">Failing</span>"));
    BOOST_TEST(shown.mentions("no &lt;b&gt;queue&lt;/b&gt;"), shown.body);
    BOOST_TEST(!shown.mentions("<b>"));
    BOOST_TEST(shown.mentions("<strong>What to do:</strong>"));

    std::filesystem::create_directories(queue / "active");
    // As old as a report may be before the collectors are asked again.
    BOOST_TEST(eventually([&] { return (shown = ask({})).mentions("All working"); }), shown.body);
    BOOST_TEST_REQUIRE(metrics.running());
    metrics.terminate();
    shown = ask({});
    BOOST_TEST(shown.status == 200);
    BOOST_TEST(shown.mentions("does not say how they fare"));
    BOOST_TEST(shown.mentions("systemctl status ceymail-metrics"), shown.body);
    BOOST_TEST(!shown.mentions("All working"));
}

BOOST_AUTO_TEST_CASE(every_answer_bears_the_headers_of_a_page_that_holds_a_secret) {
    for (const auto& sent : {Sent{}, Sent{.user = ""}, Sent{.method = "POST"}, Sent{.query = "/none"}}) {
        const auto answer = ask(sent);
        BOOST_TEST(answer.header("Cache-Control") == "no-store");
        BOOST_TEST(answer.header("X-Content-Type-Options") == "nosniff");
        BOOST_TEST(answer.header("Referrer-Policy") == "same-origin");
        const auto policy = answer.header("Content-Security-Policy");
        for (const char* rule :
             {"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "base-uri 'none'"})
            BOOST_TEST(policy.find(rule) != std::string::npos, rule);
        BOOST_TEST(policy.find("unsafe") == std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(serves_its_style_and_script) {
    BOOST_TEST(ask({.query = "/style.css"}).header("Content-Type") == "text/css; charset=utf-8");
    BOOST_TEST(ask({.query = "/script.js"}).header("Content-Type") == "text/javascript; charset=utf-8");
    BOOST_TEST(ask({.query = "/script.js", .user = ""}).status == 403);
    BOOST_TEST(ask({.query = "/other"}).status == 404);
}

BOOST_AUTO_TEST_CASE(admits_an_address_12_times_a_minute) {
    for (int i = 0; i < 12; ++i) BOOST_TEST(ask({.address = "198.51.100.1"}).status == 200);
    const auto refused = ask({.address = "198.51.100.1"});
    BOOST_TEST(refused.status == 429);
    BOOST_TEST(std::stoi(refused.header("Retry-After")) > 0);
    BOOST_TEST(ask({.address = "198.51.100.2"}).status == 200);
    BOOST_TEST(ask({.query = "/style.css", .address = "198.51.100.1"}).status == 200);
}

// A /48 has room for 32 keys.
BOOST_AUTO_TEST_CASE(says_what_the_limiter_refuses_an_address_for_that_is_new) {
    const auto ask_from = [&](int network) {
        return ask({.address = "2001:db8:7:" + std::to_string(network) + "::1"});
    };
    int network = 0;
    while (network < 33 && ask_from(network).status == 200) ++network;
    const auto refused = ask_from(network);
    BOOST_TEST(refused.status == 429);
    BOOST_TEST(refused.body.find("Too many addresses ask at once, and this one is new.") != std::string::npos);
    BOOST_TEST(refused.body.find("12 times") == std::string::npos, refused.body);
    process->terminate();
    fs::remove(shared().directory / "settings/segment");  // addresses of other cases may have its bucket
}

BOOST_AUTO_TEST_CASE(says_why_a_proxy_on_a_unix_socket_has_no_address_and_what_gives_it_one) {
    const auto refused = ask({.address = "unix:"});
    BOOST_TEST(refused.status == 400);
    BOOST_TEST(refused.body.find("set_real_ip_from unix:;") != std::string::npos, refused.body);
}

BOOST_AUTO_TEST_CASE(its_account_can_do_what_the_page_does_and_no_more) {
    const auto grants = shared().server.query("SHOW GRANTS FOR 'ceymail-settings'@'localhost'");
    BOOST_TEST(grants.find("virtual_") == std::string::npos, grants);
    BOOST_TEST(grants.find("DELETE") == std::string::npos, grants);
    BOOST_TEST(grants.find("ALL") == std::string::npos, grants);
    const auto metrics = shared().server.query("SHOW GRANTS FOR 'ceymail-metrics'@'localhost'");
    const std::regex writes("(INSERT|UPDATE|DELETE)[^\n]*`(metrics_tokens|virtual_\\w+)`");
    BOOST_TEST(!std::regex_search(metrics, writes), metrics);
    BOOST_TEST(metrics.find("audit_logs") == std::string::npos, metrics);
    const auto select =
        run({.arguments = {"mariadb", "--defaults-file=" + (shared().directory / "settings.cnf").string(),
                           "--socket=" + shared().server.socket().string(), "--user=ceymail-settings", "-e",
                           "SELECT token_sha256 FROM ceymail_dashboard.metrics_tokens"}});
    BOOST_TEST(select.status != 0);
    BOOST_TEST(select.errors.find("denied") != std::string::npos, select.errors);
}

BOOST_AUTO_TEST_CASE(tells_the_metrics_responder_to_forget_a_revoked_token) {
    ChildProcess metrics({.arguments = {built_program("ceymail-metrics"), "--config", shared().configuration()},
                          .errors_file = shared().directory / "metrics.log"});
    const auto token = generate();
    const auto status = scraped;
    BOOST_TEST_REQUIRE(eventually([&] { return status(token) == 200; }));
    const auto revoked = post("revoke", seal("?confirm=revoke"));
    const auto shown = ask({.cookie = cookie_of(revoked)});
    BOOST_TEST(!shown.mentions("could not be told"), slurp(log()));
    shared().server.stop();  // before anybody has scraped again
    BOOST_TEST(status(token) == 503);
}

// MariaDB commits the revocation, and goes before the page has its answer.
BOOST_AUTO_TEST_CASE(has_a_token_forgotten_whose_revocation_is_in_doubt) {
    ChildProcess metrics({.arguments = {built_program("ceymail-metrics"), "--config", shared().configuration()},
                          .errors_file = shared().directory / "metrics.log"});
    const auto socket = shared().directory / "proxied.sock";
    DatabaseProxy proxy(socket, shared().server.socket());
    const auto token = generate();
    BOOST_TEST_REQUIRE(eventually([&] { return scraped(token) == 200; }));
    shared().write({{"database_socket", socket}});
    process->signal(SIGTERM);
    BOOST_TEST_REQUIRE(process->wait(6s).value_or(-1) == 0);
    start();
    for (std::size_t packets = 1; packets < 60 && !active().empty(); ++packets) {
        proxy.inject(DatabaseFault::none);
        const auto form = seal("?confirm=revoke");
        BOOST_TEST_REQUIRE(scraped(token) == 200);
        proxy.inject(DatabaseFault::hang_up, packets);
        BOOST_TEST(post("revoke", form).status == 503);
    }
    BOOST_TEST_REQUIRE(active() == "");
    BOOST_TEST(slurp(log()).find("whether the change was made is not known") != std::string::npos, slurp(log()));
    shared().server.stop();  // before anybody has scraped again
    BOOST_TEST(scraped(token) == 503);
}

// A connection alone is the order. Any data and any number of connections do not change that.
BOOST_AUTO_TEST_CASE(the_metrics_responder_forgets_by_a_connection_alone) {
    ChildProcess metrics({.arguments = {built_program("ceymail-metrics"), "--config", shared().configuration()},
                          .errors_file = shared().directory / "metrics.log"});
    const auto token = generate();
    const auto status = [&] { return scraped(token); };
    BOOST_TEST_REQUIRE(eventually([&] { return status() == 200; }));
    const auto forget = shared().directory / "metrics/page/forget.sock";
    struct stat file{};
    BOOST_TEST_REQUIRE(::stat(forget.c_str(), &file) == 0);
    BOOST_TEST((file.st_mode & 0777) == 0660);
    shared().server.pause();
    BOOST_TEST(status() == 200);  // remembered
    shared().server.resume();
    std::vector<util::Fd> crowd;
    for (int i = 0; i < 200; ++i) {
        util::Fd one(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        forget.native().copy(&address.sun_path[0], sizeof address.sun_path - 1);
        BOOST_TEST_REQUIRE(::connect(one.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        (void)::send(one.get(), "GET / HTTP/1.1", 14, MSG_NOSIGNAL);
        crowd.push_back(std::move(one));
    }
    const auto done = snapshot::order_to_forget(forget, util::BootClock::now() + 5s);
    BOOST_TEST(done.has_value(), (done ? "" : done.error().message));
    shared().server.stop();
    BOOST_TEST(status() == 503);
    shared().server.start();
    BOOST_TEST(status() == 200);
    metrics.signal(SIGTERM);
    BOOST_TEST(metrics.wait(6s).value_or(-1) == 0);
    const auto gone = snapshot::order_to_forget(forget, util::BootClock::now() + 1s);
    BOOST_TEST_REQUIRE(!gone.has_value());
    BOOST_TEST(gone.error().message.find("is ceymail-metrics running?") != std::string::npos, gone.error().message);
}

BOOST_AUTO_TEST_CASE(says_so_when_the_metrics_responder_cannot_be_told) {
    generate();
    const auto revoked = post("revoke", seal("?confirm=revoke"));
    BOOST_TEST(ask({.cookie = cookie_of(revoked)}).mentions("could not be told"));
}

BOOST_AUTO_TEST_CASE(shows_the_token_also_where_the_audit_log_cannot_be_read) {
    generate();
    shared().server.query("RENAME TABLE ceymail_dashboard.audit_logs TO ceymail_dashboard.audit_logs_away");
    const auto shown = ask({});
    shared().server.query("RENAME TABLE ceymail_dashboard.audit_logs_away TO ceymail_dashboard.audit_logs");
    BOOST_TEST(shown.status == 200);
    BOOST_TEST(shown.mentions("The audit log cannot be read just now."));
    BOOST_TEST(shown.mentions("Revoke"));
    BOOST_TEST(!ask({}).mentions("The audit log cannot be read just now."));
}

// Every allocation of a request fails in turn, then in larger steps. libfcgi and libmariadb end the process for some,
// and systemd starts it again.
BOOST_AUTO_TEST_CASE(answers_500_where_memory_fails_and_the_next_request_in_full) {
    process->terminate();
    FailingCalls calls;
    start(calls.environment());
    int words = 0, none = 0;
    for (std::int64_t n = 1; n < 20'000; n += n < 400 ? 1 : n / 4) {
        calls.fail_nth(Call::memory, n);
        const auto answer = ask({});
        const auto failed = calls.failed();
        calls.stop();
        if (failed == 0) break;
        const auto ended = process->wait(answer.status == 0 ? 5s : 0s);
        BOOST_TEST_CONTEXT(n << ": " << slurp(log())) {
            BOOST_TEST((answer.status == 200 || answer.status == 500 || answer.status == 503 || ended), answer.status);
        }
        words += answer.status == 500 && answer.mentions("Something is wrong in ceymail-settings") ? 1 : 0;
        none += answer.status == 500 && answer.body.empty() ? 1 : 0;
        if (ended) start(calls.environment());
    }
    BOOST_TEST(none > 0);
    BOOST_TEST(words > 0);
    const auto after = ask({});
    BOOST_TEST(after.status == 200, after.body << slurp(log()));
    BOOST_TEST(slurp(log()).find("terminate called") == std::string::npos, slurp(log()));
}

// Either socket of the page in turn: a directory has its name.
BOOST_AUTO_TEST_CASE(the_metrics_responder_serves_without_the_sockets_of_the_page_and_says_what_that_costs) {
    const auto token = generate();
    const auto page = shared().directory / "metrics/page";
    for (const auto& [name, words] :
         {std::pair{"collectors.sock", "the settings page will not show the collectors"},
          std::pair{"forget.sock", "the settings page cannot make the responder forget a token"}}) {
        fs::remove_all(page / name);
        fs::create_directories(page / name / "in-the-way");
        hand_to("nobody", page);
        const auto log = shared().directory / (std::string(name) + ".log");
        {
            const ChildProcess metrics(
                {.arguments = {built_program("ceymail-metrics"), "--config", shared().configuration()},
                 .errors_file = log});
            BOOST_TEST(eventually([&] { return scraped(token) == 200; }), slurp(log));
        }
        const auto text = slurp(log);
        BOOST_TEST(
            text.find("cannot listen on " + (page / name).string() + ": Address already in use") != std::string::npos,
            text);
        BOOST_TEST(text.find(words) != std::string::npos, text);
        BOOST_TEST(text.find("cannot listen") == text.rfind("cannot listen"), "the other socket is there");
        fs::remove_all(page);
    }
}

BOOST_AUTO_TEST_CASE(an_order_to_forget_that_cannot_be_accepted_is_logged_once_and_costs_no_scrape) {
    FailingCalls calls;
    const auto log = shared().directory / "no-descriptors.log";
    ChildProcess metrics({.arguments = {built_program("ceymail-metrics"), "--config", shared().configuration()},
                          .environment = calls.environment(),
                          .errors_file = log});
    const auto token = generate();
    BOOST_TEST_REQUIRE(eventually([&] { return scraped(token) == 200; }));
    const auto forget = shared().directory / "metrics/page/forget.sock";
    calls.fail_nth(Call::accept, 1);
    const auto order = snapshot::order_to_forget(forget, util::BootClock::now() + 5s);
    BOOST_TEST(!order.has_value());
    const std::string words =
        "cannot accept an order to forget a token: Too many open files; the settings page cannot do so until "
        "ceymail-metrics is restarted";
    BOOST_TEST(eventually([&] { return slurp(log).find(words) != std::string::npos; }), slurp(log));
    calls.stop();
    BOOST_TEST(scraped(token) == 200);
    BOOST_TEST(!snapshot::order_to_forget(forget, util::BootClock::now() + 1s).has_value());
    BOOST_TEST(slurp(log).find(words) == slurp(log).rfind(words));
}

BOOST_AUTO_TEST_SUITE_END()

struct LowPlan : Page {
    LowPlan() : Page(Settings{{"plan", "professional"}}) {}
};

BOOST_FIXTURE_TEST_CASE(settings_page_below_business_generates_nothing, LowPlan) {
    const auto shown = ask({});
    BOOST_TEST(shown.status == 200);
    BOOST_TEST(shown.mentions("needs the Business plan or above"));
    BOOST_TEST(!shown.mentions("<form"));
}

struct PlainHttp : Page {
    PlainHttp() : Page(Settings{{"settings_plain_http", "yes"}}) {}
};

BOOST_FIXTURE_TEST_CASE(settings_page_serves_plain_http_where_told_to, PlainHttp) {
    BOOST_TEST(ask({.more = {{"HTTPS", ""}}}).status == 200);
    const auto sent = ask({.method = "POST", .body = "action=generate&seal=" + seal(""), .more = {{"HTTPS", ""}}});
    BOOST_TEST(sent.status == 303);
    BOOST_TEST(sent.header("Set-Cookie").find("Secure") == std::string::npos);
}

}  // namespace
