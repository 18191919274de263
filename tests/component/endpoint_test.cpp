// SPDX-License-Identifier: MIT
// Each row of the contract's table, with the shipped program and a real MariaDB.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/clock.hpp"
#include "support/captured_log.hpp"
#include "support/responder_process.hpp"
#include "support/token_database.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ceymail::testing;
using ceymail::util::BootClock;

constexpr auto npos = std::string::npos;

constexpr auto k_token = TokenDatabase::k_token;
constexpr const char* k_other_token = "ceymail_this-is-another-one-0123456789";

struct Endpoint {
    TokenDatabase database;
    ResponderProcess responder;

    explicit Endpoint(Settings settings = {}) : responder(database.settings(std::move(settings))) {}
    CgiAnswer ask(const Scrape& scrape) const { return responder.ask(scrape); }
};

struct WithEndpoint : Endpoint {};

std::chrono::seconds turned_by;
ceymail::util::BootTime turned() noexcept { return BootClock::now() + turned_by; }

// The objects of one worker in this process. The test sets the clock.
struct WithOwnEndpoint {
    TokenDatabase database;
    TemporaryDirectory directory;
    ceymail::shared::Segment segment = ceymail::shared::Segment::attach(directory.path()).value();
    ceymail::config::Configuration configuration{};
    ceymail::endpoint::Endpoint endpoint{
        configuration, segment, [](auto&&...) { return ceymail::util::BootTime{}; },
        ceymail::database::TokenReader(database.server().address(), "ceymail_dashboard"), turned};

    WithOwnEndpoint() { turned_by = {}; }
    int ask() {
        ceymail::fastcgi::Request request;
        request.method = "GET";
        request.uri = configuration.path;
        request.remote_addr = "192.0.2." + std::to_string(++m_client);
        request.authorization = ceymail::util::Secret(std::string("Bearer ") + k_token);
        return endpoint.answer(request).status;
    }

private:
    int m_client = 0;
};

std::chrono::nanoseconds time_of(const std::function<void()>& what) {
    const auto start = BootClock::now();
    what();
    return BootClock::now() - start;
}

BOOST_FIXTURE_TEST_SUITE(endpoint, WithEndpoint)

BOOST_AUTO_TEST_CASE(answers_the_right_token_with_the_exposition) {
    const auto answer = ask({.token = k_token});
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    BOOST_TEST(answer.header("Content-Length") == std::to_string(answer.body.size()));
    for (const auto name : {"ceymail_cpu_idle_jiffies ",
                            "ceymail_cpu_total_jiffies ",
                            "ceymail_memory_used_bytes ",
                            "ceymail_memory_total_bytes ",
                            "ceymail_disk_used_bytes ",
                            "ceymail_disk_total_bytes ",
                            "ceymail_queue_active 0",
                            "ceymail_queue_deferred 0",
                            "ceymail_queue_bounce 0",
                            "ceymail_queue_hold 0",
                            "ceymail_service_up{name=\"mariadb\"} 1",
                            "ceymail_domains_total ",
                            "ceymail_mailboxes_total ",
                            "ceymail_aliases_total ",
                            "ceymail_collector_success{collector=\"accounts\"} 1",
                            "ceymail_database_up 1",
                            "ceymail_auth_stale 0",
                            "ceymail_snapshot_age_seconds ",
                            "ceymail_requests_total{code=\"200\"} ",
                            "ceymail_build_info{version="}) {
        BOOST_TEST(answer.mentions(std::string("\n") + name), name);
    }
}

BOOST_AUTO_TEST_CASE(every_answer_forbids_to_store_and_to_sniff_and_names_its_origin) {
    for (const auto& scrape :
         {Scrape{.token = k_token}, Scrape{.token = k_token, .method = "HEAD"}, Scrape{}, Scrape{.uri = "/x"},
          Scrape{.method = "PUT"}, Scrape{.address = ""}, Scrape{.authorization = "Basic x"}}) {
        const auto answer = ask(scrape);
        BOOST_TEST(answer.header("Cache-Control") == "no-store", answer.status);
        BOOST_TEST(answer.header("X-Content-Type-Options") == "nosniff", answer.status);
        BOOST_TEST(answer.header("X-CeyMail-Metrics") == "1", answer.status);
    }
}

