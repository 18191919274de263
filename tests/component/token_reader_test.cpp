// SPDX-License-Identifier: MIT
// TokenReader with a real MariaDB and the grants of a worker.
#include "ceymail/database/token_reader.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using database::TokenReader;
using util::ErrorKind;

namespace {

util::BootTime in(std::chrono::milliseconds time) { return util::BootClock::now() + time; }

// A server with the table, and the account that workers use.
struct Fixture : MariadbServer {
    Fixture() {
        apply_schema();
        worker = address("worker", add_account("worker", "secret"));
        query(
            "GRANT SELECT (id, token_sha256, active, created_at) ON ceymail_dashboard.metrics_tokens TO "
            "worker@localhost;"
            "GRANT INSERT (token_id, last_used_at), UPDATE (token_id, last_used_at), SELECT (host) "
            "ON ceymail_dashboard.metrics_token_uses TO worker@localhost");
    }
    void insert(const std::string& text) const {
        query("INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (UNHEX(SHA2('" + text + "', 256)))");
    }
    std::string last_use() const {
        return query(
            "SELECT token_id, TIMESTAMPDIFF(SECOND, last_used_at, UTC_TIMESTAMP()) < 5 "
            "FROM ceymail_dashboard.metrics_token_uses");
    }
    TokenReader reader() const { return {worker, "ceymail_dashboard"}; }

    database::Address worker;
};

std::optional<util::Digest> digest_of(const util::Result<std::optional<database::TokenRow>>& result) {
    BOOST_TEST_REQUIRE(result.has_value(), (result ? "" : result.error().message));
    return *result ? std::optional((*result)->digest) : std::nullopt;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(token_reader, Fixture)

BOOST_AUTO_TEST_CASE(reads_the_active_row_and_only_that) {
    auto tokens = reader();
    BOOST_TEST(!digest_of(tokens.active(in(5s))).has_value());
    insert("first");
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("first")));
    query("UPDATE ceymail_dashboard.metrics_tokens SET revoked_at = UTC_TIMESTAMP()");
    BOOST_TEST(!digest_of(tokens.active(in(5s))).has_value());
    insert("second");
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("second")));
}

// The unix time of the active token, by the server; the session of the test's client is in the global zone.
BOOST_AUTO_TEST_CASE(reads_when_the_token_was_made_whatever_the_time_zone) {
    query("SET GLOBAL time_zone = '-08:00'");
    insert("token");
    query("UPDATE ceymail_dashboard.metrics_tokens SET created_at = '2026-03-29 02:30:00'");
    const auto row = reader().active(in(5s));
    BOOST_TEST_REQUIRE((row.has_value() && row->has_value()));
    BOOST_TEST(((*row)->created_at == 1774751400));
}

// A database that an earlier release set up, and one whose table another tool made.
BOOST_AUTO_TEST_CASE(reads_the_token_also_where_its_time_is_closed_or_missing) {
    insert("token");
    query("REVOKE SELECT (created_at) ON ceymail_dashboard.metrics_tokens FROM worker@localhost");
    auto tokens = reader();
    for (int twice = 0; twice < 2; ++twice) {
        const auto row = tokens.active(in(5s));
        BOOST_TEST((digest_of(row) == util::sha256("token")));
        BOOST_TEST(!(*row)->created_at.has_value());
    }
    query("GRANT SELECT (created_at) ON ceymail_dashboard.metrics_tokens TO worker@localhost");
    BOOST_TEST(!(*tokens.active(in(5s)))->created_at.has_value(), "asked for again later");
    BOOST_TEST((*reader().active(in(5s)))->created_at.has_value());
    query("ALTER TABLE ceymail_dashboard.metrics_tokens DROP created_at");
    const auto row = reader().active(in(5s));
    BOOST_TEST((digest_of(row) == util::sha256("token")));
    BOOST_TEST(!(*row)->created_at.has_value());
}

BOOST_AUTO_TEST_CASE(notes_the_last_use_in_utc) {
    query("SET GLOBAL time_zone = '-08:00'");
    insert("token");
    auto tokens = reader();
    const auto row = tokens.active(in(5s));
    BOOST_TEST_REQUIRE((row.has_value() && row->has_value()));
    BOOST_TEST_REQUIRE(tokens.may_touch(in(5s)).has_value());
    BOOST_TEST(last_use() == "");
    for (int twice = 0; twice < 2; ++twice) {
        const auto touched = tokens.touch((*row)->id, in(5s));
        BOOST_TEST_REQUIRE(touched.has_value(), (touched ? "" : touched.error().message));
        BOOST_TEST(last_use() == "1\t1\n");
    }
    BOOST_TEST(tokens.touch(7, in(5s)).has_value());
    BOOST_TEST(last_use() == "7\t1\n");
}

