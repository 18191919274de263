// SPDX-License-Identifier: MIT
// ceymail-token with a real MariaDB: the output and the effect of each command.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <regex>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/database/account_counter.hpp"
#include "ceymail/database/token_reader.hpp"
#include "ceymail/shared/segment.hpp"
#include "support/failing_calls.hpp"
#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

util::BootTime in(std::chrono::milliseconds time) { return util::BootClock::now() + time; }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// A MariaDB, a configuration that leads to it, and the tool.
struct Fixture : MariadbServer {
    Fixture() {
        fs::create_directory(runtime());
        configure("");
    }
    fs::path runtime() const { return directory() / "run"; }
    fs::path config() const { return directory() / "tool.conf"; }
    fs::path output() const { return directory() / "token"; }

    void configure(const std::string& more) const {
        std::ofstream(config()) << "database_socket = " << socket().string()
                                << "\nruntime_directory = " << runtime().string()
                                << "\nstate_directory = " << (directory() / "state").string() << "\n"
                                << more;
    }
    ChildOptions command(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", config()});
        return {.arguments = std::move(arguments), .environment = {"TZ=UTC", "SUDO_USER="}};
    }
    Finished tool(std::vector<std::string> arguments) const { return run(command(std::move(arguments))); }

    // One that must succeed; gives its standard output.
    std::string done(std::vector<std::string> arguments) const {
        const auto finished = tool(std::move(arguments));
        BOOST_TEST_REQUIRE(finished.status == 0, finished.errors);
        return finished.output;
    }
    // The token alone on its line, in the form that it must have.
    std::string generate() const {
        auto text = done({"generate"});
        BOOST_TEST_REQUIRE(std::regex_match(text, std::regex("ceymail_metrics_[A-Za-z0-9_-]{43}\n")), text);
        text.pop_back();
        return text;
    }
    std::string active_digest() const {
        return query("SELECT HEX(token_sha256) FROM ceymail_dashboard.metrics_tokens WHERE active = 1");
    }
    std::string digest_of(const std::string& token) const { return query("SELECT UPPER(SHA2('" + token + "', 256))"); }
    std::string audit() const {
        return query(
            "SELECT user_id, action, target, detail, ip_address, TIMESTAMPDIFF(SECOND, created_at, NOW()) < 60 "
            "FROM ceymail_dashboard.audit_logs ORDER BY id");
    }
};

struct Ready : Fixture {
    Ready() { done({"init"}); }
};

// The token that the responder remembers, in the tool's runtime directory.
struct Memory {
    explicit Memory(const fs::path& runtime) : segment(shared::Segment::attach(runtime)) {
        BOOST_TEST_REQUIRE(segment.has_value(), (segment ? "" : segment.error().message));
    }
    admission::VerifiedToken verified() { return admission::VerifiedToken(segment->layout().verified); }
    void remember(const std::string& token) {
        verified().remember(util::sha256(token), verified().begin_question());
        BOOST_TEST_REQUIRE(holds(token));
    }
    bool holds(const std::string& token) { return verified().within_grace(util::sha256(token), 300s); }

    util::Result<shared::Segment> segment;
};

