// SPDX-License-Identifier: MIT
// Services asked of systemd over a real message bus, in its good and bad days.
#include <atomic>
#include <csignal>

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/services_collector.hpp"
#include "ceymail/collect/systemd_units.hpp"
#include "ceymail/exposition/text_format.hpp"
#include "support/child_process.hpp"
#include "support/fake_systemd.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::collect;
using namespace std::chrono_literals;
using ceymail::testing::FakeAnswer;
using ceymail::testing::FakeProperty;
using ceymail::testing::FakeSystemd;
using ceymail::testing::FakeUnit;
using ceymail::testing::TemporaryDirectory;
using ceymail::util::BootClock;
using ceymail::util::ErrorKind;
using ceymail::util::Fd;

namespace {

const FakeUnit k_running{};
const FakeUnit k_exited{"", "loaded", "active", "exited"};
const FakeUnit k_dead{"", "loaded", "inactive", "dead"};

struct Asked {
    std::string told;  // "postfix=1 nginx=0", or the error's words
    ErrorKind kind = ErrorKind::internal;
    std::chrono::milliseconds took{};
};

Asked ask(ServicesCollector& collector, std::chrono::milliseconds patience = 5s) {
    Asked asked;
    const auto start = BootClock::now();
    const auto families = collector.collect(start + patience);
    asked.took = std::chrono::duration_cast<std::chrono::milliseconds>(BootClock::now() - start);
    if (!families) {
        asked.kind = families.error().kind;
        asked.told = families.error().message;
        return asked;
    }
    for (const auto& sample : families->at(0).samples) {
        if (!asked.told.empty()) asked.told += ' ';
        asked.told += sample.labels.at(0).second + '=' + std::to_string(std::get<std::uint64_t>(sample.value));
    }
    return asked;
}

ServicesCollector collector_on(const std::string& address, const std::filesystem::path& root) {
    ceymail::config::Configuration options;
    options.service_manager = ceymail::config::ServiceManager::systemd;
    return ServicesCollector{options, root, address};
}

std::string starts(ServicesCollector& collector) {
    std::string told;
    const auto families = collector.collect(BootClock::now() + 5s);
    BOOST_TEST_REQUIRE(families.has_value());
    for (const auto& sample : families->at(1).samples) {
        std::string value;
        ceymail::exposition::append_value(value, sample.value);
        if (!told.empty()) told += ' ';
        told += sample.labels.at(0).second + '=' + value;
    }
    return told;
}

// A process for MainPID of a unit.
class Sleeper : public ceymail::testing::ChildProcess {
public:
    Sleeper() : ChildProcess({.arguments = {"sleep", "600"}}) {}
};

FakeUnit started(pid_t pid, std::uint64_t start) {
    return {.main_pid = static_cast<std::uint32_t>(pid), .main_start = start, .active_since = start + 1};
}

std::filesystem::path link_of(const std::filesystem::path& root, const std::string& unit) {
    return root / "etc/systemd/system/multi-user.target.wants" / unit;
}

void enable(const std::filesystem::path& root, const std::string& unit) {
    std::filesystem::create_directories(link_of(root, unit).parent_path());
    std::filesystem::create_symlink("/usr/lib/systemd/system/" + unit, link_of(root, unit));
}

void disable(const std::filesystem::path& root, const std::string& unit) {
    std::filesystem::remove(link_of(root, unit));
}

// A Unix socket that takes connections in and never says a word.
class MuteSocket {
public:
    explicit MuteSocket(const std::filesystem::path& path, int backlog = 16)
        : m_socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_TEST_REQUIRE(::bind(m_socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        BOOST_TEST_REQUIRE(::listen(m_socket.get(), backlog) == 0);
    }

private:
    Fd m_socket;
};

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) count += entry.exists() ? 1 : 0;
    return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(systemd_units)

BOOST_AUTO_TEST_CASE(tells_all_services_from_one_call_on_one_connection) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("postfix@-.service", k_running);
    systemd.set("postfix.service", k_exited);
    systemd.set("mariadb.service", k_dead);
    systemd.set("nginx.service", k_running);
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(ask(collector).told == "postfix=1 mariadb=0 nginx=1");
    BOOST_TEST(systemd.calls() == 1);
    systemd.set("postfix@-.service", k_dead);  // its master was killed
    systemd.set("mariadb.service", k_running);
    BOOST_TEST(ask(collector).told == "postfix=0 mariadb=1 nginx=1");
    BOOST_TEST(systemd.calls() == 2);
    BOOST_TEST(systemd.callers() == 1);
    BOOST_TEST(systemd.others() == 0);
}