BOOST_AUTO_TEST_CASE(inserts_nothing_where_the_row_is_there) {
    BOOST_TEST(reader().touch(7, in(5s)).has_value());
    query(
        "UPDATE ceymail_dashboard.metrics_token_uses SET last_used_at = '2026-01-02 03:04:05';"
        "REVOKE INSERT (token_id, last_used_at) ON ceymail_dashboard.metrics_token_uses FROM worker@localhost");
    const auto touched = reader().touch(7, in(5s));
    BOOST_TEST(touched.has_value(), (touched ? "" : touched.error().message));
    BOOST_TEST(last_use() == "7\t1\n");
}

BOOST_AUTO_TEST_CASE(notes_the_last_use_under_safe_updates) {
    query("SET GLOBAL sql_safe_updates = 1");
    auto tokens = reader();
    for (int twice = 0; twice < 2; ++twice) BOOST_TEST(tokens.touch(1, in(5s)).has_value());
    BOOST_TEST(last_use() == "1\t1\n");
}

// Another host of a cluster, whose server has the same name, has just noted it.
BOOST_AUTO_TEST_CASE(takes_a_conflict_with_another_host_for_a_noted_use) {
    const auto signal = [this](int code) {
        query(
            "USE ceymail_dashboard; CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON metrics_token_uses "
            "FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = " +
            std::to_string(code));
    };
    auto tokens = reader();
    signal(1213);
    const auto conflict = tokens.touch(1, in(5s));
    BOOST_TEST(conflict.has_value(), (conflict ? "" : conflict.error().message));
    signal(1644);
    BOOST_TEST(!tokens.touch(1, in(5s)).has_value());
    query("DROP TRIGGER ceymail_dashboard.refuse");
}

// As earlier releases made the table.
BOOST_AUTO_TEST_CASE(notes_the_last_use_beside_the_one_row_of_an_earlier_release) {
    query("USE ceymail_dashboard; DROP TABLE metrics_token_uses;\n" +
          slurp(source("deploy/sql/002-metrics-token-uses.sql")) +
          "INSERT INTO metrics_token_uses (token_id, last_used_at) VALUES (6, '2026-01-02 03:04:05')");
    for (int twice = 0; twice < 2; ++twice) apply_schema();
    query(
        "GRANT INSERT (token_id, last_used_at), UPDATE (token_id, last_used_at), SELECT (host) "
        "ON ceymail_dashboard.metrics_token_uses TO worker@localhost");
    auto tokens = reader();
    for (std::uint64_t id : {7, 8}) BOOST_TEST(tokens.touch(id, in(5s)).has_value());
    BOOST_TEST(query("SELECT host = @@hostname, token_id, last_used_at > '2026-02-01' FROM "
                     "ceymail_dashboard.metrics_token_uses ORDER BY token_id") == "0\t6\t0\n1\t8\t1\n");
}

BOOST_AUTO_TEST_CASE(reports_missing_grants_before_it_writes) {
    for (const auto* privilege :
         {"UPDATE (token_id, last_used_at)", "INSERT (token_id, last_used_at)", "SELECT (host)"}) {
        const std::string on = " ON ceymail_dashboard.metrics_token_uses ";
        query("REVOKE " + std::string(privilege) + on + "FROM worker@localhost");
        const auto refused = reader().may_touch(in(5s));
        query("GRANT " + std::string(privilege) + on + "TO worker@localhost");
        BOOST_TEST_REQUIRE(!refused.has_value(), privilege);
        BOOST_TEST((refused.error().kind == ErrorKind::denied), refused.error().message);
    }
    query("DROP TABLE ceymail_dashboard.metrics_token_uses");
    const auto missing = reader().may_touch(in(5s));
    BOOST_TEST_REQUIRE(!missing.has_value());
    BOOST_TEST((missing.error().kind == ErrorKind::not_found || missing.error().kind == ErrorKind::denied));
}

BOOST_AUTO_TEST_CASE(waits_for_a_locked_row_no_longer_than_a_second) {
    insert("token");
    auto tokens = reader();
    BOOST_TEST_REQUIRE(tokens.touch(7, in(5s)).has_value());
    ChildProcess locker(
        {.arguments = {"mariadb", "--no-defaults", "--socket=" + socket().string(), "-N", "-B", "-n"},
         .input = "BEGIN; SELECT token_id FROM ceymail_dashboard.metrics_token_uses FOR UPDATE; DO SLEEP(30);"});
    while (locker.running() && locker.output().empty()) std::this_thread::sleep_for(10ms);
    const auto start = util::BootClock::now();
    const auto touched = tokens.touch(1, in(10s));
    BOOST_TEST_REQUIRE(!touched.has_value());
    BOOST_TEST(touched.error().code == 1205);
    BOOST_TEST((touched.error().kind == ErrorKind::conflict));
    BOOST_TEST((util::BootClock::now() - start < 3s));
    BOOST_TEST((digest_of(tokens.active(in(1s))) == util::sha256("token")));  // reading is not locked out
}

