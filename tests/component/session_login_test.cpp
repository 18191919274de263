// SPDX-License-Identifier: MIT
// ceymail-settings with the dashboard's session: a client that acts as the web server, a real MariaDB with the
// dashboard's users, and the account of `init --settings`.
#include <csignal>
#include <filesystem>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <pwd.h>
#include <unistd.h>

#include "support/dashboard_session.hpp"
#include "support/fastcgi_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

constexpr const char* k_path = "/settings/security/prometheus-metrics";
constexpr const char* k_other_secret = "a-secret-of-another-dashboard-0123456789";

// A request as the web server passes it. `more` replaces parameters of the same name.
struct Sent {
    std::string cookie{};
    std::string query{};
    std::string body{};     // not empty: a POST
    std::string address{};  // empty: one that was not used before
    Parameters more{};
};

std::string fresh_address() {
    static unsigned s_next = 0;
    ++s_next;
    return "10.78." + std::to_string(s_next / 250) + "." + std::to_string(1 + s_next % 250);
}

struct Shared {
    MariadbServer server;
    TemporaryDirectory directory;

    Shared() {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "the program changes its user: sudo make check");
        fs::create_directory(directory / "settings");
        const passwd* const nobody = ::getpwnam("nobody");
        BOOST_TEST_REQUIRE((nobody && ::chown((directory / "settings").c_str(), nobody->pw_uid, nobody->pw_gid) == 0));
        write_secret(k_session_secret);
        write({});
        const auto done = init();
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    }
    [[nodiscard]] fs::path configuration() const { return directory / "ceymail-metrics.conf"; }
    [[nodiscard]] fs::path secret_file() const { return directory / "env.local"; }
    [[nodiscard]] Finished init() const {
        return run({.arguments = {built_program("ceymail-token"), "--config", configuration(), "init", "--settings"}});
    }
    void write_secret(const std::string& secret) const {
        directory.write("env.local", "DB_PASSWORD=x\nSESSION_SECRET=" + secret + "\n");
    }
    // A value "-" takes the key out.
    void write(const Settings& more) const {
        Settings all{{"user", "nobody"},
                     {"runtime_directory", directory / "metrics"},
                     {"rate_window", "1"},
                     {"database_socket", server.socket()},
                     {"database_option_file", directory / "metrics.cnf"},
                     {"settings_listen", "unix:" + (directory / "settings/socket").string()},
                     {"listen_group", "nogroup"},
                     {"settings_user", "nobody"},
                     {"settings_runtime_directory", directory / "settings"},
                     {"settings_database_option_file", directory / "settings.cnf"},
                     {"settings_gateway_secret", directory / "gateway-secret"},
                     {"settings_session_secret", secret_file()}};
        for (const auto& [key, value] : more) all[key] = value;
        std::string text;
        for (const auto& [key, value] : all) text += value == "-" ? "" : key + " = " + value + "\n";
        directory.write("ceymail-metrics.conf", text);
    }
};

Shared& shared() {
    static Shared s_shared;
    return s_shared;
}

struct Page {
    explicit Page(const Settings& settings = {}, std::vector<std::string> environment = {}) {
        shared().write_secret(k_session_secret);
        shared().write(settings);
        shared().server.query(
            "DELETE FROM ceymail_dashboard.metrics_tokens; DELETE FROM ceymail_dashboard.audit_logs;"
            "DELETE FROM ceymail_dashboard.dashboard_users;"
            "INSERT INTO ceymail_dashboard.dashboard_users (id, username, password_hash, role) VALUES"
            "(1, 'amal', '!', 'admin'), (2, 'bimali', '!', 'admin'), (3, 'vihanga', '!', 'viewer')");
        process.emplace(
            ChildOptions{.arguments = {built_program("ceymail-settings"), "--config", shared().configuration()},
                         .environment = std::move(environment),
                         .errors_file = log()});
        BOOST_TEST_REQUIRE(eventually([&] {
                               try {
                                   return ask({}).status != 0;
                               } catch (const std::system_error&) {
                                   return false;
                               }
                           }),
                           slurp(log()));
    }
    ~Page() {
        shared().server.resume();
        shared().server.start();
    }
    [[nodiscard]] static fs::path log() { return shared().directory / "settings.log"; }