BOOST_AUTO_TEST_CASE(head_gets_the_same_head_and_no_body) {
    const auto answer = ask({.token = k_token, .method = "HEAD"});
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.body == "");
    BOOST_TEST(std::stoi(answer.header("Content-Length")) > 1000);
    BOOST_TEST(ask({.method = "HEAD", .uri = "/x"}).body == "");
}

BOOST_AUTO_TEST_CASE(refuses_in_the_order_of_the_table) {
    // Each has all that the rows below it refuse, too.
    struct {
        const char* label;
        Scrape scrape;
        int status;
    } const cases[] = {
        {"another path", {.method = "POST", .uri = "/api/stats", .address = ""}, 404},
        {"the path, longer", {.uri = "/api/stats/metrics/"}, 404},
        {"the path, encoded", {.token = k_token, .uri = "/api/stats/%6detrics"}, 404},
        {"another method", {.method = "POST", .address = ""}, 405},
        {"a method in lower case", {.token = k_token, .method = "get"}, 405},
        {"no address", {.token = k_token, .address = ""}, 400},
        {"no single address", {.token = k_token, .address = "192.0.2.1, 192.0.2.2"}, 400},
        {"no authorization", {}, 401},
        {"another scheme", {.authorization = "Basic dXNlcjpwYXNzd29yZA=="}, 400},
        {"no token", {.authorization = "Bearer "}, 400},
        {"two tokens", {.authorization = std::string("Bearer ") + k_token + " " + k_token}, 400},
        {"a wrong token", {.token = k_other_token}, 401},
        {"with a query", {.token = k_token, .uri = "/api/stats/metrics?x=1"}, 200},
        {"absolute form", {.token = k_token, .uri = "https://mail.example.org/api/stats/metrics"}, 200},
    };
    for (const auto& c : cases) BOOST_TEST(ask(c.scrape).status == c.status, c.label);
}

BOOST_AUTO_TEST_CASE(says_why_a_proxy_on_a_unix_socket_has_no_address_and_what_gives_it_one) {
    const auto answer = ask({.token = k_token, .address = "unix:"});
    BOOST_TEST(answer.status == 400);
    for (const auto words : {"Unix socket", "set_real_ip_from unix:;", "real_ip_header X-Forwarded-For;"})
        BOOST_TEST(answer.mentions(words), answer.body);
    BOOST_TEST(!ask({.token = k_token, .address = ""}).mentions("unix:"), "nothing to do with a missing address");
}

BOOST_AUTO_TEST_CASE(names_the_methods_it_knows) {
    BOOST_TEST(ask({.method = "DELETE"}).header("Allow") == "GET, HEAD");
}

BOOST_AUTO_TEST_CASE(challenges_as_rfc_6750_has_it) {
    const auto challenge = [&](const Scrape& scrape) { return ask(scrape).header("WWW-Authenticate"); };
    BOOST_TEST(challenge({}) == R"(Bearer realm="ceymail-metrics")");
    BOOST_TEST(challenge({.authorization = "Bearer"}) == R"(Bearer realm="ceymail-metrics", error="invalid_request")");
    BOOST_TEST(challenge({.token = k_other_token}) == R"(Bearer realm="ceymail-metrics", error="invalid_token")");
}