BOOST_AUTO_TEST_CASE(a_start_is_read_once_and_again_when_the_main_process_has_ended) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    auto first = std::make_unique<Sleeper>();
    const Sleeper second, other;
    systemd.set("nginx.service", started(first->pid(), 1'000'000'000'250'000));
    systemd.set("unbound.service", started(other.pid(), 1'000'000'100'000'000));
    systemd.set("mariadb.service", k_dead);
    auto collector = collector_on(systemd.address(), directory / "root");
    for (int i = 0; i < 3; ++i) BOOST_TEST(starts(collector) == "unbound=1000000100 nginx=1000000000.25");
    BOOST_TEST(systemd.calls() == 3);
    BOOST_TEST(systemd.reads() == 6);  // three properties of two units
    systemd.set("nginx.service", started(second.pid(), 1'000'000'300'000'000));
    first.reset();  // restarted between two gatherings, so all states are as before
    BOOST_TEST(starts(collector) == "unbound=1000000100 nginx=1000000300");
    BOOST_TEST(systemd.reads() == 9);
    systemd.set("nginx.service", k_dead);
    BOOST_TEST(starts(collector) == "unbound=1000000100");
    systemd.set("nginx.service", started(second.pid(), 1'000'000'400'000'000));
    BOOST_TEST(starts(collector) == "unbound=1000000100 nginx=1000000400");
    BOOST_TEST(systemd.calls() == 6);
    BOOST_TEST(systemd.callers() == 1);
    BOOST_TEST(systemd.others() == 0);
}

BOOST_AUTO_TEST_CASE(a_unit_without_a_main_process_started_when_it_became_active) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    FakeUnit postfix{.active_since = 1'000'000'001'000'000};
    systemd.set("postfix@-.service", postfix);
    systemd.set("postfix.service", k_exited);
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(starts(collector) == "postfix=1000000001");
    postfix.active_since += 5'000'000;
    systemd.set("postfix@-.service", postfix);
    BOOST_TEST(starts(collector) == "postfix=1000000006");
}

BOOST_AUTO_TEST_CASE(of_several_instances_the_newest_start_counts) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("postfix@-.service", {.active_since = 1'000'000'500'000'000});
    systemd.set("postfix@out.service", {.active_since = 1'000'000'000'000'000});
    systemd.set("postfix.service", k_exited);
    auto collector = collector_on(systemd.address(), directory / "root");
    enable(directory / "root", "postfix@-.service");
    enable(directory / "root", "postfix@out.service");
    BOOST_TEST(starts(collector) == "postfix=1000000500");
    systemd.set("postfix@out.service", {.active_since = 1'000'000'600'000'000});
    BOOST_TEST(starts(collector) == "postfix=1000000600");
    systemd.set("postfix@out.service", {});  // systemd says no time
    BOOST_TEST(starts(collector) == "");
}

BOOST_AUTO_TEST_CASE(starts_that_systemd_does_not_tell_cost_no_state) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    const Sleeper process;
    systemd.set("nginx.service", started(process.pid(), 1'000'000'001'000'000));
    auto collector = collector_on(systemd.address(), directory / "root");
    for (const auto answer : {FakeProperty::refusal, FakeProperty::another_type}) {
        systemd.answer_with(answer);
        BOOST_TEST(starts(collector) == "");
        BOOST_TEST(ask(collector).told == "nginx=1");
    }
    systemd.answer_with(FakeProperty::nothing);
    const auto slow = ask(collector, 20s);
    BOOST_TEST(slow.told == "nginx=1");
    BOOST_TEST(slow.took.count() >= 990);  // the second that the call for the states has begun
    BOOST_TEST(slow.took.count() < 2000);
    systemd.answer_with(FakeProperty::value);
    BOOST_TEST(starts(collector) == "nginx=1000000001");
    BOOST_TEST(systemd.callers() == 1);
}

BOOST_AUTO_TEST_CASE(units_are_found_by_pattern_among_the_enabled_ones_at_each_gathering) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    for (const auto* unit : {"php8.1-fpm.service", "php8.3-fpm.service", "ceymail-ai-screening.service"})
        systemd.set(unit, k_running);
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(ask(collector).told == "");
    enable(directory / "root", "php8.3-fpm.service");
    BOOST_TEST(ask(collector).told == "php-fpm=1");
    enable(directory / "root", "php8.1-fpm.service");
    enable(directory / "root", "ceymail-ai-screening.service");
    systemd.set("php8.1-fpm.service", k_dead);
    BOOST_TEST(ask(collector).told == "php-fpm=0 ceymail-ai-filter=1");
    disable(directory / "root", "php8.1-fpm.service");
    BOOST_TEST(ask(collector).told == "php-fpm=1 ceymail-ai-filter=1");
    enable(directory / "root", "ceymail-ai-prepare.service");  // a oneshot of the filter
    systemd.set("ceymail-ai-prepare.service", k_exited);
    BOOST_TEST(ask(collector).told == "php-fpm=1 ceymail-ai-filter=1");
    systemd.set("ceymail-ai-screening.service", k_dead);
    BOOST_TEST(ask(collector).told == "php-fpm=1 ceymail-ai-filter=0");
    BOOST_TEST(systemd.calls() == 6);
    BOOST_TEST(systemd.others() == 0);
}

BOOST_AUTO_TEST_CASE(the_configuration_adds_services_and_replaces_known_ones) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    for (const auto* unit : {"nginx.service", "apache2.service", "rspamd.service", "openresty.service"})
        systemd.set(unit, k_running);
    systemd.set("redis-server.service", k_dead);
    systemd.set("ceymail-dashboard.service", k_running);
    systemd.set("spamass-milter.service", k_running);
    ceymail::config::Configuration options;
    options.service_manager = ceymail::config::ServiceManager::systemd;
    options.services = {{"rspamd", {"rspamd.service"}, {}},
                        {"redis", {"redis.service", "redis-server.service"}, {"redis-server"}},
                        {"nginx", {"openresty.service"}, {}},
                        {"clamav", {"clamav-daemon.service"}, {}}};
    ServicesCollector collector{options, directory / "root", systemd.address()};
    BOOST_TEST(ask(collector).told == "spamass-milter=1 nginx=1 apache=1 ceymail-dashboard=1 rspamd=1 redis=0");
    systemd.set("openresty.service", k_dead);
    BOOST_TEST(ask(collector).told == "spamass-milter=1 nginx=0 apache=1 ceymail-dashboard=1 rspamd=1 redis=0");
}

BOOST_AUTO_TEST_CASE(an_alias_is_answered_under_the_name_it_stands_for) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("mysql.service", {.id = "percona.service"});
    systemd.set("filter.service", {.id = "nginx.service"});
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(ask(collector).told == "mariadb=1");
}

BOOST_AUTO_TEST_CASE(the_filter_and_one_of_two_web_servers_go_by_the_links_of_enabled_units) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    for (const auto* unit : {"nginx.service", "apache2.service", "ceymail-ai-filter.service"}) {
        systemd.set(unit, k_running);
    }
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(ask(collector).told == "nginx=1 apache=1");
    const auto wants = directory / "root/etc/systemd/system/multi-user.target.wants";
    std::filesystem::create_directories(wants);
    std::filesystem::create_symlink("/nowhere", wants / "apache2.service");
    std::filesystem::create_symlink("/nowhere", wants / "ceymail-ai-filter.service");
    BOOST_TEST(ask(collector).told == "apache=1 ceymail-ai-filter=1");
    BOOST_TEST(systemd.others() == 0);
}

BOOST_AUTO_TEST_CASE(a_reload_is_up_until_it_has_lasted_two_minutes) {
    static std::atomic<std::chrono::nanoseconds> clock;
    clock = 1h;
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    ceymail::config::Configuration options;
    options.service_manager = ceymail::config::ServiceManager::systemd;
    ServicesCollector collector{options, directory.path(), systemd.address(),
                                []() noexcept { return ceymail::util::BootTime{clock.load()}; }};
    systemd.set("fail2ban.service", {"", "loaded", "reloading", "reload"});
    BOOST_TEST(ask(collector).told == "fail2ban=1");
    clock = 1h + 2min;
    BOOST_TEST(ask(collector).told == "fail2ban=1");
    clock = 1h + 2min + 1s;
    BOOST_TEST(ask(collector).told == "fail2ban=0");
    systemd.set("fail2ban.service", k_running);
    BOOST_TEST(ask(collector).told == "fail2ban=1");
    BOOST_TEST(systemd.others() == 0);
}

BOOST_AUTO_TEST_CASE(every_instance_of_postfix_that_is_enabled_is_asked_for_in_the_same_call) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    for (const auto* unit : {"postfix@-.service", "postfix@out.service", "nginx.service"}) {
        systemd.set(unit, k_running);
    }
    systemd.set("postfix.service", k_exited);
    auto collector = collector_on(systemd.address(), directory / "root");
    const auto wants = directory / "root/run/systemd/generator/postfix.service.wants";
    std::filesystem::create_directories(wants);
    const auto enable = [&](const std::string& unit) {
        std::filesystem::create_symlink("/lib/systemd/system/postfix@.service", wants / unit);
    };
    enable("postfix@-.service");
    enable("postfix@out.service");
    BOOST_TEST(ask(collector).told == "postfix=1 nginx=1");
    systemd.set("postfix@out.service", k_dead);
    BOOST_TEST(ask(collector).told == "postfix=0 nginx=1");
    std::filesystem::remove(wants / "postfix@out.service");
    BOOST_TEST(ask(collector).told == "postfix=1 nginx=1");
    BOOST_TEST(systemd.calls() == 3);
}

BOOST_AUTO_TEST_CASE(an_ill_name_of_the_filter_costs_no_other_service) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("rsyslog.service", k_running);
    ceymail::config::Configuration options;
    options.service_manager = ceymail::config::ServiceManager::systemd;
    options.ai_filter_unit = "filter@.service";
    ServicesCollector collector{options, directory.path(), systemd.address()};
    BOOST_TEST(ask(collector).told == "rsyslog=1");
}

BOOST_AUTO_TEST_CASE(the_process_table_is_asked_where_systemd_does_not_run) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("rsyslog.service", k_running);
    directory.write("proc/1/stat", "1 (init) S 0 1 1 0 -1 4194560 0");
    ceymail::config::Configuration options;
    options.proc = directory / "proc";
    ServicesCollector collector{options, directory.path(), systemd.address()};
    BOOST_TEST(ask(collector).told.empty());
    std::filesystem::create_directories(directory / "run/systemd/system");
    BOOST_TEST(ask(collector).told == "rsyslog=1");
    options.service_manager = ceymail::config::ServiceManager::processes;
    ServicesCollector by_processes{options, directory.path(), systemd.address()};
    BOOST_TEST(ask(by_processes).told.empty());
}

BOOST_AUTO_TEST_CASE(a_bus_that_was_restarted_is_found_again_in_the_same_call) {
    const TemporaryDirectory directory;
    auto systemd = std::make_unique<FakeSystemd>(directory.path());
    systemd->set("nginx.service", k_running);
    auto collector = collector_on(systemd->address(), directory / "root");
    BOOST_TEST(ask(collector).told == "nginx=1");
    systemd.reset();
    const auto away = ask(collector);
    BOOST_TEST((away.kind == ErrorKind::unavailable), away.told);
    for (int i = 0; i < 3; ++i) {
        systemd.reset();
        systemd = std::make_unique<FakeSystemd>(directory.path());
        systemd->set("nginx.service", k_dead);
        BOOST_TEST(ask(collector).told == "nginx=0");
    }
}

BOOST_AUTO_TEST_CASE(a_bus_that_stops_costs_the_deadline_and_recovers) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("nginx.service", k_running);
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(ask(collector).told == "nginx=1");
    systemd.bus().signal(SIGSTOP);
    const auto stuck = ask(collector, 200ms);
    BOOST_TEST((stuck.kind == ErrorKind::timed_out), stuck.told);
    BOOST_TEST(stuck.took.count() >= 199);
    BOOST_TEST(stuck.took.count() < 700);
    systemd.bus().signal(SIGCONT);
    BOOST_TEST(ask(collector).told == "nginx=1");
}

BOOST_AUTO_TEST_CASE(a_systemd_that_does_not_answer_costs_one_second_at_most) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("nginx.service", k_running);
    systemd.answer_with(FakeAnswer::nothing);
    auto collector = collector_on(systemd.address(), directory / "root");
    const auto stuck = ask(collector, 20s);
    BOOST_TEST((stuck.kind == ErrorKind::timed_out), stuck.told);
    BOOST_TEST(stuck.took.count() >= 999);
    BOOST_TEST(stuck.took.count() < 2000);
    BOOST_TEST(systemd.calls() == 1);
    systemd.answer_with(FakeAnswer::units);
    BOOST_TEST(ask(collector).told == "nginx=1");
}

BOOST_AUTO_TEST_CASE(a_bus_that_refuses_says_so_with_a_remedy) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.answer_with(FakeAnswer::refusal);
    auto collector = collector_on(systemd.address(), directory / "root");
    const auto refused = ask(collector);
    BOOST_TEST((refused.kind == ErrorKind::denied), refused.told);
    BOOST_TEST(refused.told ==
               "cannot ask systemd which services run: not for you; allow org.freedesktop.systemd1 in the policy of "
               "the system bus");
}

BOOST_AUTO_TEST_CASE(a_systemd_that_restarts_during_the_call_is_asked_once_more) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("nginx.service", k_running);
    systemd.answer_with(FakeAnswer::hang_up_once);
    auto collector = collector_on(systemd.address(), directory / "root");
    BOOST_TEST(ask(collector).told == "nginx=1");
    BOOST_TEST(systemd.calls() == 2);
    systemd.answer_with(FakeAnswer::hang_up);
    const auto gone = ask(collector);
    BOOST_TEST((gone.kind == ErrorKind::unavailable), gone.told);
    BOOST_TEST(gone.told.find("wait if systemd is restarting") != std::string::npos, gone.told);
    BOOST_TEST(systemd.calls() == 4);
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_length_is_not_guessed_at) {
    const TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    systemd.set("dovecot.service", k_running);
    systemd.answer_with(FakeAnswer::one_too_few);
    auto collector = collector_on(systemd.address(), directory / "root");
    const auto odd = ask(collector);
    BOOST_TEST((odd.kind == ErrorKind::unavailable), odd.told);
    systemd.answer_with(FakeAnswer::units);
    BOOST_TEST(ask(collector).told == "dovecot=1");
}

BOOST_AUTO_TEST_CASE(a_socket_that_never_greets_costs_the_deadline) {
    const TemporaryDirectory directory;
    const MuteSocket socket{directory / "bus"};
    auto collector = collector_on("unix:path=" + (directory / "bus").string(), directory / "root");
    const auto stuck = ask(collector, 200ms);
    BOOST_TEST((stuck.kind == ErrorKind::timed_out), stuck.told);
    BOOST_TEST(stuck.took.count() >= 199);
    BOOST_TEST(stuck.took.count() < 700);
}

BOOST_AUTO_TEST_CASE(a_socket_whose_queue_is_full_fails_by_the_deadline) {
    const TemporaryDirectory directory;
    const MuteSocket socket{directory / "bus", 0};
    std::vector<ServicesCollector> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.push_back(collector_on("unix:path=" + (directory / "bus").string(), directory / "root"));
        BOOST_TEST(ask(waiting.back(), 50ms).took.count() < 500);
    }
}

BOOST_AUTO_TEST_CASE(no_bus_at_all_fails_at_once_with_a_remedy) {
    const TemporaryDirectory directory;
    auto collector = collector_on("unix:path=" + (directory / "bus").string(), directory / "root");
    const auto none = ask(collector);
    BOOST_TEST((none.kind == ErrorKind::unavailable), none.told);
    BOOST_TEST(none.told.find("service_manager = processes") != std::string::npos, none.told);
    BOOST_TEST(none.took.count() < 500);
}

BOOST_AUTO_TEST_CASE(failed_calls_leave_no_descriptor_behind) {
    const TemporaryDirectory directory;
    const MuteSocket socket{directory / "bus"};
    auto collector = collector_on("unix:path=" + (directory / "bus").string(), directory / "root");
    const auto before = open_descriptors();
    for (int i = 0; i < 20; ++i) BOOST_TEST(!ask(collector, 1ms).told.empty());
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()