    static CgiAnswer ask(const Sent& sent) {
        auto secret = slurp(shared().directory / "gateway-secret");
        secret.pop_back();
        Parameters all{{"CEYMAIL_GATEWAY_SECRET", secret},
                       {"REQUEST_METHOD", sent.body.empty() ? "GET" : "POST"},
                       {"REQUEST_URI", k_path + sent.query},
                       {"REMOTE_ADDR", sent.address.empty() ? fresh_address() : sent.address},
                       {"HTTPS", "on"},
                       {"HTTP_HOST", "mail.example.org"},
                       {"HTTP_COOKIE", sent.cookie},
                       {"CONTENT_TYPE", sent.body.empty() ? "" : "application/x-www-form-urlencoded"}};
        for (const auto& [name, value] : sent.more) {
            std::erase_if(all, [&](const auto& one) { return one.first == name; });
            all.emplace_back(name, value);
        }
        FastcgiClient client("unix:" + (shared().directory / "settings/socket").string());
        client.send(begin_request() + params(pairs(all)) + (sent.body.empty() ? "" : record(5, 1, sent.body)) +
                    record(5, 1, ""));
        return read_cgi(read_answer(client.receive(10s)).text);
    }
    static std::string seal(const std::string& cookie) {
        const auto shown = ask({.cookie = cookie});
        std::smatch found;
        BOOST_TEST_REQUIRE(std::regex_search(shown.body, found, std::regex("name=\"seal\" value=\"([^\"]+)\"")),
                           shown.status << shown.body);
        return found[1];
    }
    static std::string signed_in_as(const CgiAnswer& answer) {
        std::smatch found;
        return std::regex_search(answer.body, found, std::regex("Signed in as <strong class=\"name\">([^<]*)<"))
                   ? found[1].str()
                   : "";
    }

    std::optional<ChildProcess> process;
};

std::string cookie(std::string_view value) { return "mc-session=" + std::string(value); }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(session_login, Page)

BOOST_AUTO_TEST_CASE(signs_an_administrator_in_and_writes_the_users_id_to_the_audit_log) {
    const DashboardSession amal;
    for (const auto& header :
         {amal.cookie(), "a=b; " + amal.cookie() + "; c=d", DashboardSession{.in_milliseconds = false}.cookie()}) {
        const auto shown = ask({.cookie = header});
        BOOST_TEST(shown.status == 200);
        BOOST_TEST(signed_in_as(shown) == "amal", shown.body);
    }
    const auto sent =
        ask({.cookie = amal.cookie(), .body = "action=generate&seal=" + seal(amal.cookie()), .address = "192.0.2.7"});
    BOOST_TEST_REQUIRE(sent.status == 303, sent.body);
    const auto once = sent.header("Set-Cookie").substr(0, sent.header("Set-Cookie").find(';'));
    const auto shown = ask({.cookie = once + "; " + amal.cookie()});
    BOOST_TEST(shown.mentions("Your new token"), shown.body);
    const DashboardSession bimali{.user_id = 2, .username = "bimali"};
    const auto revoked = ask({.cookie = bimali.cookie(), .query = "?confirm=revoke"});
    std::smatch form;
    BOOST_TEST_REQUIRE(std::regex_search(revoked.body, form, std::regex("name=\"seal\" value=\"([^\"]+)\"")));
    BOOST_TEST(ask({.cookie = bimali.cookie(), .body = "action=revoke&seal=" + form[1].str(), .address = "192.0.2.8"})
                   .status == 303);
    BOOST_TEST(shared().server.query("SELECT user_id, action, detail, ip_address FROM ceymail_dashboard.audit_logs "
                                     "ORDER BY id") ==
               "1\tmetrics_token.generate\tmade by amal\t192.0.2.7\n"
               "2\tmetrics_token.revoke\trevoked by bimali\t192.0.2.8\n");
}