unsigned mode_of(const fs::path& file) { return static_cast<unsigned>(fs::status(file).permissions()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(token_tool)

BOOST_AUTO_TEST_CASE(tells_what_it_is_without_configuration_or_database) {
    const auto tool = built_program("ceymail-token");
    const auto help = run({.arguments = {tool, "--help"}});
    BOOST_TEST(help.status == 0);
    for (const char* word : {"init", "generate", "adopt", "revoke", "status", "--detached", "--reset-password",
                             "--config", "--json", "--output", "--force"})
        BOOST_TEST(contains(help.output, word), word);
    const auto version = run({.arguments = {tool, "--version"}});
    BOOST_TEST(version.status == 0);
    BOOST_TEST(std::regex_match(version.output, std::regex("ceymail-token [0-9.]+\n")), version.output);
}

BOOST_AUTO_TEST_CASE(refuses_what_it_does_not_understand) {
    const struct {
        std::vector<std::string> arguments;
        const char* words;
    } cases[] = {
        {{}, "which command?"},
        {{"mint"}, "no such command: mint"},
        {{"status", "now"}, "too many positional options"},
        {{"status", "--colour"}, "--colour"},
        {{"generate", "--out", "x"}, "--out"},
        {{"generate", "--force"}, "--force belongs to --output"},
        {{"generate", "--output", ""}, "--output"},
        {{"revoke", "--output", "x"}, "belong to generate"},
        {{"adopt", "--output", "x"}, "belong to generate"},
        {{"revoke", "--force"}, "belong to generate, --force also to adopt"},
        {{"adopt", "--detached"}, "--detached belongs to generate"},
        {{"generate", "--detached", "--config", "x"}, "--config has no use with --detached"},
        {{"generate", "--detached", "--database-user", "x"}, "--database-user has no use with --detached"},
        {{"generate", "--detached", "--force"}, "--force belongs to --output"},
        {{"generate", "--reset-password"}, "--reset-password belongs to init"},
        {{"init", "--if-missing", "--reset-password"}, "--reset-password belongs to init"},
        {{"init", "--if-missing", "--json"}, "--if-missing belongs to init without --json"},
        {{"status", "--if-missing"}, "--if-missing belongs to init without --json"},
        {{"revoke", "--settings"}, "--settings belongs to init"},
    };
    for (auto c : cases) {
        c.arguments.insert(c.arguments.begin(), built_program("ceymail-token"));
        const auto refused = run({.arguments = c.arguments});
        BOOST_TEST_CONTEXT(c.words) {
            BOOST_TEST(refused.status == 64);
            BOOST_TEST(contains(refused.errors, c.words), refused.errors);
            BOOST_TEST(refused.output == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(explains_a_configuration_it_cannot_use) {
    const TemporaryDirectory directory;
    const auto wrong = directory.write("wrong.conf", "no_such_key = 1\n");
    for (const auto& file : {wrong, directory / "missing.conf"}) {
        const auto refused = run({.arguments = {built_program("ceymail-token"), "status", "--config", file}});
        BOOST_TEST(refused.status == 78);
        BOOST_TEST(contains(refused.errors, file.string()), refused.errors);
    }
}

BOOST_FIXTURE_TEST_CASE(init_sets_up_what_workers_need_and_no_more, Fixture) {
    const auto option_file = directory() / "worker.cnf";
    configure("database_user = worker\ndatabase_option_file = " + option_file.string() + "\n");
    done({"init"});
    BOOST_TEST(mode_of(option_file) == 0600U);
    const auto password = slurp(option_file);
    const auto again = tool({"init"});  // harmless
    BOOST_TEST(again.status == 0);
    BOOST_TEST(!contains(again.errors, "may more than it needs"), again.errors);
    BOOST_TEST(slurp(option_file) == password);

    const auto token = generate();
    database::TokenReader reader(address("worker", option_file), "ceymail_dashboard");
    const auto row = reader.active(in(5s));
    BOOST_TEST_REQUIRE((row && *row), (row ? "no row" : row.error().message));
    BOOST_TEST(((*row)->digest == util::sha256(token)));
    BOOST_TEST(reader.touch((*row)->id, in(5s)).has_value());
    database::AccountCounter counter(address("worker", option_file), "ceymail");
    const auto counts = counter.count(in(5s));
    BOOST_TEST_REQUIRE(counts.has_value(), (counts ? "" : counts.error().message));
    BOOST_TEST(counts->mailboxes == 12U);

    database::Connection worker(address("worker", option_file));
    for (const char* sql : {"INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (REPEAT('x', 32))",
                            "UPDATE ceymail_dashboard.metrics_tokens SET revoked_at = NULL",
                            "DELETE FROM ceymail_dashboard.metrics_tokens", "DELETE FROM ceymail_dashboard.audit_logs",
                            "INSERT INTO ceymail.virtual_domains (name) SELECT email FROM ceymail.virtual_users"}) {
        const auto refused = worker.execute(sql, in(5s));
        BOOST_TEST_REQUIRE(!refused.has_value(), sql);
        BOOST_TEST((refused.error().kind == util::ErrorKind::denied), sql);
    }
}

BOOST_FIXTURE_TEST_CASE(init_gives_the_account_unix_socket_login_unless_told_otherwise, Ready) {
    BOOST_TEST(contains(query("SHOW GRANTS FOR `ceymail-metrics`@localhost"), "IDENTIFIED VIA unix_socket"));
}

BOOST_FIXTURE_TEST_CASE(init_does_without_ceymails_mail_tables_until_they_come, Fixture) {
    query("RENAME TABLE ceymail.virtual_users TO ceymail.later");
    const auto first = tool({"init"});
    BOOST_TEST(first.status == 0);
    BOOST_TEST(contains(first.errors, "ceymail.virtual_users: is not there yet, so the metrics of domains, mailboxes"),
               first.errors);
    BOOST_TEST(contains(first.errors, "CeyMail's installer makes it: run that"), first.errors);
    query("RENAME TABLE ceymail.later TO ceymail.virtual_users");
    const auto second = tool({"init", "--json"});
    BOOST_TEST(contains(second.output, R"("pending":[])"), second.output);
    BOOST_TEST(contains(second.output, "grant SELECT(id) on ceymail.virtual_users"), second.output);
}

// Neither command may send the reader to the other one: what both need, CeyMail makes.
BOOST_FIXTURE_TEST_CASE(init_is_not_ready_without_the_table_of_audit_rows, Fixture) {
    query("RENAME TABLE ceymail_dashboard.audit_logs TO ceymail.kept; DROP DATABASE ceymail_dashboard");
    const auto first = tool({"init"});
    BOOST_TEST(first.status == 78, first.errors);
    BOOST_TEST(contains(first.errors, "database ceymail_dashboard: made"), first.errors);
    BOOST_TEST(contains(first.errors,
                        "table ceymail_dashboard.audit_logs: is not there, so `ceymail-token generate` and `revoke` "
                        "fail, and so does the settings page; CeyMail's dashboard makes it: install and start that"),
               first.errors);
    BOOST_TEST(!contains(first.errors, "next: ceymail-token generate"), first.errors);
    const auto refused = tool({"generate"});
    BOOST_TEST(refused.status == 78, refused.errors);
    BOOST_TEST(contains(refused.errors, "; audit_logs belongs to CeyMail's dashboard: install"), refused.errors);
    BOOST_TEST(!contains(refused.errors, "ceymail-token init"), refused.errors);
    const auto as_json = tool({"init", "--json"});
    BOOST_TEST(as_json.status == 78);
    BOOST_TEST(contains(as_json.output, R"("missing":["table ceymail_dashboard.audit_logs: is not there)"),
               as_json.output);

    query("RENAME TABLE ceymail.kept TO ceymail_dashboard.audit_logs");
    const auto second = tool({"init"});
    BOOST_TEST(second.status == 0, second.errors);
    BOOST_TEST(contains(second.errors, "next: ceymail-token generate"), second.errors);
    static_cast<void>(generate());
}

BOOST_FIXTURE_TEST_CASE(init_warns_of_grants_beyond_need, Ready) {
    query("GRANT SELECT, INSERT ON ceymail.* TO `ceymail-metrics`@localhost");
    const auto again = tool({"init"});
    BOOST_TEST(again.status == 0);
    BOOST_TEST(contains(again.errors, "may more than it needs: INSERT on ceymail.*"), again.errors);
}

BOOST_FIXTURE_TEST_CASE(generate_replaces_the_token_and_leaves_an_audit_row, Ready) {
    const auto first = generate();
    BOOST_TEST(active_digest() == digest_of(first));
    const auto second = generate();
    BOOST_TEST(second != first);
    BOOST_TEST(active_digest() == digest_of(second));
    done({"revoke"});
    BOOST_TEST(active_digest() == "");
    BOOST_TEST(audit() ==
               "NULL\tmetrics_token.generate\tmetrics_tokens/1\tmade by root\tNULL\t1\n"
               "NULL\tmetrics_token.generate\tmetrics_tokens/2\tmade by root, replaces token 1\tNULL\t1\n"
               "NULL\tmetrics_token.revoke\tmetrics_tokens/2\trevoked by root\tNULL\t1\n");
}

BOOST_FIXTURE_TEST_CASE(shows_the_token_once_and_nowhere_else, Ready) {
    const auto general_log = directory() / "general.log";
    query("SET GLOBAL general_log_file = '" + general_log.string() + "', GLOBAL general_log = 1");
    const auto finished = tool({"generate"});
    const auto token = finished.output.substr(8, 43);
    for (const auto& command : {"status", "revoke"}) BOOST_TEST(!contains(done({command}), token));
    const auto dump = run({.arguments = {"mariadb-dump", "--no-defaults", "--socket=" + socket().string(), "--hex-blob",
                                         "ceymail_dashboard"}});
    BOOST_TEST(dump.status == 0);
    const auto log_text = slurp(general_log);
    BOOST_TEST(contains(log_text, "metrics_tokens"));  // it does look where it would be seen
    for (const auto* text : {&finished.errors, &log_text, &dump.output}) BOOST_TEST(!contains(*text, token));
    BOOST_TEST(!contains(log(), token));
}

BOOST_FIXTURE_TEST_CASE(answers_in_json, Ready) {
    BOOST_TEST(done({"status", "--json"}) == "{\"active\":false}\n");
    const auto made = done({"generate", "--json"});
    BOOST_TEST(std::regex_match(
                   made, std::regex(R"(\{"token":"ceymail_metrics_[A-Za-z0-9_-]{43}","id":1,"replaced_id":null\}\n)")),
               made);
    BOOST_TEST(done({"generate", "--json", "--output", output()}) ==
               "{\"file\":\"" + output().string() + "\",\"id\":2,\"replaced_id\":1}\n");
    const auto shown = done({"status", "--json"});
    const std::regex status(
        R"(\{"active":true,"id":2,"sha256_begins":"[0-9a-f]{8}","created_at":"20[0-9-]+T[0-9:]+Z","created_by":"root",)"
        R"("last_used_at":null\}\n)");
    BOOST_TEST(std::regex_match(shown, status), shown);
    BOOST_TEST(done({"revoke", "--json"}) == "{\"revoked_id\":2}\n");
    BOOST_TEST(done({"revoke", "--json"}) == "{\"revoked_id\":null}\n");
}

BOOST_FIXTURE_TEST_CASE(status_tells_times_and_ages, Ready) {
    BOOST_TEST(contains(done({"status"}), "active: no"));
    generate();
    BOOST_TEST(contains(done({"status"}), "last used: never"));
    query(
        "UPDATE ceymail_dashboard.metrics_tokens SET created_at = UTC_TIMESTAMP() - INTERVAL 50 HOUR;"
        "INSERT INTO ceymail_dashboard.metrics_token_uses (token_id, last_used_at) "
        "VALUES (1, UTC_TIMESTAMP() - INTERVAL 200 SECOND)");
    const auto shown = done({"status"});
    const std::regex words(
        "active: yes, token 1, SHA-256 [0-9a-f]{8}\\.\\.\\.\n"
        "created: 20[0-9-]+ [0-9:]+ \\+0000, 2 days ago, by root\n"
        "last used: 20[0-9-]+ [0-9:]+ \\+0000, 3 minutes ago\n");
    BOOST_TEST(std::regex_match(shown, words), shown);
}

// Older versions stored the last use in the token's row.
BOOST_FIXTURE_TEST_CASE(status_tells_the_newer_of_the_old_and_the_new_last_use, Ready) {
    generate();
    const auto old_used = [this](int seconds) {
        query("UPDATE ceymail_dashboard.metrics_tokens SET last_used_at = UTC_TIMESTAMP() - INTERVAL " +
              std::to_string(seconds) + " SECOND");
    };
    old_used(200);
    BOOST_TEST(contains(done({"status"}), "3 minutes ago"));
    query(
        "INSERT INTO ceymail_dashboard.metrics_token_uses (token_id, last_used_at) "
        "VALUES (1, UTC_TIMESTAMP() - INTERVAL 5 HOUR)");
    BOOST_TEST(contains(done({"status"}), "3 minutes ago"));
    old_used(50 * 3600);
    BOOST_TEST(contains(done({"status"}), "5 hours ago"));
    query("UPDATE ceymail_dashboard.metrics_token_uses SET token_id = 2");  // of another token
    BOOST_TEST(contains(done({"status"}), "2 days ago"));
}

BOOST_FIXTURE_TEST_CASE(init_takes_back_the_right_to_write_into_the_tokens_table, Ready) {
    query("GRANT UPDATE (last_used_at) ON ceymail_dashboard.metrics_tokens TO `ceymail-metrics`@localhost");
    const auto again = tool({"init"});
    BOOST_TEST(again.status == 0);
    BOOST_TEST(contains(again.errors, "revoke UPDATE(last_used_at) on ceymail_dashboard.metrics_tokens"), again.errors);
    BOOST_TEST(!contains(again.errors, "may more than it needs"), again.errors);
    BOOST_TEST(!contains(query("SHOW GRANTS FOR `ceymail-metrics`@localhost"),
                         "UPDATE (`last_used_at`) ON "
                         "`ceymail_dashboard`.`metrics_tokens`"));
}

// The right to read a row is enough to lock it: SELECT ... FOR UPDATE, or any SELECT of a SERIALIZABLE transaction.
BOOST_FIXTURE_TEST_CASE(no_lock_of_the_workers_account_delays_revoke_or_generate, Fixture) {
    const auto option_file = directory() / "worker.cnf";
    configure("database_user = worker\ndatabase_option_file = " + option_file.string() + "\n");
    done({"init"});
    generate();
    database::TokenReader reader(address("worker", option_file), "ceymail_dashboard");
    BOOST_TEST_REQUIRE(reader.touch(1, in(5s)).has_value());
    const struct {
        const char* label;
        const char* sql;
        std::chrono::milliseconds allowed;
    } locks[] = {
        {"last use", "BEGIN; UPDATE metrics_token_uses SET token_id = 9; SELECT 1", 900ms},
        {"token", "BEGIN; SELECT id FROM metrics_tokens WHERE active = 1 FOR UPDATE", 3s},
        {"all tokens",
         "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE; BEGIN; SELECT COUNT(id) FROM metrics_tokens", 3s},
    };
    for (const auto& lock : locks)
        for (const char* command : {"generate", "revoke"}) {
            if (std::string(command) == "revoke") done({"generate"});
            ChildProcess holder({.arguments = {"mariadb", "--defaults-file=" + option_file.string(), "-uworker",
                                               "--socket=" + socket().string(), "-N", "-B", "-n", "ceymail_dashboard"},
                                 .input = std::string(lock.sql) + "; DO SLEEP(30);"});
            while (holder.running() && holder.output().empty()) std::this_thread::sleep_for(10ms);
            const auto start = util::BootClock::now();
            const auto finished = tool({command});
            const auto took = util::BootClock::now() - start;
            BOOST_TEST_CONTEXT(lock.label << ", " << command) {
                BOOST_TEST(finished.status == 0, finished.errors);
                BOOST_TEST((took < lock.allowed), took.count());
            }
        }
    BOOST_TEST(reader.active(in(5s)).has_value());  // whose session was ended with the others
}

BOOST_FIXTURE_TEST_CASE(output_is_private_and_never_overwritten_unasked, Ready) {
    BOOST_TEST(done({"generate", "--output", output()}) == "");
    BOOST_TEST(mode_of(output()) == 0600U);
    const auto first = slurp(output());
    BOOST_TEST(active_digest() == digest_of(first.substr(0, 59)));

    const auto refused = tool({"generate", "--output", output()});
    BOOST_TEST(refused.status == 73);
    BOOST_TEST(contains(refused.errors, "--force"), refused.errors);
    BOOST_TEST(slurp(output()) == first);
    BOOST_TEST(active_digest() == digest_of(first.substr(0, 59)));  // nothing was made either

    done({"generate", "--output", output(), "--force"});
    BOOST_TEST(slurp(output()) != first);
    BOOST_TEST(mode_of(output()) == 0600U);
    BOOST_TEST(active_digest() == digest_of(slurp(output()).substr(0, 59)));

    const auto link = directory() / "link";
    fs::create_symlink(directory() / "elsewhere", link);
    BOOST_TEST(tool({"generate", "--output", link}).status == 73);
    BOOST_TEST(!fs::exists(directory() / "elsewhere"));
    BOOST_TEST(tool({"generate", "--output", directory() / "no/such/directory"}).status == 73);
}

BOOST_FIXTURE_TEST_CASE(leaves_nothing_half_done_where_the_audit_row_cannot_be_written, Ready) {
    const auto token = generate();
    for (const char* damage :
         {"ALTER TABLE ceymail_dashboard.audit_logs DROP COLUMN detail", "DROP TABLE ceymail_dashboard.audit_logs"}) {
        query(damage);
        for (const std::vector<std::string>& arguments :
             {std::vector<std::string>{"generate", "--output", output()}, {"revoke"}}) {
            const auto failed = tool(arguments);
            BOOST_TEST_CONTEXT(damage << " " << arguments.front()) {
                BOOST_TEST(failed.status == 78);
                BOOST_TEST(contains(failed.errors, "audit_logs belongs to CeyMail's dashboard"), failed.errors);
                BOOST_TEST(!contains(failed.errors, "ceymail-token init"), failed.errors);
                BOOST_TEST(active_digest() == digest_of(token));
                BOOST_TEST(!fs::exists(output()));
            }
        }
    }
}

BOOST_FIXTURE_TEST_CASE(keeps_the_old_file_where_the_database_is_down, Ready) {
    done({"generate", "--output", output()});
    const auto old = slurp(output());
    stop();
    const auto failed = tool({"generate", "--output", output(), "--force"});
    BOOST_TEST(failed.status == 69);
    BOOST_TEST(contains(failed.errors, "cannot reach MariaDB at " + socket().string() + ": No such file"),
               failed.errors);
    BOOST_TEST(slurp(output()) == old);
    BOOST_TEST(std::distance(fs::directory_iterator(directory()), {}) ==
               std::count_if(fs::directory_iterator(directory()), fs::directory_iterator(),
                             [](const auto& entry) { return !contains(entry.path(), "token.new"); }));
    BOOST_TEST(tool({"status"}).status == 69);
    BOOST_TEST(tool({"init"}).status == 69);
}

BOOST_FIXTURE_TEST_CASE(says_that_a_token_which_could_not_be_shown_is_lost, Ready) {
    auto options = command({"generate"});
    options.output_file = "/dev/full";
    const auto failed = run(options);
    BOOST_TEST(failed.status == 74);
    BOOST_TEST(contains(failed.errors, "No space left"), failed.errors);
    BOOST_TEST(contains(failed.errors, "generate another"), failed.errors);
}

BOOST_FIXTURE_TEST_CASE(explains_a_login_refused, Ready) {
    const auto refused = tool({"generate", "--database-user", "stranger"});
    BOOST_TEST(refused.status == 77);
    BOOST_TEST(contains(refused.errors, "run this as root"), refused.errors);
    BOOST_TEST(refused.output == "");
}

BOOST_FIXTURE_TEST_CASE(takes_an_administrator_with_a_password, Ready) {
    const auto option_file = add_account("boss", "secret");
    query("GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION");
    done({"init", "--database-user", "boss", "--database-option-file", option_file});
    done({"generate", "--database-user", "boss", "--database-option-file", option_file});
}

BOOST_FIXTURE_TEST_CASE(names_init_where_the_table_is_missing, Fixture) {
    const auto failed = tool({"generate"});
    BOOST_TEST(failed.status == 78);
    BOOST_TEST(contains(failed.errors, "run: ceymail-token init"), failed.errors);
}

BOOST_FIXTURE_TEST_CASE(many_at_once_leave_exactly_one_active, Ready) {
    constexpr int k_many = 8;
    for (int round = 0; round < 2; ++round) {
        std::vector<ChildProcess> children;
        for (int i = 0; i < k_many; ++i) children.emplace_back(command({"generate"}));
        std::string made;
        for (auto& child : children) {
            BOOST_TEST(child.wait(20s).value_or(-1) == 0, child.errors());
            made += digest_of(child.output().substr(0, 59));
        }
        const auto active = active_digest();
        BOOST_TEST(active.size() == 65U);
        BOOST_TEST(contains(made, active));  // and it is one of those that were shown
        done({"revoke"});                    // the next round starts without one
    }
    BOOST_TEST(query("SELECT COUNT(*) FROM ceymail_dashboard.audit_logs") == "18\n");
}

BOOST_FIXTURE_TEST_CASE(makes_the_responder_forget, Ready) {
    Memory memory(runtime());
    const auto first = generate();
    memory.remember(first);
    generate();
    BOOST_TEST(!memory.holds(first));
    memory.remember(first);
    done({"revoke"});
    BOOST_TEST(!memory.holds(first));
}

BOOST_FIXTURE_TEST_CASE(revoke_makes_the_responder_forget_while_the_database_is_down, Ready) {
    Memory memory(runtime());
    const auto token = generate();
    memory.remember(token);
    stop();
    const auto failed = tool({"revoke"});
    BOOST_TEST(failed.status == 69);
    BOOST_TEST(contains(failed.errors, "the token is still in the database"), failed.errors);
    BOOST_TEST(!memory.holds(token));
}

BOOST_FIXTURE_TEST_CASE(is_loud_where_the_responder_cannot_be_made_to_forget, Ready) {
    const auto token = generate();
    fs::create_symlink("/dev/null", runtime() / "segment");
    const auto refused = tool({"generate"});
    BOOST_TEST(refused.status != 0);
    BOOST_TEST(contains(refused.errors, "memory of the token cannot be cleared"), refused.errors);
    BOOST_TEST(refused.output == "");
    BOOST_TEST(active_digest() == digest_of(token));  // before COMMIT: nothing was changed

    const auto revoked = tool({"revoke"});
    BOOST_TEST(revoked.status != 0);
    BOOST_TEST(contains(revoked.errors, "memory of the token cannot be cleared"), revoked.errors);
    BOOST_TEST(active_digest() == "");  // that half of it is done all the same
}

BOOST_FIXTURE_TEST_CASE(an_audit_row_names_the_user_behind_sudo, Ready) {
    const auto revoked_by = [&](const std::string& behind) {
        auto options = command({"generate"});
        options.environment = {"TZ=UTC", "SUDO_USER=" + behind};
        BOOST_TEST_REQUIRE(run(options).status == 0);
        return query("SELECT detail FROM ceymail_dashboard.audit_logs ORDER BY id DESC LIMIT 1");
    };
    BOOST_TEST(revoked_by("alice") == "made by root (sudo by alice)\n");
    BOOST_TEST(revoked_by("") == "made by root, replaces token 1\n");
    const auto longest = std::string(32, 'x');
    BOOST_TEST(revoked_by(longest + "y").starts_with("made by root (sudo by " + longest + ")"));
}

BOOST_FIXTURE_TEST_CASE(json_escapes_what_a_string_must_not_hold, Ready) {
    auto options = command({"generate"});
    options.environment = {"TZ=UTC", "SUDO_USER=a\"b\\c\x01\n\x1f "};
    BOOST_TEST_REQUIRE(run(options).status == 0);
    const auto shown = done({"status", "--json"});
    BOOST_TEST(contains(shown, R"json("created_by":"root (sudo by a\"b\\c\u0001\u000a\u001f )")json"), shown);
}

BOOST_FIXTURE_TEST_CASE(says_that_it_has_no_memory_and_changes_nothing, Ready) {
    const auto token = generate();
    FailingCalls calls;
    const auto run_failing = [&](std::int64_t n, const char* argument) {
        auto options = command({argument});
        std::ranges::copy(calls.environment(), std::back_inserter(options.environment));
        calls.fail_nth(Call::memory, n);
        return run(options);
    };
    // Static objects allocate before main(), where the program cannot say anything.
    BOOST_TEST(run_failing(1'000'000, "--version").status == 0);
    int told = 0;
    for (auto n = static_cast<std::int64_t>(calls.made()); n < 2000; n += n < 200 ? 7 : 101) {
        const auto finished = run_failing(n, "status");
        if (calls.failed() == 0) break;
        BOOST_TEST_CONTEXT(n << ": " << finished.errors) {
            BOOST_TEST(finished.status >= 0);
            BOOST_TEST((finished.status == 0) == finished.errors.empty());
        }
        if (finished.errors != "ceymail-token: std::bad_alloc\n") continue;
        BOOST_TEST(finished.status == 70);
        ++told;
    }
    BOOST_TEST(told > 0);
    BOOST_TEST(active_digest() == digest_of(token));
}

BOOST_AUTO_TEST_SUITE_END()