BOOST_AUTO_TEST_CASE(gives_one_answer_for_every_wrong_token) {
    const auto text = [&](const std::string& token) {
        return ceymail::testing::ask(responder.address(), Scrape{.token = token}.parameters()).text;
    };
    const auto never_known = text(k_other_token);
    const auto one_off = text(std::string(k_token).replace(20, 1, "X"));
    database.activate(k_other_token);
    const auto revoked = text(k_token);
    database.revoke();
    const auto none_active = text(k_other_token);
    BOOST_TEST(never_known.starts_with("Status: 401 "));
    BOOST_TEST(one_off == never_known);
    BOOST_TEST(revoked == never_known);
    BOOST_TEST(none_active == never_known);
}

BOOST_AUTO_TEST_CASE(a_key_of_the_rest_api_gets_the_same_answer_and_one_line_in_the_log) {
    const auto text = [&](const std::string& token) {
        return ceymail::testing::ask(responder.address(), Scrape{.token = token}.parameters()).text;
    };
    const auto lines = [&] {
        const auto log = responder.log();
        std::size_t count = 0;
        for (auto at = log.find("REST API"); at != npos; at = log.find("REST API", at + 1)) ++count;
        return count;
    };
    const auto token = text("ceymail_metrics_" + std::string(43, 'a'));
    BOOST_TEST(token.starts_with("Status: 401 "));
    BOOST_TEST(token.find("A key of CeyMail's REST API is not accepted here") != npos);
    BOOST_TEST(text("ceymail_" + std::string(43, 'a')) == token);
    BOOST_TEST(lines() == 0U);
    for (int i = 0; i < 3; ++i) BOOST_TEST(text("ceymail_live_0123456789") == token);
    BOOST_TEST(lines() == 1U, responder.log());
}

BOOST_AUTO_TEST_CASE(tells_when_the_token_was_made_unless_it_cannot_know) {
    const auto made = database.server().query(
        "SELECT UNIX_TIMESTAMP(CONVERT_TZ(created_at, '+00:00', @@session.time_zone)) FROM "
        "ceymail_dashboard.metrics_tokens WHERE active = 1");
    const auto name = std::string("ceymail_token_created_timestamp_seconds ");
    BOOST_TEST(ask({.token = k_token}).has_line(name + made.substr(0, made.find('\n'))), made);
    const std::string grant = "SELECT (created_at) ON ceymail_dashboard.metrics_tokens";
    database.server().query("REVOKE " + grant + " FROM responder@localhost");
    const auto closed = ask({.token = k_token});
    database.server().query("GRANT " + grant + " TO responder@localhost");
    BOOST_TEST(closed.status == 200);
    BOOST_TEST(closed.has_line("ceymail_database_up 1"));
    BOOST_TEST(!closed.mentions(name));
    database.server().kill();
    const auto stale = ask({.token = k_token});
    database.server().start();
    BOOST_TEST(stale.has_line("ceymail_auth_stale 1"));
    BOOST_TEST(!stale.mentions(name));
}

BOOST_AUTO_TEST_CASE(a_new_token_counts_at_the_next_request) {
    BOOST_TEST(ask({.token = k_token}).status == 200);
    database.activate(k_other_token);
    BOOST_TEST(ask({.token = k_token}).status == 401);
    BOOST_TEST(ask({.token = k_other_token}).status == 200);
}

BOOST_AUTO_TEST_CASE(refuses_the_thirteenth_and_has_retry_after) {
    for (int i = 0; i < 12; ++i) BOOST_TEST(ask({.token = k_token, .address = "192.0.2.7"}).status == 200);
    const auto refused = ask({.token = k_token, .address = "192.0.2.7"});
    BOOST_TEST(refused.status == 429);
    const int seconds = std::stoi(refused.header("Retry-After"));
    BOOST_TEST(seconds >= 50);
    BOOST_TEST(seconds <= 60);
    BOOST_TEST(ask({.token = k_token, .address = "192.0.2.8"}).status == 200, "another address has its own minute");
    for (const auto address : {"::ffff:192.0.2.7", "64:ff9b::192.0.2.7", "64:ff9b::c000:207%eth0"})
        BOOST_TEST(ask({.token = k_token, .address = address}).status == 429, address);
    BOOST_TEST(ask({.token = k_token, .address = "64:ff9b::192.0.2.10"}).status == 200, "another behind that NAT64");
    BOOST_TEST(ask({.token = k_token, .address = "fe80::1%eth0"}).status == 200, "an address with a zone");
}

