// SPDX-License-Identifier: MIT
// What is scraped equals what others count.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>

#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

double counted(const std::vector<std::string>& shell_words) {
    ChildOptions options{.arguments = {"sh", "-c"}};
    options.arguments.insert(options.arguments.end(), shell_words.begin(), shell_words.end());
    return std::stod(run(options).output);
}

// The miniature's Postfix, from outside.
class Postfix {
public:
    [[nodiscard]] std::string queue() const { return m_directory / "queue"; }

    void send(const std::string& recipient = "reader@example.net") const {
        const auto sent =
            run({.arguments = {"sendmail", "-C", m_directory / "etc", "-f", "postmaster@example.org", recipient},
                 .directory = queue(),
                 .input = "Subject: a message\n\nHello.\n",
                 .output_file = "/dev/null"});
        BOOST_TEST_REQUIRE(sent.status == 0, sent.errors);
    }

    // The names of the messages in one of its directories.
    [[nodiscard]] std::vector<std::string> messages(const std::string& where) const {
        const auto found = run({.arguments = {"find", queue() + "/" + where, "-type", "f", "-printf", "%f\n"}});
        std::istringstream names(found.output);
        return {std::istream_iterator<std::string>(names), {}};
    }

    void remove(const std::string& where) const {
        for (const auto& id : messages(where))
            BOOST_TEST(run({.arguments = {"postsuper", "-c", m_directory / "etc", "-d", id, where},
                            .output_file = "/dev/null"})
                           .status == 0);
    }

    void remove_one(const std::string& id) const {
        BOOST_TEST(
            run({.arguments = {"postsuper", "-c", m_directory / "etc", "-d", id}, .output_file = "/dev/null"}).status ==
            0);
    }

    // Its processes work in the queue directory. Several miniatures may run on this machine. 0: there is none.
    [[nodiscard]] pid_t process(const std::string& name) const {
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            std::error_code ignored;
            std::string comm;
            std::ifstream(entry.path() / "comm") >> comm;
            if (comm == name && std::filesystem::equivalent(entry.path() / "cwd", queue(), ignored))
                return std::stoi(entry.path().filename());
        }
        return 0;
    }

private:
    std::filesystem::path m_directory = Miniature::shared().directory() / "postfix";
};

BOOST_AUTO_TEST_SUITE(scraped_values)

BOOST_AUTO_TEST_CASE(equal_what_others_count) {
    auto& miniature = Miniature::shared();
    const std::string queue = miniature.directory() / "postfix/queue";
    const std::string socket = miniature.directory() / "mariadb/mysqld.sock";
    const auto files = [&](const char* name) { return "find " + queue + "/" + name + " -type f | wc -l"; };
    const auto rows = [&](const char* table) {
        return "mariadb --no-defaults --socket=" + socket + " -N -e 'SELECT COUNT(*) FROM ceymail." + table + "'";
    };
    const std::pair<const char*, std::string> wanted[] = {
        {"ceymail_queue_deferred", files("deferred")},
        {"ceymail_queue_hold", files("hold")},
        {"ceymail_queue_active", files("active")},
        {"ceymail_queue_bounce", files("bounce")},
        {"ceymail_queue_incoming", files("incoming")},
        {"ceymail_queue_maildrop", files("maildrop")},
        {"ceymail_domains_total", rows("virtual_domains")},
        {"ceymail_mailboxes_total", rows("virtual_users")},
        {"ceymail_aliases_total", rows("virtual_aliases")},
        {"ceymail_memory_total_bytes", "awk '/^MemTotal:/ { printf \"%.0f\", $2 * 1024 }' /proc/meminfo"},
        {"ceymail_disk_total_bytes", "df -B1 --output=size / | tail -n 1"},
    };
    const auto body = fetch(miniature.request()).body;
    for (const auto& [series, command] : wanted) {
        BOOST_TEST_CONTEXT(series) {
            const auto value = value_of(body, series);
            BOOST_TEST_REQUIRE(value.has_value());
            BOOST_TEST(*value == counted({command}));
        }
    }
    BOOST_TEST(value_of(body, "ceymail_queue_deferred").value_or(0) >= 5);
    BOOST_TEST(value_of(body, "ceymail_queue_hold").value_or(0) >= 3);
}