BOOST_AUTO_TEST_CASE(refuses_all_but_the_session_of_an_administrator) {
    const DashboardSession amal;
    const auto value = amal.value();
    const struct {
        const char* label;
        std::string cookie;
        int status = 401;
    } cases[] = {
        {"no cookie", ""},
        {"another cookie", "session=" + value},
        {"a longer name", "xmc-session=" + value},
        {"a name of another case", "MC-SESSION=" + value},
        {"an empty one", "mc-session="},
        {"expired", DashboardSession{.seconds_left = -1}.cookie()},
        {"expired, in seconds", DashboardSession{.seconds_left = -1, .in_milliseconds = false}.cookie()},
        {"ends in a year", DashboardSession{.seconds_left = 366 * 86400}.cookie()},
        {"signed with another secret", DashboardSession{.secret = k_other_secret}.cookie()},
        {"a viewer", DashboardSession{.user_id = 3, .username = "vihanga", .role = "viewer"}.cookie(), 403},
        {"a viewer whose cookie says admin", DashboardSession{.user_id = 3, .username = "vihanga"}.cookie(), 403},
        {"an admin whose cookie says viewer", DashboardSession{.role = "viewer"}.cookie(), 403},
        {"a role of another case", DashboardSession{.role = "Admin"}.cookie(), 403},
        {"an unknown user", DashboardSession{.user_id = 99}.cookie()},
        {"another user's id", DashboardSession{.user_id = 2}.cookie()},
        {"a name of another case", DashboardSession{.username = "Amal"}.cookie()},
        {"a name with a blank after it", DashboardSession{.username = "amal "}.cookie()},
        {"an id beyond the column", DashboardSession{.user_id = 18'446'744'073'709'551'615U}.cookie()},
        {"two", cookie(value) + "; " + cookie(value)},
        {"two, the other one empty", cookie("") + "; " + cookie(value)},
        {"in quotes", cookie("\"" + value + "\"")},
        {"a blank before it", cookie(" " + value)},
        {"other characters", cookie("\xFF\x01" + value)},
        {"3000 characters", cookie(value + std::string(3000, 'A'))},
        {"claims that are no JSON", cookie(signed_session("amal"))},
        {"claims without exp", cookie(signed_session(R"({"userId":1,"username":"amal","role":"admin"})"))},
    };
    for (const auto& c : cases) {
        BOOST_TEST_CONTEXT(c.label) {
            for (const std::string body : {"", "action=generate"}) {
                const auto answer = ask({.cookie = c.cookie, .body = body});
                BOOST_TEST(answer.status == c.status);
                BOOST_TEST((c.status != 401 || answer.mentions("<a class=\"button primary\" href=\"/\">")),
                           answer.body);
                BOOST_TEST((c.status != 401 || !answer.header("WWW-Authenticate").empty()));
                BOOST_TEST(!answer.mentions("name=\"seal\""));
                BOOST_TEST(answer.header("Cache-Control") == "no-store");
            }
        }
    }
    BOOST_TEST(signed_in_as(ask({.cookie = amal.cookie()})) == "amal");
    BOOST_TEST(slurp(log()).find(k_session_secret) == std::string::npos);
    BOOST_TEST(slurp(log()).find(value) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(refuses_10000_changed_sessions) {
    const auto value = DashboardSession{}.value();
    std::mt19937 random(11);
    std::string address;
    for (int i = 0; i < 10'000; ++i) {
        if (i % 10 == 0) address = fresh_address();
        const auto changed = changed_session(value, random);
        const auto answer = ask({.cookie = cookie(changed), .address = address});
        BOOST_TEST_REQUIRE(answer.status == 401, changed);
    }
    BOOST_TEST(signed_in_as(ask({.cookie = cookie(value)})) == "amal");
    const auto text = slurp(log());
    const std::string warning = "session of another signature";
    BOOST_TEST_REQUIRE(text.find(warning) != std::string::npos, text);
    BOOST_TEST(text.size() < 4096U);  // few lines for 10,000 requests
}

BOOST_AUTO_TEST_CASE(asks_the_database_for_each_request) {
    const DashboardSession amal;
    const auto users = [](const std::string& sql) {
        shared().server.query("UPDATE ceymail_dashboard.dashboard_users SET " + sql);
    };
    BOOST_TEST(ask({.cookie = amal.cookie()}).status == 200);
    const auto form = seal(amal.cookie());
    users("role = 'viewer' WHERE id = 1");
    BOOST_TEST(ask({.cookie = amal.cookie()}).status == 403);
    BOOST_TEST(ask({.cookie = amal.cookie(), .body = "action=generate&seal=" + form}).status == 403);
    users("role = 'admin', username = 'amal2' WHERE id = 1");
    BOOST_TEST(ask({.cookie = amal.cookie()}).status == 401);
    users("username = 'amal' WHERE id = 1");
    BOOST_TEST(ask({.cookie = amal.cookie(), .body = "action=generate&seal=" + form}).status == 303);
}

BOOST_AUTO_TEST_CASE(believes_neither_remote_user_nor_a_process_without_the_gateway_secret) {
    const DashboardSession amal;
    const auto alone = ask({.more = {{"REMOTE_USER", "root"}}});
    BOOST_TEST(alone.status == 403);
    BOOST_TEST(alone.mentions("ceymail-session-settings.conf"), alone.body);
    const auto both = ask({.cookie = amal.cookie(), .more = {{"REMOTE_USER", "root"}}});
    BOOST_TEST(signed_in_as(both) == "amal");
    const auto viewer = DashboardSession{.user_id = 3, .username = "vihanga"}.cookie();
    BOOST_TEST(ask({.cookie = viewer, .more = {{"REMOTE_USER", "amal"}}}).status == 403);
    for (const std::string secret : {"", "x"}) {
        const auto beside = ask({.cookie = amal.cookie(), .more = {{"CEYMAIL_GATEWAY_SECRET", secret}}});
        BOOST_TEST(beside.status == 403);
        BOOST_TEST(beside.mentions("did not come through the web server"), beside.body);
    }
    BOOST_TEST(ask({.cookie = amal.cookie(), .more = {{"HTTPS", ""}}}).status == 403);
}

BOOST_AUTO_TEST_CASE(a_form_holds_for_the_user_who_loaded_it) {
    const DashboardSession amal, bimali{.user_id = 2, .username = "bimali"};
    const auto body = "action=generate&seal=" + seal(amal.cookie());
    BOOST_TEST(ask({.cookie = bimali.cookie(), .body = body}).status == 403);
    BOOST_TEST(ask({.cookie = amal.cookie(), .body = body, .more = {{"HTTP_ORIGIN", "https://evil.example"}}}).status ==
               403);
    BOOST_TEST(ask({.cookie = amal.cookie(), .body = body}).status == 303);
}

BOOST_AUTO_TEST_CASE(serves_the_page_that_asks_to_sign_in_with_its_style) {
    BOOST_TEST(ask({.query = "/style.css"}).status == 200);
    BOOST_TEST(ask({.query = "/script.js"}).status == 200);
    BOOST_TEST(ask({.query = "/other"}).status == 404);
    const auto signed_out = ask({});
    BOOST_TEST(signed_out.mentions("Sign in at the dashboard"), signed_out.body);
    BOOST_TEST(ask({.query = "?confirm=generate"}).status == 401);
}

BOOST_AUTO_TEST_CASE(takes_a_new_secret_of_the_file_at_once_and_says_what_to_do_without_one) {
    const auto before = DashboardSession{}.cookie(), after = DashboardSession{.secret = k_other_secret}.cookie();
    BOOST_TEST(ask({.cookie = before}).status == 200);
    BOOST_TEST(ask({.cookie = after}).status == 401);
    shared().write_secret(k_other_secret);
    BOOST_TEST(ask({.cookie = before}).status == 401);
    BOOST_TEST(ask({.cookie = after}).status == 200);
    for (const std::string text : {"", "missing", "none"}) {
        fs::remove(shared().secret_file());
        if (text != "none") shared().directory.write("env.local", text);
        for (const auto& header : {before, after}) {
            const auto refused = ask({.cookie = header, .more = {{"REMOTE_USER", "amal"}}});
            BOOST_TEST(refused.status == 503);
            BOOST_TEST(refused.mentions("systemctl daemon-reload &amp;&amp; systemctl restart ceymail-settings"),
                       refused.body);
        }
        BOOST_TEST(ask({}).status == 401);
    }
    // The error at the start.
    process->terminate();
    process.emplace(ChildOptions{.arguments = {built_program("ceymail-settings"), "--config", shared().configuration()},
                                 .errors_file = log()});
    BOOST_TEST(eventually([] {
                   return slurp(log()).find("ceymail-settings: cannot read " + shared().secret_file().string()) !=
                          std::string::npos;
               }),
               slurp(log()));
}

BOOST_AUTO_TEST_CASE(signs_nobody_in_while_mariadb_is_down_or_hangs) {
    const DashboardSession amal;
    const auto form = seal(amal.cookie());
    shared().server.stop();
    const auto down = ask({.cookie = amal.cookie()});
    BOOST_TEST(down.status == 503);
    BOOST_TEST(down.mentions("cannot be looked up"), down.body);
    BOOST_TEST(ask({.cookie = DashboardSession{.secret = k_other_secret}.cookie()}).status == 401);
    shared().server.start();
    shared().server.pause();
    const auto start = std::chrono::steady_clock::now();
    BOOST_TEST(ask({.cookie = amal.cookie()}).status == 503);
    BOOST_TEST((std::chrono::steady_clock::now() - start < 5s));
    shared().server.resume();
    BOOST_TEST(ask({.cookie = amal.cookie(), .body = "action=generate&seal=" + form}).status == 303);
}

BOOST_AUTO_TEST_CASE(its_account_reads_three_columns_of_the_users_and_no_password) {
    const auto may = [](const std::string& columns) {
        return run({.arguments = {"mariadb", "--defaults-file=" + (shared().directory / "settings.cnf").string(),
                                  "--socket=" + shared().server.socket().string(), "--user=ceymail-settings", "-e",
                                  "SELECT " + columns + " FROM ceymail_dashboard.dashboard_users"}})
                   .status == 0;
    };
    BOOST_TEST(may("id, username, role"));
    for (const auto* column : {"password_hash", "email", "last_login"}) BOOST_TEST(!may(column), column);
    const auto grants = shared().server.query("SHOW GRANTS FOR 'ceymail-settings'@'localhost'");
    BOOST_TEST(!std::regex_search(grants, std::regex("(INSERT|UPDATE|DELETE)[^\n]*dashboard_users")), grants);
}

BOOST_AUTO_TEST_CASE(init_grants_it_only_where_it_is_configured_and_the_table_is_there) {
    const auto restore = [] {
        shared().server.query(
            "RENAME TABLE IF EXISTS ceymail_dashboard.elsewhere TO ceymail_dashboard.dashboard_users");
        shared().write({});
        BOOST_TEST(shared().init().status == 0);
    };
    shared().server.query("REVOKE ALL, GRANT OPTION FROM 'ceymail-settings'@'localhost'");
    shared().write({{"settings_session_secret", "-"}});
    const auto without = shared().init();
    BOOST_TEST(without.status == 0);
    BOOST_TEST(without.errors.find("dashboard_users") == std::string::npos, without.errors);
    const auto denied = ask({.cookie = DashboardSession{}.cookie()});  // the program runs with the key
    BOOST_TEST(denied.status == 503);
    BOOST_TEST(denied.mentions("ceymail-token init --settings"), denied.body);

    shared().server.query("RENAME TABLE ceymail_dashboard.dashboard_users TO ceymail_dashboard.elsewhere");
    shared().write({});
    const auto pending = shared().init();
    BOOST_TEST(pending.status == 0);
    BOOST_TEST(pending.errors.find("table ceymail_dashboard.dashboard_users: is not there yet") != std::string::npos,
               pending.errors);
    restore();
    BOOST_TEST(ask({.cookie = DashboardSession{}.cookie()}).status == 200);
    shared().write({{"settings_session_secret", "-"}});
    const auto excess = shared().init();
    BOOST_TEST(excess.errors.find("may more than it needs: SELECT(role) on ceymail_dashboard.dashboard_users") !=
                   std::string::npos,
               excess.errors);
    restore();
}

BOOST_AUTO_TEST_SUITE_END()

struct Unconfigured : Page {
    Unconfigured() : Page(Settings{{"settings_session_secret", "-"}}) {}
};

BOOST_FIXTURE_TEST_CASE(session_login_is_off_unless_it_is_configured, Unconfigured) {
    const auto cookie = DashboardSession{}.cookie();
    const auto refused = ask({.cookie = cookie});
    BOOST_TEST(refused.status == 403);
    BOOST_TEST(refused.mentions("settings_session_secret"), refused.body);
    BOOST_TEST(signed_in_as(ask({.cookie = cookie, .more = {{"REMOTE_USER", "bimali"}}})) == "bimali");
}

// The credential of systemd comes before the file itself.
struct WithCredential : Page {
    WithCredential()
        : Page({},
               {"CREDENTIALS_DIRECTORY=" +
                shared()
                    .directory.write("credentials/dashboard-session", std::string("SESSION_SECRET=") + k_other_secret)
                    .parent_path()
                    .string()}) {}
};

BOOST_FIXTURE_TEST_CASE(session_login_takes_the_secret_of_the_credential, WithCredential) {
    BOOST_TEST(ask({.cookie = DashboardSession{.secret = k_other_secret}.cookie()}).status == 200);
    BOOST_TEST(ask({.cookie = DashboardSession{}.cookie()}).status == 401);
}

struct LongWindow : Page {
    LongWindow() : Page(Settings{{"rate_window", "60"}}) {}
};

BOOST_FIXTURE_TEST_CASE(session_login_counts_guesses_before_it_looks_at_them, LongWindow) {
    const auto forged = DashboardSession{.secret = k_other_secret}.cookie();
    for (int i = 0; i < 12; ++i) BOOST_TEST(ask({.cookie = forged, .address = "198.51.100.1"}).status == 401);
    BOOST_TEST(ask({.cookie = forged, .address = "198.51.100.1"}).status == 429);
    BOOST_TEST(ask({.cookie = DashboardSession{}.cookie(), .address = "198.51.100.1"}).status == 429);
    BOOST_TEST(ask({.cookie = DashboardSession{}.cookie(), .address = "198.51.100.2"}).status == 200);
}