BOOST_AUTO_TEST_CASE(wrong_tokens_spend_the_minute_and_other_mistakes_do_not) {
    const std::string address = "192.0.2.9";
    for (int i = 0; i < 20; ++i) {
        ask({.uri = "/x", .address = address});
        ask({.method = "POST", .address = address});
    }
    for (int i = 0; i < 12; ++i) BOOST_TEST(ask({.token = k_other_token, .address = address}).status == 401);
    BOOST_TEST(ask({.token = k_token, .address = address}).status == 429);
    BOOST_TEST(ask({.uri = "/x", .address = address}).status == 404);
}

BOOST_AUTO_TEST_CASE(counts_answers_over_all_workers) {
    for (int i = 0; i < 5; ++i) ask({.token = k_token});
    for (int i = 0; i < 3; ++i) ask({.token = k_other_token});
    ask({.method = "POST"});
    const auto answer = ask({.token = k_token});
    BOOST_TEST(answer.has_line("ceymail_requests_total{code=\"200\"} 5"));
    BOOST_TEST(answer.has_line("ceymail_requests_total{code=\"401\"} 3"));
    BOOST_TEST(answer.has_line("ceymail_requests_total{code=\"405\"} 1"));
}

BOOST_AUTO_TEST_CASE(notes_when_the_token_was_used_and_by_whom_it_was_not) {
    ask({.token = k_other_token});
    BOOST_TEST(database.last_used() == "NULL");
    ask({.token = k_token});
    BOOST_TEST(eventually([&] { return database.last_used() != "NULL"; }));
}

BOOST_AUTO_TEST_CASE(notes_the_last_use_at_most_once_a_minute_but_that_of_a_new_token_at_once) {
    ask({.token = k_token});
    BOOST_TEST_REQUIRE(eventually([&] { return database.last_used() != "NULL"; }));
    database.server().query("DELETE FROM ceymail_dashboard.metrics_token_uses");
    for (int i = 0; i < 6; ++i) ask({.token = k_token});
    BOOST_TEST(database.last_used() == "NULL");
    const std::string another = "ceymail_another-one-0123456789";
    database.activate(another);
    BOOST_TEST(ask({.token = another}).status == 200);
    BOOST_TEST(eventually([&] { return database.last_used() != "NULL"; }));
}

BOOST_AUTO_TEST_CASE(a_row_that_cannot_be_written_fails_no_scrape) {
    database.server().query(
        "REVOKE UPDATE (token_id) ON ceymail_dashboard.metrics_token_uses FROM responder@localhost");
    const auto answer = ask({.token = k_token});
    const auto again = ask({.token = k_token});
    database.server().query("GRANT UPDATE (token_id) ON ceymail_dashboard.metrics_token_uses TO responder@localhost");
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(again.status == 200);
    BOOST_TEST(eventually([&] { return responder.log().find("cannot note when the token was last used") != npos; }));
}

BOOST_AUTO_TEST_CASE(without_the_database_the_known_token_gets_an_answer_with_the_outage) {
    BOOST_TEST_REQUIRE(ask({.token = k_token}).mentions("ceymail_domains_total"));
    database.server().kill();
    const auto answer = ask({.token = k_token});
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.has_line("ceymail_database_up 0"));
    BOOST_TEST(answer.has_line("ceymail_auth_stale 1"));
    BOOST_TEST(answer.mentions("ceymail_memory_total_bytes"));
    BOOST_TEST(!answer.mentions("ceymail_domains_total"));
    const auto unknown = ask({.token = k_other_token});
    BOOST_TEST(unknown.status == 503);
    BOOST_TEST(unknown.header("Retry-After") != "");

    database.server().start();
    const auto after = ask({.token = k_token});
    BOOST_TEST(after.status == 200);
    BOOST_TEST(after.has_line("ceymail_database_up 1"));
    BOOST_TEST(after.has_line("ceymail_auth_stale 0"));
    BOOST_TEST(ask({.token = k_other_token}).status == 401);
}