// Postfix itself opens each message for that. The next attempts, which are what the files' modification times say, are
// four hours away.
BOOST_AUTO_TEST_CASE(tell_when_the_oldest_deferred_message_arrived) {
    auto& miniature = Miniature::shared();
    const auto body = fetch(miniature.request()).body;
    const auto told = value_of(body, "ceymail_queue_oldest_deferred_timestamp_seconds");
    BOOST_TEST_REQUIRE(told.has_value());
    const auto arrival = counted({"postqueue -c " + (miniature.directory() / "postfix/etc").string() +
                                  " -j | grep -F '\"queue_name\": \"deferred\"' |"
                                  " sed 's/.*\"arrival_time\": \\([0-9]*\\).*/\\1/' | sort -n | head -n 1"});
    BOOST_TEST(*told >= arrival - 10);
    BOOST_TEST(*told <= arrival + 10);
    const auto ids =
        run({.arguments = {"postconf", "-c", miniature.directory() / "postfix/etc", "-h", "enable_long_queue_ids"}});
    BOOST_TEST(ids.output == "no\n");  // as on a CeyMail host
}

// The ages of a miniature that runs for minutes only: how many messages are older than five minutes, Postfix knows too.
BOOST_AUTO_TEST_CASE(tell_how_many_deferred_messages_are_older_than_each_age) {
    auto& miniature = Miniature::shared();
    const auto body = fetch(miniature.request()).body;
    const auto older_than = [&](const std::string& age) {
        return value_of(body, "ceymail_queue_deferred_older_than{age=\"" + age + "\"}").value_or(-1);
    };
    // The birth and the arrival that Postfix notes are seconds apart, and a snapshot is served for a while.
    const auto by_postfix = [&](const std::string& seconds) {
        return counted({"postqueue -c " + (miniature.directory() / "postfix/etc").string() +
                        " -j | grep -F '\"queue_name\": \"deferred\"' |"
                        " sed 's/.*\"arrival_time\": \\([0-9]*\\).*/\\1/' | awk -v limit=$(($(date +%s) - " +
                        seconds + ")) '$1 < limit' | wc -l"});
    };
    BOOST_TEST(older_than("5m") >= by_postfix("330"));
    BOOST_TEST(older_than("5m") <= by_postfix("299"));
    BOOST_TEST(older_than("1h") == by_postfix("3600"));
    for (const char* age : {"6h", "1d", "3d"}) BOOST_TEST(older_than(age) == 0, age);
}

BOOST_AUTO_TEST_CASE(count_what_postfix_has_not_picked_up_and_what_its_queue_manager_has_not_taken) {
    auto& miniature = Miniature::shared();
    const Postfix postfix;
    const auto becomes = [&](const std::string& series, double value) {
        return eventually([&] { return value_of(fetch(miniature.request()).body, series) == value; }, 15s);
    };
    miniature.control("stop", "postfix");
    postfix.send();
    BOOST_TEST(postfix.messages("maildrop").size() == 1U);
    BOOST_TEST(becomes("ceymail_queue_maildrop", 1));
    postfix.remove("maildrop");
    BOOST_TEST(becomes("ceymail_queue_maildrop", 0));
    miniature.control("start", "postfix");

    pid_t queue_manager = 0;
    BOOST_TEST_REQUIRE(eventually([&] { return (queue_manager = postfix.process("qmgr")) > 0; }));
    ::kill(queue_manager, SIGSTOP);
    postfix.send();
    BOOST_TEST(becomes("ceymail_queue_incoming", 1));
    BOOST_TEST(postfix.messages("incoming").size() == 1U);
    postfix.remove("incoming");
    ::kill(queue_manager, SIGCONT);
    BOOST_TEST(becomes("ceymail_queue_incoming", 0));
    BOOST_TEST(becomes("ceymail_service_up{name=\"postfix\"}", 1));
}

