// SPDX-License-Identifier: MIT
// Services found in the kernel's own process table.
#include <csignal>
#include <memory>
#include <thread>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/process_table.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::collect;
using namespace std::chrono_literals;
using ceymail::testing::ChildProcess;
using ceymail::testing::TemporaryDirectory;
using ceymail::util::BootClock;

namespace {

// A machine whose directories of programs are the test's own, and whose processes are real.
class Machine {
public:
    void install(const std::string& name, const std::string& script) const {
        m_root.write("usr/sbin/" + name, script, std::filesystem::perms{0755});
    }

    [[nodiscard]] ChildProcess start(const std::string& name, std::vector<std::string> command = {}) const {
        command.push_back(m_root / "usr/sbin" / name);
        ChildProcess child{{.arguments = command}};
        for (int i = 0; i < 500 && child.output().empty(); ++i) std::this_thread::sleep_for(10ms);
        return child;
    }

    [[nodiscard]] ServiceState state_of(const std::string& name) const {
        ProcessTable table{m_root.path(), "/proc", {m_root / "queue"}};
        const auto states = table.states({{name, {}, {name}}}, BootClock::now() + 10s);
        BOOST_TEST_REQUIRE(states.has_value());
        return states->at(0);
    }

    [[nodiscard]] ProcessTable table() const { return {m_root.path(), "/proc", {m_root / "queue"}}; }

private:
    TemporaryDirectory m_root;
};

bool is_zombie(pid_t pid) {
    const auto stat = parse_stat(ceymail::testing::slurp("/proc/" + std::to_string(pid) + "/stat"));
    return stat && stat->state == 'Z';
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kernel_process_table)

BOOST_AUTO_TEST_CASE(a_script_is_up_while_it_runs_and_down_as_a_zombie) {
    const Machine machine;
    machine.install("kept-in-perl", "#!/usr/bin/perl\n$| = 1; print \"up\\n\"; sleep 60;\n");
    BOOST_TEST((machine.state_of("kept-in-perl") == ServiceState::down));
    const auto child = machine.start("kept-in-perl");
    BOOST_TEST((machine.state_of("kept-in-perl") == ServiceState::up));
    child.signal(SIGKILL);
    for (int i = 0; i < 500 && !is_zombie(child.pid()); ++i) std::this_thread::sleep_for(10ms);
    BOOST_TEST_REQUIRE(is_zombie(child.pid()));
    BOOST_TEST((machine.state_of("kept-in-perl") == ServiceState::down));
}

BOOST_AUTO_TEST_CASE(a_script_that_names_itself_as_spamd_does_is_up) {
    const Machine machine;
    machine.install("named-in-perl",
                    "#!/usr/bin/perl\n$0 = '/usr/sbin/named-in-perl -d --max-children 5';\n"
                    "$| = 1; print \"up\\n\"; sleep 60;\n");
    const auto child = machine.start("named-in-perl");
    BOOST_TEST((machine.state_of("named-in-perl") == ServiceState::up));
}

BOOST_AUTO_TEST_CASE(another_users_process_is_known_by_its_own_words_and_down_as_a_zombie) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to become somebody else");
    const Machine machine;
    machine.install("kept-in-perl", "#!/usr/bin/perl\n$| = 1; print \"up\\n\"; sleep 60;\n");
    const auto child = machine.start("kept-in-perl");
    const auto state_to_nobody = [&] {
        BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
        const auto state = machine.state_of("kept-in-perl");
        BOOST_TEST_REQUIRE(::seteuid(0) == 0);
        return state;
    };
    BOOST_TEST((state_to_nobody() == ServiceState::up));
    child.signal(SIGKILL);
    for (int i = 0; i < 500 && !is_zombie(child.pid()); ++i) std::this_thread::sleep_for(10ms);
    BOOST_TEST((state_to_nobody() == ServiceState::down));
}

// Its own mount namespace too, as Docker's and systemd-nspawn's have, and by what the service itself may read.
BOOST_AUTO_TEST_CASE(a_process_in_a_container_is_not_the_machines) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to make namespaces");
    const Machine machine;
    machine.install("kept-in-perl", "#!/usr/bin/perl\n$| = 1; print \"up\\n\"; sleep 60;\n");
    const auto to_nobody = [&] {
        BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
        const auto state = machine.state_of("kept-in-perl");
        BOOST_TEST_REQUIRE(::seteuid(0) == 0);
        return state;
    };
    const auto contained = machine.start("kept-in-perl", {"unshare", "--pid", "--mount", "--fork", "--kill-child"});
    BOOST_TEST((machine.state_of("kept-in-perl") == ServiceState::down));
    BOOST_TEST((to_nobody() == ServiceState::down));
    const auto mounts_alone = machine.start("kept-in-perl", {"unshare", "--mount"});  // as a service of PrivateTmp=
    BOOST_TEST((machine.state_of("kept-in-perl") == ServiceState::up));
    BOOST_TEST((to_nobody() == ServiceState::up));
}

BOOST_AUTO_TEST_CASE(the_start_is_that_of_the_clock_and_changes_with_the_process) {
    const Machine machine;
    machine.install("kept-in-perl", "#!/usr/bin/perl\n$| = 1; print \"up\\n\"; sleep 60;\n");
    auto table = machine.table();
    const auto start = [&]() -> std::optional<std::chrono::microseconds> {
        const auto states = table.states({{"kept", {}, {"kept-in-perl"}}}, BootClock::now() + 10s);
        BOOST_TEST_REQUIRE(states.has_value());
        return table.start_times(*states).at(0);
    };
    BOOST_TEST(!start().has_value());
    auto first = std::make_unique<ChildProcess>(machine.start("kept-in-perl"));
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto first_start = start();
    BOOST_TEST_REQUIRE(first_start.has_value());
    // btime is in whole seconds, and the kernel rounds the start to ticks.
    BOOST_TEST((*first_start <= now + 1s));
    BOOST_TEST((*first_start >= now - 10s));
    const auto second = machine.start("kept-in-perl");
    BOOST_TEST((start() == first_start));
    first.reset();
    const auto second_start = start();
    BOOST_TEST_REQUIRE(second_start.has_value());
    BOOST_TEST((*second_start > *first_start));
    BOOST_TEST((start() == second_start));
}

BOOST_AUTO_TEST_CASE(a_program_outside_the_directories_of_programs_is_not_the_service) {
    const Machine machine;
    machine.install("strange-sleep", "");
    const TemporaryDirectory elsewhere;
    std::filesystem::copy_file("/bin/sleep", elsewhere / "strange-sleep");
    const ChildProcess child{{.arguments = {elsewhere / "strange-sleep", "60"}}};
    for (int i = 0; i < 500; ++i) {
        const auto stat = parse_stat(ceymail::testing::slurp("/proc/" + std::to_string(child.pid()) + "/stat"));
        if (stat && stat->command == "strange-sleep") break;
        std::this_thread::sleep_for(10ms);
    }
    BOOST_TEST((machine.state_of("strange-sleep") == ServiceState::down));
}

BOOST_AUTO_TEST_SUITE_END()