BOOST_AUTO_TEST_CASE(a_stalled_database_leaves_time_for_the_metrics) {
    BOOST_TEST_REQUIRE(ask({.token = k_token}).status == 200);
    database.server().pause();
    CgiAnswer answer;
    BOOST_TEST((time_of([&] { answer = ask({.token = k_token}); }) < 5s));
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.mentions("ceymail_memory_total_bytes"));
    BOOST_TEST((time_of([&] { answer = ask({.token = k_token, .timeout = "1.5"}); }) < 1400ms), "the scraper's time");
    BOOST_TEST(answer.status == 200);
    BOOST_TEST((time_of([&] { answer = ask({.token = k_other_token}); }) < 2s));
    BOOST_TEST(answer.status == 503);
    database.server().resume();
    // It is asked again when its pause is over.
    BOOST_TEST(eventually([&] { return ask({.token = k_token}).has_line("ceymail_database_up 1"); }, 3s));
}

BOOST_AUTO_TEST_CASE(while_the_database_is_stalled_most_requests_do_not_wait_for_it) {
    BOOST_TEST_REQUIRE(ask({.token = k_token}).status == 200);
    database.server().pause();
    BOOST_TEST(ask({.token = k_other_token}).status == 503);
    CgiAnswer answer;
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST((time_of([&] { answer = ask({.token = k_other_token}); }) < 500ms));
        BOOST_TEST(answer.status == 503);
    }
    database.server().resume();
    BOOST_TEST(eventually([&] { return ask({.token = k_other_token}).status == 401; }, 3s));
}

// The database does not answer, so revoke clears the remembered token, and no request reads the database.
BOOST_AUTO_TEST_CASE(a_token_that_was_revoked_while_the_database_is_stalled_opens_nothing) {
    BOOST_TEST_REQUIRE(ask({.token = k_token}).status == 200);
    database.server().pause();
    BOOST_TEST(ask({.token = k_other_token}).status == 503);
    BOOST_TEST(ask({.token = k_token}).has_line("ceymail_auth_stale 1"));
    ceymail::admission::VerifiedToken(
        ceymail::shared::Segment::open_existing(responder.directory() / "run").value().layout().verified)
        .clear();  // as ceymail-token revoke does
    for (int i = 0; i < 12; ++i) {
        BOOST_TEST(ask({.token = k_token}).status == 503);
        std::this_thread::sleep_for(200ms);
    }
}

// A client without a token sends the header; the database is slow, but works.
BOOST_AUTO_TEST_CASE(a_short_scrape_timeout_causes_no_outage) {
    BOOST_TEST_REQUIRE(ask({.token = k_token}).status == 200);
    database.server().query(
        "USE ceymail_dashboard; RENAME TABLE metrics_tokens TO slow;"
        "CREATE VIEW metrics_tokens AS SELECT id, token_sha256, active FROM slow WHERE SLEEP(0.2) = 0");
    for (int i = 0; i < 20; ++i) BOOST_TEST(ask({.token = k_other_token, .timeout = "0.1"}).status == 401);
    const auto log = responder.log();
    database.server().query("USE ceymail_dashboard; DROP VIEW metrics_tokens; RENAME TABLE slow TO metrics_tokens");
    BOOST_TEST(log.find("check tokens") == npos, log);
}