BOOST_AUTO_TEST_CASE(does_not_notice_a_restart_or_a_killed_session) {
    insert("token");
    auto tokens = reader();
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));
    query("KILL USER worker@localhost");
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));
    stop();
    start();
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));
    query("KILL USER worker@localhost");
    BOOST_TEST(tokens.touch(1, in(5s)).has_value());
}

BOOST_AUTO_TEST_CASE(distinguishes_an_unreachable_server_from_a_missing_row) {
    insert("token");
    auto tokens = reader();
    BOOST_TEST_REQUIRE(tokens.active(in(5s)).has_value());

    pause();
    BOOST_TEST((tokens.active(in(200ms)).error().kind == ErrorKind::timed_out));
    resume();
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));

    kill();
    BOOST_TEST((tokens.active(in(1s)).error().kind == ErrorKind::unavailable));
    start();
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));

    query("RENAME TABLE ceymail_dashboard.metrics_tokens TO ceymail_dashboard.hidden");
    const auto gone = tokens.active(in(5s));
    BOOST_TEST_REQUIRE(!gone.has_value());
    BOOST_TEST((gone.error().kind == ErrorKind::denied || gone.error().kind == ErrorKind::not_found));
    query("RENAME TABLE ceymail_dashboard.hidden TO ceymail_dashboard.metrics_tokens");
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));
}

BOOST_AUTO_TEST_CASE(has_no_more_than_its_grants) {
    insert("token");
    const struct {
        const char* sql;
        int code;
    } forbidden[] = {
        {"INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (REPEAT('x', 32))", 1142},
        {"DELETE FROM ceymail_dashboard.metrics_tokens", 1142},
        {"UPDATE ceymail_dashboard.metrics_tokens SET token_sha256 = REPEAT('x', 32) WHERE id = 1", 1142},
        {"UPDATE ceymail_dashboard.metrics_tokens SET revoked_at = NULL WHERE id = 1", 1142},
        {"UPDATE ceymail_dashboard.metrics_tokens SET active = 1 WHERE id = 1", 1142},
        {"UPDATE ceymail_dashboard.metrics_tokens SET last_used_at = NULL", 1142},
        {"SELECT token_id FROM ceymail_dashboard.metrics_token_uses", 1143},
        {"DELETE FROM ceymail_dashboard.metrics_token_uses", 1142},
        {"INSERT INTO ceymail_dashboard.metrics_token_uses (host, token_id, last_used_at) VALUES ('x', 1, NOW())",
         1143},
        {"INSERT INTO ceymail_dashboard.audit_logs (action) VALUES ('x')", 1142},
    };
    database::Connection connection(worker);
    for (const auto& f : forbidden) {
        const auto result = connection.execute(f.sql, in(5s));
        BOOST_TEST_CONTEXT(f.sql) {
            BOOST_TEST_REQUIRE(!result.has_value());
            BOOST_TEST(result.error().code == f.code);
            BOOST_TEST((result.error().kind == ErrorKind::denied));
        }
    }
}

BOOST_AUTO_TEST_CASE(relies_on_a_table_that_refuses_a_second_active_row) {
    insert("first");
    database::Connection administrator(address());
    const auto second = administrator.execute(
        "INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (REPEAT('x', 32))", in(5s));
    BOOST_TEST_REQUIRE(!second.has_value());
    BOOST_TEST(second.error().code == 1062);
    apply_schema();  // twice is harmless
    BOOST_TEST((digest_of(reader().active(in(5s))) == util::sha256("first")));
}

BOOST_AUTO_TEST_CASE(refuses_a_digest_of_another_length) {
    insert("token");
    query(
        "ALTER TABLE ceymail_dashboard.metrics_tokens MODIFY token_sha256 VARBINARY(64) NOT NULL;"
        "UPDATE ceymail_dashboard.metrics_tokens SET token_sha256 = REPEAT('x', 31)");
    const auto result = reader().active(in(5s));
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().kind == ErrorKind::internal));
}