// One message of each kind; a bounce is a message too, which the relay refuses.
BOOST_AUTO_TEST_CASE(count_what_postfix_delivered_deferred_and_bounced) {
    auto& miniature = Miniature::shared();
    const Postfix postfix;
    const std::string recipients = "ceymail_mail_recipients_total";
    const std::pair<std::string, double> wanted[] = {
        {recipients + "{transport=\"virtual\",status=\"sent\"}", 2},
        {recipients + "{transport=\"error\",status=\"bounced\"}", 1},
        {"ceymail_mail_failures_total{status=\"bounced\",class=\"addressing\"}", 1},
        {"ceymail_mail_received_total{source=\"local\"}", 4},
        {"ceymail_mail_delivery_delay_seconds_count", 2},
        {"ceymail_mail_log_skipped_bytes_total", 0},
    };
    const auto before_deferred = postfix.messages("deferred");
    const auto before = fetch(miniature.request()).body;
    for (const auto* const recipient :
         {"reader@delivered.example", "reader@delivered.example", "nobody@bounced.example", "reader@example.net"})
        postfix.send(recipient);
    std::string after;
    const auto grew = [&](const std::string& series) {
        return value_of(after, series).value_or(-1) - value_of(before, series).value_or(0);
    };
    // Where the queue manager holds the host for dead already, error(8) defers in the place of smtp(8).
    const auto deferred = [&] {
        return grew(recipients + "{transport=\"smtp\",status=\"deferred\"}") +
               grew(recipients + "{transport=\"error\",status=\"deferred\"}");
    };
    static_cast<void>(eventually(
        [&] {
            after = fetch(miniature.request()).body;
            return deferred() == 2 &&
                   std::ranges::all_of(wanted, [&](const auto& one) { return grew(one.first) == one.second; });
        },
        60s));
    BOOST_TEST(deferred() == 2);
    for (const auto& [series, count] : wanted) BOOST_TEST(grew(series) == count, series << " grew by " << grew(series));
    BOOST_TEST(value_of(after, "ceymail_collector_success{collector=\"mail_log\"}").value_or(0) == 1);
    BOOST_TEST(!after.contains("example.net"));
    for (const auto& id : postfix.messages("deferred"))
        if (std::ranges::find(before_deferred, id) == before_deferred.end()) postfix.remove_one(id);
    // Other cases compare with the queue as it is: the last snapshot may be served for cache_ttl.
    const auto left = static_cast<double>(before_deferred.size());
    BOOST_TEST(eventually(
        [&] { return value_of(fetch(miniature.request()).body, "ceymail_queue_deferred").value_or(-1) == left; }, 15s));
}

BOOST_AUTO_TEST_CASE(are_plausible_where_they_move) {
    const auto body = fetch(Miniature::shared().request()).body;
    const auto value = [&](const char* series) { return value_of(body, series).value_or(-1); };
    BOOST_TEST(value("ceymail_cpu_idle_jiffies") > 0);
    BOOST_TEST(value("ceymail_cpu_total_jiffies") >= value("ceymail_cpu_idle_jiffies"));
    BOOST_TEST(value("ceymail_memory_used_bytes") > 0);
    BOOST_TEST(value("ceymail_memory_used_bytes") < value("ceymail_memory_total_bytes"));
    BOOST_TEST(value("ceymail_disk_used_bytes") > 0);
    BOOST_TEST(value("ceymail_disk_used_bytes") <= value("ceymail_disk_total_bytes"));
    for (const char* name : {"postfix", "mariadb", "nginx"})
        BOOST_TEST(value(("ceymail_service_up{name=\"" + std::string(name) + "\"}").c_str()) == 1, name);
    for (const char* name : {"cpu", "memory", "disk", "queue", "services", "accounts"})
        BOOST_TEST(value(("ceymail_collector_success{collector=\"" + std::string(name) + "\"}").c_str()) == 1, name);
}

// Postfix alone is told from other instances on the same machine, by its pid file, which its master writes at its
// start.
BOOST_AUTO_TEST_CASE(tell_when_postfix_was_started) {
    auto& miniature = Miniature::shared();
    const auto told = value_of(fetch(miniature.request()).body, "ceymail_service_start_time_seconds{name=\"postfix\"}");
    BOOST_TEST_REQUIRE(told.has_value());
    const auto written = counted({"stat -c %Y " + (miniature.directory() / "postfix/queue/pid/master.pid").string()});
    BOOST_TEST(*told >= written - 5);
    BOOST_TEST(*told <= written + 2);
}

// The first 15 names are a contract with dashboards that is older than the naming rules.
BOOST_AUTO_TEST_CASE(break_no_naming_rule_but_the_five_of_the_contract) {
    const std::string known =
        "ceymail_aliases_total non-counter metrics should not have \"_total\" suffix\n"
        "ceymail_cpu_idle_jiffies counter metrics should have \"_total\" suffix\n"
        "ceymail_cpu_total_jiffies counter metrics should have \"_total\" suffix\n"
        "ceymail_domains_total non-counter metrics should not have \"_total\" suffix\n"
        "ceymail_mailboxes_total non-counter metrics should not have \"_total\" suffix\n";
    const auto checked =
        run({.arguments = {"promtool", "check", "metrics"}, .input = fetch(Miniature::shared().request()).body});
    BOOST_TEST(checked.output + checked.errors == known);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