BOOST_AUTO_TEST_CASE(an_outage_costs_each_worker_a_line_when_it_begins) {
    BOOST_TEST_REQUIRE(ask({.token = k_token}).status == 200);
    for (int flap = 0; flap < 3; ++flap) {
        database.server().kill();
        for (int i = 0; i < 20; ++i) ask({.token = k_token});
        database.server().start();
        for (int i = 0; i < 20; ++i) ask({.token = k_token});
    }
    const auto log = responder.log();
    const auto times = [&](const std::string& words) {
        std::size_t count = 0;
        for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++count;
        return count;
    };
    BOOST_TEST(times("cannot check tokens") >= 1U);
    BOOST_TEST(times("cannot check tokens") <= 2U, "once a worker");
    BOOST_TEST(times("can check tokens again") == 0U, "it has to settle first");
}

BOOST_FIXTURE_TEST_CASE(an_outage_costs_a_line_when_it_has_been_over_for_a_while, WithOwnEndpoint) {
    BOOST_TEST_REQUIRE(ask() == 200);
    const CapturedLog log;
    for (int flap = 0; flap < 3; ++flap) {
        database.server().kill();
        BOOST_TEST(ask() == 200);
        database.server().start();
        BOOST_TEST(ask() == 200);
    }
    BOOST_TEST(log.count("can check tokens again") == 0U);
    turned_by = 31s;
    for (int i = 0; i < 3; ++i) BOOST_TEST(ask() == 200);
    BOOST_TEST(log.count("cannot check tokens") == 1U);
    BOOST_TEST(log.count("can check tokens again") == 1U);
}

BOOST_AUTO_TEST_CASE(the_token_is_in_no_log_and_no_environment) {
    ask({.token = k_token});
    ask({.token = k_other_token});
    ask({.authorization = std::string("Basic ") + k_token});
    BOOST_TEST(responder.log().find("one-0123456789") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(endpoint_configured)

BOOST_AUTO_TEST_CASE(below_business_no_token_helps) {
    const Endpoint endpoint(Settings{{"plan", "professional"}});
    const auto answer = endpoint.ask({.token = k_token});
    BOOST_TEST(answer.status == 403);
    BOOST_TEST(answer.mentions("Business"));
    BOOST_TEST(endpoint.ask({}).status == 403);
}

BOOST_AUTO_TEST_CASE(an_unknown_plan_is_refused_with_the_names_of_all) {
    const Endpoint endpoint(Settings{{"plan", "gold"}});
    for (const auto& answer : {endpoint.ask({.token = k_token}), endpoint.ask({})}) {
        BOOST_TEST(answer.status == 403);
        BOOST_TEST(answer.mentions("one of free, starter, pro, professional, business, enterprise"));
        BOOST_TEST(!answer.mentions("gold"));
    }
    BOOST_TEST(endpoint.responder.log().find("the plan \"gold\" is not known: every request is answered 403; set plan "
                                             "to one of free, starter, pro, ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_grace_an_outage_is_an_outage) {
    const Endpoint endpoint(Settings{{"auth_grace", "0"}});
    BOOST_TEST_REQUIRE(endpoint.ask({.token = k_token}).status == 200);
    endpoint.database.server().kill();
    BOOST_TEST(endpoint.ask({.token = k_token}).status == 503);
}

BOOST_AUTO_TEST_CASE(within_the_ttl_nothing_is_gathered_again) {
    const Endpoint endpoint(Settings{{"cache_ttl", "300"}});
    BOOST_TEST_REQUIRE(endpoint.ask({.token = k_token}).status == 200);
    std::this_thread::sleep_for(50ms);
    const auto body = endpoint.ask({.token = k_token}).body;
    const std::string name = "\nceymail_snapshot_age_seconds ";
    BOOST_TEST(std::stod(body.substr(body.find(name) + name.size())) >= 0.05);
}

BOOST_AUTO_TEST_CASE(the_path_is_the_configured_one) {
    const Endpoint endpoint(Settings{{"path", "/metrics"}});
    BOOST_TEST(endpoint.ask({.token = k_token, .uri = "/metrics"}).status == 200);
    BOOST_TEST(endpoint.ask({.token = k_token}).status == 404);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
