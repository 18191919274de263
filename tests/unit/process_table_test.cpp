// SPDX-License-Identifier: MIT
// Services found in a process table made up of files.
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/process_table.hpp"
#include "ceymail/collect/services_collector.hpp"
#include "ceymail/exposition/text_format.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::collect;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ceymail::testing::TemporaryDirectory;
using ceymail::util::BootClock;
using ceymail::util::ErrorKind;

namespace {

constexpr unsigned k_kernel_thread = 0x00208040;
constexpr unsigned k_ordinary = 0x00400100;

std::string stat_line(int pid, const std::string& command, char state, unsigned flags) {
    return std::to_string(pid) + " (" + command + ") " + state + " 1 " + std::to_string(pid) + " 1 0 -1 " +
           std::to_string(flags) + " 1 2 3 4 5\n";
}

// A machine: PROC, directories of programs, Postfix's queue.
class Machine {
public:
    Machine() { process(1, "systemd", "/usr/lib/systemd/systemd"); }

    void install(const std::string& program) const {
        m_root.write(program.substr(1), "", std::filesystem::perms{0755});
    }

    void process(int pid, const std::string& command, const std::string& executable, const std::string& arguments = {},
                 char state = 'S', unsigned flags = k_ordinary) const {
        const auto directory = "proc/" + std::to_string(pid);
        m_root.write(directory + "/stat", stat_line(pid, command, state, flags));
        m_root.write(directory + "/cmdline", arguments);
        // Of a zombie no memory is left, and no executable.
        if (!executable.empty() && state != 'Z')
            std::filesystem::create_symlink(executable, m_root / directory / "exe");
    }

    void started(int pid, unsigned ticks) const {
        const auto path = "proc/" + std::to_string(pid) + "/stat";
        auto line = ceymail::testing::slurp(m_root / path);
        line.pop_back();
        m_root.write(path, line + " 6 7 8 9 10 11 12 " + std::to_string(ticks) + " 13 14\n");
    }

    void booted(std::uint64_t seconds) const {
        m_root.write("proc/stat", "cpu  1 2 3\nintr 5\nbtime " + std::to_string(seconds) + "\nprocesses 7\n");
    }

    void master_pid(std::string_view text) const { m_root.write("queue/pid/master.pid", text); }

    // "mariadb=1 nginx=0", as told by the collector.
    [[nodiscard]] std::string services() const {
        ceymail::config::Configuration options;
        options.proc = m_root / "proc";
        options.queue_directories = {m_root / "queue"};
        ServicesCollector collector{options, m_root.path()};
        const auto families = collector.collect(BootClock::now() + 10s);
        if (!families) return families.error().message;
        std::string told;
        for (const auto& sample : families->at(0).samples) {
            if (!told.empty()) told += ' ';
            told += sample.labels.at(0).second + '=' + std::to_string(std::get<std::uint64_t>(sample.value));
        }
        return told;
    }