BOOST_AUTO_TEST_CASE(treats_an_interrupted_statement_as_an_error_not_as_no_row) {
    insert("token");
    query(
        "GRANT SELECT ON ceymail_dashboard.* TO worker@localhost;"
        "USE ceymail_dashboard; RENAME TABLE metrics_tokens TO slow;"
        "CREATE VIEW metrics_tokens AS SELECT id, token_sha256, active FROM slow WHERE SLEEP(0) = 0 AND "
        "BENCHMARK(1000000000, MD5(id)) = 0;"
        "SET GLOBAL max_statement_time = 0.05");
    const auto result = reader().active(in(10s));
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().code == 1969, result.error().message);
    BOOST_TEST((result.error().kind == ErrorKind::timed_out));
}

// MariaDB lacks a resource, and recovers.
BOOST_AUTO_TEST_CASE(treats_a_server_without_a_resource_as_an_outage) {
    insert("token");
    const struct {
        int code;
        const char* take;
        const char* give;
    } resources[] = {
        {1461, "SET GLOBAL max_prepared_stmt_count = 0", "SET GLOBAL max_prepared_stmt_count = 16382"},
        {1226, "ALTER USER worker@localhost WITH MAX_USER_CONNECTIONS 1",
         "ALTER USER worker@localhost WITH "
         "MAX_USER_CONNECTIONS 0"},
        {1226, "ALTER USER worker@localhost WITH MAX_QUERIES_PER_HOUR 1",
         "ALTER USER worker@localhost WITH "
         "MAX_QUERIES_PER_HOUR 0"},
    };
    for (const auto& resource : resources) {
        database::Connection other(worker);  // the one connection where there may be one
        query(resource.take);
        (void)other.ensure(in(5s));
        auto tokens = reader();
        const auto refused = tokens.active(in(5s));
        query(resource.give);
        BOOST_TEST_CONTEXT(resource.code) {
            BOOST_TEST_REQUIRE(!refused.has_value());
            BOOST_TEST(refused.error().code == resource.code, refused.error().message);
            BOOST_TEST((refused.error().kind == ErrorKind::unavailable), refused.error().message);
            BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));
        }
    }
}

BOOST_AUTO_TEST_CASE(treats_a_server_without_a_free_connection_as_an_outage) {
    insert("token");
    query("SET GLOBAL max_connections = 10");
    std::vector<std::unique_ptr<database::Connection>> others;
    util::Result<void> last;
    while (last && others.size() < 20) {
        others.push_back(std::make_unique<database::Connection>(worker));
        last = others.back()->ensure(in(5s));
    }
    auto tokens = reader();
    const auto refused = tokens.active(in(5s));
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST(refused.error().code == 1040, refused.error().message);
    BOOST_TEST((refused.error().kind == ErrorKind::unavailable));
    others.clear();
    BOOST_TEST((digest_of(tokens.active(in(5s))) == util::sha256("token")));
}

// An administrator kills the long queries of this server: the query is sent again once.
BOOST_AUTO_TEST_CASE(asks_again_after_a_killed_query) {
    insert("token");
    const std::string slow_view =
        "USE ceymail_dashboard; RENAME TABLE metrics_tokens TO slow;"
        "CREATE VIEW metrics_tokens AS SELECT id, token_sha256, active FROM slow WHERE SLEEP(1) = 0";
    query("GRANT SELECT ON ceymail_dashboard.* TO worker@localhost;" + slow_view);
    auto tokens = reader();
    const std::jthread killer([this] {
        for (bool killed = false; !killed; std::this_thread::sleep_for(20ms)) {
            const auto id =
                query("SELECT id FROM information_schema.processlist WHERE user = 'worker' AND state = 'User sleep'");
            if (!id.empty()) query("KILL QUERY " + id);
            killed = !id.empty();
        }
    });
    BOOST_TEST((digest_of(tokens.active(in(10s))) == util::sha256("token")));
}

// With lock_wait_timeout set by an administrator the wait for a locked table ends with 1205, not by our deadline.
BOOST_AUTO_TEST_CASE(treats_a_wait_for_a_locked_table_as_a_time_out) {
    insert("token");
    query("SET GLOBAL lock_wait_timeout = 2");
    auto tokens = reader();
    BOOST_TEST_REQUIRE(tokens.active(in(5s)).has_value());
    ChildProcess locker({.arguments = {"mariadb", "--no-defaults", "--socket=" + socket().string(), "-N", "-B", "-n"},
                         .input = "LOCK TABLES ceymail_dashboard.metrics_tokens WRITE; SELECT 1; DO SLEEP(30);"});
    while (locker.running() && locker.output().empty()) std::this_thread::sleep_for(10ms);
    const auto start = util::BootClock::now();
    const auto result = tokens.active(in(10s));
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST(result.error().code == 1205, result.error().message);
    BOOST_TEST((result.error().kind == ErrorKind::timed_out));
    BOOST_TEST((util::BootClock::now() - start < 3500ms), "asked once");
}

BOOST_AUTO_TEST_SUITE_END()