    [[nodiscard]] const TemporaryDirectory& root() const { return m_root; }

private:
    TemporaryDirectory m_root;
};

// "nginx=1000.5", as told by a table that is kept.
std::string starts(ProcessTable& table, const std::vector<Service>& services) {
    const auto states = table.states(services, BootClock::now() + 10s);
    BOOST_TEST_REQUIRE(states.has_value());
    const auto families = service_families(services, *states, table.start_times(*states));
    std::string told;
    for (const auto& sample : families.at(1).samples) {
        if (!told.empty()) told += ' ';
        told += sample.labels.at(0).second + '=';
        ceymail::exposition::append_value(told, sample.value);
    }
    return told;
}

Process running(const std::string& command, std::optional<std::string> executable, const std::string& arguments = {},
                uid_t owner = 0) {
    return {command, 'S', false, std::move(executable), arguments, owner, 0};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(process_table)

BOOST_AUTO_TEST_CASE(a_stat_line_is_read_whatever_the_command_holds) {
    struct Case {
        const char* label;
        std::string in, command;
        char state;
        bool is_kernel_thread;
    };
    for (const auto& [label, in, command, state, is_kernel_thread] : std::vector<Case>{
             {"ordinary", stat_line(7, "nginx", 'S', k_ordinary), "nginx", 'S', false},
             {"kernel thread", stat_line(2, "kthreadd", 'I', k_kernel_thread), "kthreadd", 'I', true},
             {"zombie", stat_line(9, "master", 'Z', k_ordinary), "master", 'Z', false},
             {"space and brackets", stat_line(9, "a) R 1 (b", 'S', k_ordinary), "a) R 1 (b", 'S', false},
             {"no command", stat_line(9, "", 'S', k_ordinary), "", 'S', false},
         }) {
        BOOST_TEST_CONTEXT(label) {
            const auto process = parse_stat(in);
            BOOST_TEST_REQUIRE(process.has_value());
            BOOST_TEST(process->command == command);
            BOOST_TEST(process->state == state);
            BOOST_TEST(process->is_kernel_thread == is_kernel_thread);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_stat_line_is_no_process) {
    for (const auto* in : {"", "7", "7 (nginx", "7 nginx) S 1 7 1 0 -1 4", ")(", "7 (nginx)", "7 (nginx) S 1 7 1 0 -1",
                           "7 (nginx) S 1 7 1 0 -1 many", "7 (nginx S 1 7 1 0 -1 4 5", "7 )nginx( S 1 7 1 0 -1 4 5"}) {
        BOOST_TEST(!parse_stat(in).has_value(), in);
    }
}

BOOST_AUTO_TEST_CASE(a_program_is_known_by_its_executable) {
    struct Case {
        const char* label;
        Process process;
        const char* name;
        bool want;
    };
    const auto spamd = "/usr/bin/perl\0-T\0-w\0/usr/sbin/spamd\0-d\0"s;
    const auto fail2ban = "/usr/bin/python3\0/usr/bin/fail2ban-server\0-xf\0start\0"s;
    for (const auto& [label, process, name, want] : std::vector<Case>{
             {"its own name", running("nginx", "/usr/sbin/nginx"), "nginx", true},
             {"another user's, still the system's program", running("nginx", "/usr/sbin/nginx", "", 1001), "nginx",
              true},
             {"replaced by an upgrade", running("nginx", "/usr/sbin/nginx (deleted)"), "nginx", true},
             {"a command of its own choosing", running("mine", "/usr/sbin/nginx"), "nginx", true},
             {"longer name", running("nginx-debug", "/usr/sbin/nginx-debug"), "nginx", false},
             {"shorter name", running("nginx", "/usr/sbin/ngin"), "nginx", false},
             {"a stranger's program", running("nginx", "/home/eve/nginx", "nginx", 1001), "nginx", false},
             {"a stranger's program, run by root", running("nginx", "/tmp/nginx"), "nginx", false},
             {"a directory below", running("nginx", "/usr/sbin/eve/nginx"), "nginx", false},
             {"perl's script", running("spamd", "/usr/bin/perl", spamd), "spamd", true},
             {"perl's script that named itself", running("/usr/sbin/spamd", "/usr/bin/perl", "/usr/sbin/spamd -d"s),
              "spamd", true},
             {"its child", running("spamd child", "/usr/bin/perl", "spamd child"s), "spamd", true},
             {"a person's script", running("spamd", "/usr/bin/perl", spamd, 1001), "spamd", false},
             {"nobody's script", running("spamd", "/usr/bin/perl", spamd, 65534), "spamd", true},
             {"another script", running("perl", "/usr/bin/perl", "perl\0-w\0/usr/bin/other\0spamd\0"s), "spamd", false},
             {"python's script", running("fail2ban-server", "/usr/bin/python3.11", fail2ban), "fail2ban-server", true},
             {"python's script under python's name", running("python3", "/usr/bin/python3.11", fail2ban),
              "fail2ban-server", true},
             {"its client",
              running("fail2ban-client", "/usr/bin/python3.11",
                      "/usr/bin/python3\0/usr/bin/fail2ban-client\0status\0fail2ban-server\0"s),
              "fail2ban-server", false},
             {"an interpreter without arguments", running("python3", "/usr/bin/python3.11"), "fail2ban-server", false},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST(is_program(process, name) == want); }
    }
}

BOOST_AUTO_TEST_CASE(where_the_executable_may_not_be_known_a_user_of_the_system_is_believed) {
    BOOST_TEST(is_program(running("nginx", {}, "nginx: master process"), "nginx"));
    BOOST_TEST(is_program(running("nginx", {}, "", 33), "nginx"));
    BOOST_TEST(!is_program(running("nginx", {}, "", 1000), "nginx"));
    BOOST_TEST(!is_program(running("ngin", {}, "", 33), "nginx"));
    BOOST_TEST(is_program(running("a-very-long-nam", {}), "a-very-long-name"));  // comm is cut at 15 bytes
    BOOST_TEST(!is_program(running("a-very-long-na", {}), "a-very-long-name"));
}

BOOST_AUTO_TEST_CASE(zombies_and_kernel_threads_are_no_programs) {
    Process process = running("nginx", "/usr/sbin/nginx");
    process.state = 'Z';
    BOOST_TEST(!is_program(process, "nginx"));
    process.state = 'X';
    BOOST_TEST(!is_program(process, "nginx"));
    process.state = 'T';
    BOOST_TEST(is_program(process, "nginx"));
    process.is_kernel_thread = true;
    BOOST_TEST(!is_program(process, "nginx"));
}

BOOST_AUTO_TEST_CASE(the_pid_of_a_master_is_a_padded_line) {
    BOOST_TEST(parse_master_pid("      1234\n").value_or(0) == 1234);
    BOOST_TEST(parse_master_pid("1").value_or(0) == 1);
    for (const auto* in : {"", "\n", "   ", "x", "12x\n", "-5\n", "0\n", "99999999999\n", "12\n13\n", "12 "}) {
        BOOST_TEST(!parse_master_pid(in).has_value(), in);
    }
}

BOOST_AUTO_TEST_CASE(installed_is_what_has_an_executable_and_up_what_runs) {
    const Machine machine;
    machine.install("/usr/sbin/mariadbd");
    machine.install("/usr/sbin/nginx");
    machine.install("/usr/sbin/rsyslogd");
    machine.install("/usr/local/sbin/unbound");
    machine.root().write("usr/sbin/dovecot", "", std::filesystem::perms{0644});  // nothing that runs
    std::filesystem::create_directories(machine.root() / "usr/sbin/opendkim");
    machine.process(20, "mariadbd", "/usr/sbin/mariadbd");
    machine.process(21, "nginx", "/usr/sbin/nginx", "nginx: master process", 'Z');
    machine.process(22, "rsyslogd", "", "", 'S', k_kernel_thread);
    machine.process(23, "unbound", "/usr/local/sbin/unbound");
    machine.root().write("proc/24/stat", "ended meanwhile");
    machine.root().write("proc/self/stat", stat_line(25, "nginx", 'S', k_ordinary));
    BOOST_TEST(machine.services() == "mariadb=1 unbound=1 nginx=0 rsyslog=0");
}

BOOST_AUTO_TEST_CASE(a_service_that_runs_is_told_of_though_its_package_is_gone) {
    const Machine machine;
    machine.process(20, "dovecot", "/usr/sbin/dovecot (deleted)");
    BOOST_TEST(machine.services() == "dovecot=1");
}

BOOST_AUTO_TEST_CASE(either_name_of_a_service_will_do) {
    const Machine machine;
    machine.install("/usr/sbin/mysqld");
    machine.install("/usr/sbin/httpd");
    machine.process(20, "mysqld", "/usr/sbin/mysqld");
    machine.process(21, "httpd", "/usr/sbin/httpd");
    BOOST_TEST(machine.services() == "mariadb=1 apache=1");
}

BOOST_AUTO_TEST_CASE(postfix_is_the_master_that_holds_this_queue) {
    struct Case {
        const char* label;
        const char* pid_file;
        const char* want;
    };
    for (const auto& [label, pid_file, want] : std::vector<Case>{
             {"its master", "        30\n", "postfix=1"},
             {"killed", "        31\n", "postfix=0"},
             {"killed, and its pid taken by another program", "        32\n", "postfix=0"},
             {"killed, not waited for", "        33\n", "postfix=0"},
             {"just starting", "", "postfix=0"},
             {"not a pid", "../30\n", "postfix=0"},
         }) {
        BOOST_TEST_CONTEXT(label) {
            const Machine machine;
            machine.install("/usr/lib/postfix/sbin/master");
            machine.process(30, "master", "/usr/lib/postfix/sbin/master");
            machine.process(32, "bash", "/usr/bin/bash");
            machine.process(33, "master", "/usr/lib/postfix/sbin/master", "", 'Z');
            machine.master_pid(pid_file);
            BOOST_TEST(machine.services() == want);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_process_of_a_container_has_a_pid_in_each_namespace) {
    struct Case {
        const char* label;
        const char* status;
        bool want;
    };
    for (const auto& [label, status, want] : std::vector<Case>{
             {"the machine's own", "Name:\tnginx\nNStgid:\t7\nNSpid:\t7\nNSpgid:\t7\n", false},
             {"of a container", "Name:\tnginx\nNSpid:\t907\t7\nNSpgid:\t7\n", true},
             {"of a container in one", "Name:\tnginx\nNSpid:\t907\t57\t1\n", true},
             {"cut short", "Name:\tnginx\nNSpid:\t907", false},
             {"of a kernel that does not tell", "Name:\tnginx\nPid:\t7\n", false},
             {"a name like the line", "Name:\tNSpid:\t1\t2\nNSpid:\t7\n", false},
             {"ended meanwhile", "", false},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST(is_in_container(status) == want); }
    }
}

BOOST_AUTO_TEST_CASE(a_service_of_a_container_is_not_the_machines) {
    const Machine machine;
    machine.install("/usr/sbin/nginx");
    machine.process(30, "nginx", "/usr/sbin/nginx");
    machine.root().write("proc/30/status", "Name:\tnginx\nNSpid:\t30\t7\n");
    machine.process(31, "unbound", "/usr/sbin/unbound");
    machine.root().write("proc/31/status", "Name:\tunbound\nNSpid:\t31\t8\n");
    BOOST_TEST(machine.services() == "nginx=0");
    machine.process(32, "nginx", "/usr/sbin/nginx");
    machine.root().write("proc/32/status", "Name:\tnginx\nNSpid:\t32\n");
    BOOST_TEST(machine.services() == "nginx=1");
}

BOOST_AUTO_TEST_CASE(postfix_is_up_when_the_masters_of_all_instances_run) {
    const Machine machine;
    machine.install("/usr/lib/postfix/sbin/master");
    machine.process(30, "master", "/usr/lib/postfix/sbin/master");
    machine.process(31, "master", "/usr/lib/postfix/sbin/master");
    machine.root().write("queue/pid/master.pid", "30\n");
    machine.root().write("queue-out/pid/master.pid", "31\n");
    const auto state = [&] {
        ProcessTable table{
            machine.root().path(), machine.root() / "proc", {machine.root() / "queue", machine.root() / "queue-out"}};
        return table.states({{"postfix", {}, {"master"}}}, BootClock::now() + 10s).value().at(0);
    };
    BOOST_TEST((state() == ServiceState::up));
    machine.root().write("queue-out/pid/master.pid", "32\n");
    BOOST_TEST((state() == ServiceState::down));
    std::filesystem::remove(machine.root() / "queue-out/pid/master.pid");
    BOOST_TEST((state() == ServiceState::down));
}

BOOST_AUTO_TEST_CASE(a_master_of_another_queue_is_not_this_postfix) {
    const Machine machine;
    machine.install("/usr/lib/postfix/sbin/master");
    machine.process(30, "master", "/usr/lib/postfix/sbin/master");
    BOOST_TEST(machine.services() == "postfix=0");
}

BOOST_AUTO_TEST_CASE(a_hidden_process_table_is_an_error_and_not_a_machine_at_rest) {
    const Machine machine;
    machine.install("/usr/sbin/nginx");
    std::filesystem::remove_all(machine.root() / "proc/1");
    const auto told = machine.services();
    BOOST_TEST(told.find("hidepid") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(a_master_whose_pid_may_not_be_read_is_an_error_and_not_a_dead_postfix) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to become another user");
    const Machine machine;
    machine.install("/usr/lib/postfix/sbin/master");
    machine.master_pid("        30\n");
    std::filesystem::permissions(machine.root() / "queue/pid", std::filesystem::perms::none);
    BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
    const auto told = machine.services();
    BOOST_TEST_REQUIRE(::seteuid(0) == 0);
    BOOST_TEST(told.find("cannot see whether Postfix runs: cannot read " + (machine.root() / "queue/pid").string()) !=
                   std::string::npos,
               told);
    BOOST_TEST(told.find("CAP_DAC_READ_SEARCH") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(the_filter_goes_by_its_process_where_no_systemd_can_enable_it) {
    const Machine machine;
    machine.install("/usr/libexec/ceymail-ai-filter");
    BOOST_TEST(machine.services() == "ceymail-ai-filter=0");
    machine.process(40, "ceymail-ai-filt", "/usr/libexec/ceymail-ai-filter");
    BOOST_TEST(machine.services() == "ceymail-ai-filter=1");
}

BOOST_AUTO_TEST_CASE(the_start_is_that_of_the_oldest_process_and_no_step_of_the_clock_changes_it) {
    const Machine machine;
    machine.process(41, "nginx", "/usr/sbin/nginx");
    machine.started(41, 2075);
    machine.process(40, "nginx", "/usr/sbin/nginx");
    machine.started(40, 2050);
    machine.process(42, "nginx", "/usr/sbin/nginx");
    machine.started(42, 9000);
    machine.booted(1'764'000'000);
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const std::vector<Service> services{{"nginx", {}, {"nginx"}}, {"unbound", {}, {"unbound"}}};
    BOOST_TEST(starts(table, services) == "nginx=1764000020.5");
    machine.booted(1'764'000'900);  // the clock was set
    machine.process(50, "unbound", "/usr/sbin/unbound");
    machine.started(50, 100);
    BOOST_TEST(starts(table, services) == "nginx=1764000020.5 unbound=1764000901");
    for (const int pid : {40, 41, 42}) std::filesystem::remove_all(machine.root() / "proc" / std::to_string(pid));
    BOOST_TEST(starts(table, services) == "unbound=1764000901");
    machine.process(40, "nginx", "/usr/sbin/nginx");  // the same pid once more
    machine.started(40, 90000);
    BOOST_TEST(starts(table, services) == "nginx=1764001800 unbound=1764000901");
    std::filesystem::remove(machine.root() / "proc/40/exe");  // it executes another program
    std::filesystem::create_symlink("/usr/bin/bash", machine.root() / "proc/40/exe");
    BOOST_TEST(starts(table, services) == "unbound=1764000901");
}

BOOST_AUTO_TEST_CASE(the_start_is_that_of_the_process_that_runs_now_though_the_last_one_had_its_pid) {
    const Machine machine;
    machine.booted(1'764'000'000);
    machine.process(40, "nginx", "/usr/sbin/nginx");
    machine.started(40, 2000);
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const std::vector<Service> services{{"nginx", {}, {"nginx"}}};
    BOOST_TEST(starts(table, services) == "nginx=1764000020");
    std::filesystem::remove_all(machine.root() / "proc/40");
    machine.process(40, "nginx", "/usr/sbin/nginx");
    machine.started(40, 90000);
    BOOST_TEST(starts(table, services) == "nginx=1764000900");
}

BOOST_AUTO_TEST_CASE(a_process_whose_start_is_unknown_hides_that_of_no_other) {
    const Machine machine;
    machine.booted(1'764'000'000);
    for (const int pid : {40, 41, 42}) machine.process(pid, "nginx", "/usr/sbin/nginx");
    machine.started(41, 2000);
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    BOOST_TEST(starts(table, {{"nginx", {}, {"nginx"}}}) == "nginx=1764000020");
}

BOOST_AUTO_TEST_CASE(of_several_masters_the_newest_start_counts) {
    const Machine machine;
    machine.install("/usr/lib/postfix/sbin/master");
    machine.booted(1'764'000'000);
    for (const int pid : {30, 31}) machine.process(pid, "master", "/usr/lib/postfix/sbin/master");
    machine.started(30, 5000);
    machine.started(31, 300);
    machine.root().write("queue/pid/master.pid", "30\n");
    machine.root().write("queue-out/pid/master.pid", "31\n");
    ProcessTable table{
        machine.root().path(), machine.root() / "proc", {machine.root() / "queue", machine.root() / "queue-out"}};
    const std::vector<Service> services{{"postfix", {}, {"master"}}};
    BOOST_TEST(starts(table, services) == "postfix=1764000050");
    machine.process(32, "master", "/usr/lib/postfix/sbin/master");
    machine.started(32, 7000);
    machine.root().write("queue-out/pid/master.pid", "32\n");
    BOOST_TEST(starts(table, services) == "postfix=1764000070");
}

BOOST_AUTO_TEST_CASE(a_start_that_cannot_be_told_is_absent) {
    const Machine machine;
    machine.process(40, "nginx", "/usr/sbin/nginx");
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const std::vector<Service> services{{"nginx", {}, {"nginx"}}};
    BOOST_TEST(starts(table, services) == "");  // the stat file has no start
    machine.started(40, 100);
    BOOST_TEST(starts(table, services) == "");  // no time of boot
    machine.booted(1'764'000'000);
    BOOST_TEST(starts(table, services) == "nginx=1764000001");
}

BOOST_AUTO_TEST_CASE(the_time_of_boot_is_a_line_of_its_own) {
    BOOST_TEST(parse_boot_time("cpu 1\nbtime 1764000000\n").value_or(0) == 1'764'000'000U);
    for (const auto* in :
         {"", "btime 5", "cpu btime 5\n", "cpu\nbtime \n", "cpu\nbtime x\n", "cpu\nbtime 99999999999999999999\n"})
        BOOST_TEST(!parse_boot_time(in).has_value(), in);
}

BOOST_AUTO_TEST_CASE(every_version_of_php_is_found_by_its_pattern) {
    const Machine machine;
    machine.root().write("usr/sbin/php-fpm8.2", "", std::filesystem::perms{0644});  // nothing that runs
    BOOST_TEST(machine.services() == "");
    machine.install("/usr/sbin/php-fpm8.3");
    BOOST_TEST(machine.services() == "php-fpm=0");
    machine.process(40, "php-fpm8.3", "/usr/sbin/php-fpm8.3", "php-fpm: master process (/etc/php/8.3/fpm.conf)");
    BOOST_TEST(machine.services() == "php-fpm=1");
}

BOOST_AUTO_TEST_CASE(a_passed_deadline_ends_the_reading) {
    const Machine machine;
    for (int pid = 100; pid < 200; ++pid) machine.process(pid, "sleep", "/usr/bin/sleep");
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const auto states = table.states(known_services("", ""), BootClock::now() - 1s);
    BOOST_TEST_REQUIRE(!states.has_value());
    BOOST_TEST((states.error().kind == ErrorKind::timed_out));
}

BOOST_AUTO_TEST_CASE(services_of_no_name_are_neither_installed_nor_up) {
    const Machine machine;
    machine.process(40, "", "/usr/bin/");
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const auto states = table.states(known_services("", ""), BootClock::now() + 10s);
    BOOST_TEST_REQUIRE(states.has_value());
    BOOST_TEST((states->back() == ServiceState::absent));
}

BOOST_AUTO_TEST_CASE(the_start_of_postfix_stays_when_the_clock_is_set_and_not_when_its_master_is_another) {
    const Machine machine;
    machine.install("/usr/lib/postfix/sbin/master");
    machine.booted(1'764'000'000);
    machine.process(30, "master", "/usr/lib/postfix/sbin/master");
    machine.started(30, 5000);
    machine.master_pid("30\n");
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const std::vector<Service> services{{"postfix", {}, {"master"}}};
    BOOST_TEST(starts(table, services) == "postfix=1764000050");
    machine.booted(1'764'000'900);  // the clock was set
    BOOST_TEST(starts(table, services) == "postfix=1764000050");
    std::filesystem::remove_all(machine.root() / "proc/30");
    machine.process(30, "master", "/usr/lib/postfix/sbin/master");  // the same pid once more
    machine.started(30, 90000);
    BOOST_TEST(starts(table, services) == "postfix=1764001800");
    machine.process(31, "master", "/usr/lib/postfix/sbin/master");  // another, in the same tick
    machine.started(31, 90000);
    machine.master_pid("31\n");
    machine.booted(1'764'000'000);
    BOOST_TEST(starts(table, services) == "postfix=1764000900");
}

BOOST_AUTO_TEST_CASE(a_script_that_runs_is_found_by_its_interpreters_arguments) {
    const Machine machine;
    machine.install("/usr/sbin/spamd");
    machine.process(60, "spamd", "/usr/bin/perl", "/usr/bin/perl\0-T\0-w\0/usr/sbin/spamd\0-d\0"s);
    machine.booted(1'764'000'000);
    machine.started(60, 700);
    ProcessTable table{machine.root().path(), machine.root() / "proc", {machine.root() / "queue"}};
    const std::vector<Service> services{{"spamassassin", {}, {"spamd"}}, {"nginx", {}, {"nginx"}}};
    BOOST_TEST(starts(table, services) == "spamassassin=1764000007");
    BOOST_TEST(starts(table, services) == "spamassassin=1764000007");
    machine.root().write("proc/60/cmdline", "/usr/bin/perl\0/usr/bin/other\0"s);
    machine.root().write("proc/60/stat", stat_line(60, "perl", 'S', k_ordinary));
    BOOST_TEST(starts(table, services) == "");
}

BOOST_AUTO_TEST_CASE(more_processes_than_are_looked_at_are_an_error_and_not_a_machine_at_rest) {
    const Machine machine;
    const auto proc = machine.root() / "proc";
    for (int pid = 2; pid <= 100'000; ++pid)
        BOOST_TEST_REQUIRE(::mknod((proc / std::to_string(pid)).c_str(), S_IFREG | 0600, 0) == 0);
    machine.root().write("proc/uptime", "");
    ProcessTable table{machine.root().path(), proc, {}};
    const std::vector<Service> services{{"nginx", {}, {"nginx"}}};
    BOOST_TEST(table.states(services, BootClock::now() + 60s).has_value(), "100,000, and what is no process");
    machine.root().write("proc/100001", "");
    const auto states = table.states(services, BootClock::now() + 60s);
    BOOST_TEST_REQUIRE(!states.has_value());
    BOOST_TEST((states.error().kind == ErrorKind::exhausted));
    BOOST_TEST(states.error().message == "cannot see which services run: more than 100000 processes");
}

BOOST_AUTO_TEST_SUITE_END()
