// SPDX-License-Identifier: MIT
// The supervisor and its processes: their rights, replacement, watchdog and stop.
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>

#include "ceymail/shared/segment.hpp"
#include "ceymail/supervisor/mail_log_resources.hpp"
#include "ceymail/supervisor/worker_heartbeats.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/robust_lock.hpp"
#include "support/failing_calls.hpp"
#include "support/forked_child.hpp"
#include "support/mount_namespace.hpp"
#include "support/responder_process.hpp"
#include "support/token_database.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ceymail::testing;
using ceymail::util::BootClock;
using ceymail::util::Fd;

constexpr auto k_token = TokenDatabase::k_token;

std::string proc(pid_t pid, const std::string& file) { return "/proc/" + std::to_string(pid) + "/" + file; }

bool alive(pid_t pid) {
    struct stat status{};
    return ::stat(proc(pid, "stat").c_str(), &status) == 0;
}

std::string status_line(pid_t pid, const std::string& name) {
    const auto text = "\n" + slurp(proc(pid, "status"));
    const auto at = text.find("\n" + name + ":\t");
    BOOST_TEST_REQUIRE(at != std::string::npos, name);
    const auto begin = at + name.size() + 3;
    return text.substr(begin, text.find('\n', begin) - begin);
}

std::size_t open_files(pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(proc(pid, "fd"))) ++count;
    return count;
}

std::vector<pid_t> everybody(ResponderProcess& responder) {
    auto all = responder.workers();
    all.push_back(responder.gatherer());
    all.push_back(responder.supervisor().pid());
    return all;
}

bool logged(const ResponderProcess& responder, const std::string& message) {
    return responder.log().find(message) != std::string::npos;
}

// The socket of systemd that receives sd_notify(3) messages.
class NotifySocket {
public:
    explicit NotifySocket(const std::filesystem::path& path)
        : m_path(path), m_socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_TEST_REQUIRE(::bind(m_socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        std::filesystem::permissions(path, std::filesystem::perms{0777});
    }

    [[nodiscard]] std::string variable() const { return "NOTIFY_SOCKET=" + m_path.string(); }

    // Returns: "" if none comes in time.
    std::string next_word(std::chrono::milliseconds patience = 5s) const {
        pollfd word{m_socket.get(), POLLIN, 0};
        char text[512];
        if (::poll(&word, 1, static_cast<int>(patience.count())) <= 0) return {};
        const auto got = ::recv(m_socket.get(), text, sizeof text, 0);
        return {text, got > 0 ? static_cast<std::size_t>(got) : 0};
    }

private:
    std::filesystem::path m_path;
    Fd m_socket;
};

// Until an exit is no early exit any more.
void wait_for_minimum_lifetime() { std::this_thread::sleep_for(1100ms); }

BOOST_FIXTURE_TEST_SUITE(supervisor, ResponderProcess)

BOOST_AUTO_TEST_CASE(gives_each_role_only_the_rights_it_needs) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const auto nobody = std::to_string(::getpwnam("nobody")->pw_uid);
    for (const auto pid : everybody(*this)) {
        BOOST_TEST(status_line(pid, "Uid").starts_with(nobody + "\t" + nobody + "\t" + nobody));
        BOOST_TEST(status_line(pid, "NoNewPrivs") == "1");
        BOOST_TEST(status_line(pid, "CapInh") == "0000000000000000");
        BOOST_TEST(status_line(pid, "CapAmb") == "0000000000000000");
    }
    for (const auto pid : workers()) BOOST_TEST(status_line(pid, "CapPrm") == "0000000000000000");
    BOOST_TEST(status_line(gatherer(), "CapPrm") == "0000000000000004");
    BOOST_TEST(status_line(supervisor().pid(), "CapPrm") == "0000000000000004");
}

BOOST_AUTO_TEST_CASE(lets_no_process_of_its_user_read_its_memory) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    for (const auto pid : everybody(*this)) {
        struct stat environment{};
        BOOST_TEST_REQUIRE(::stat(proc(pid, "environ").c_str(), &environment) == 0);
        BOOST_TEST(environment.st_uid == 0U, "not dumpable: not even another process of its user may read it");
        BOOST_TEST(slurp(proc(pid, "limits")).find("Max core file size        0                    0") !=
                   std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(leaves_nothing_open_that_a_role_does_not_need) {
    ask({});
    const auto names_of = [](pid_t pid) {
        std::string names;
        for (const auto& entry : std::filesystem::directory_iterator(proc(pid, "fd")))
            names += std::filesystem::read_symlink(entry.path()).string() + "\n";
        return names;
    };
    const auto inodes = slurp("/proc/net/unix");
    const auto inode_of = [&](const std::string& name) {
        const auto line = inodes.rfind('\n', inodes.find(name)) + 1;
        const auto text = inodes.substr(line, inodes.find(name, line) - line - 1);
        return "socket:[" + text.substr(text.rfind(' ') + 1) + "]";
    };
    const auto requests = inode_of(directory().path().string() + "/responder.sock");
    const auto questions = inode_of(directory().path().string() + "/run/gatherer.sock");
    BOOST_TEST(names_of(gatherer()).find(questions) != std::string::npos);
    BOOST_TEST(names_of(gatherer()).find(requests) == std::string::npos);
    for (const auto pid : workers()) {
        BOOST_TEST(names_of(pid).find(requests) != std::string::npos);
        BOOST_TEST(names_of(pid).find(questions) == std::string::npos);
        BOOST_TEST(std::filesystem::read_symlink(proc(pid, "fd/0")) == "/dev/null");
    }
}

// The lines of /proc/PID/maps that end with `name`: "rw-s 000f1000 4096", mode, offset and length.
std::vector<std::string> maps_of(pid_t pid, const std::string& name) {
    std::vector<std::string> found;
    std::istringstream maps(slurp(proc(pid, "maps")));
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = 0, end = 0;
        char mode[5] = {}, offset[17] = {};
        if (!line.ends_with(name) || std::sscanf(line.c_str(), "%lx-%lx %4s %16s", &begin, &end, mode, offset) != 4)
            continue;
        found.push_back(std::string(mode) + " " + offset + " " + std::to_string(end - begin));
    }
    return found;
}

BOOST_AUTO_TEST_CASE(each_role_has_mapped_what_it_needs_and_no_more) {
    using ceymail::shared::GathererStorage;
    using ceymail::shared::SegmentLayout;
    ask({.token = k_token});
    const auto mapped = [](const char* mode, std::size_t offset, std::size_t size) {
        char text[64];
        std::snprintf(text, sizeof text, "%s %08zx %zu", mode, offset, size);
        return std::vector<std::string>{text};
    };
    constexpr std::size_t k_behind_workers = offsetof(SegmentLayout, gatherer);
    const auto segment = (directory() / "run/segment").string();
    BOOST_TEST(maps_of(gatherer(), segment) == mapped("rw-s", k_behind_workers, sizeof(GathererStorage)),
               boost::test_tools::per_element());
    BOOST_TEST(maps_of(gatherer(), "/dev/zero (deleted)").size() == 0U, "no worker's heartbeat");
    for (const auto pid : workers()) {
        BOOST_TEST(maps_of(pid, segment) == mapped("rw-s", 0, k_behind_workers), boost::test_tools::per_element());
        const auto buffer = maps_of(pid, "memfd:ceymail-snapshot (deleted)");
        BOOST_TEST_REQUIRE(buffer.size() == 1U);
        BOOST_TEST(buffer[0].starts_with("r--s"));
        const auto heartbeats = maps_of(pid, "/dev/zero (deleted)");
        BOOST_TEST_REQUIRE(heartbeats.size() == 1U, "its own heartbeat");
        BOOST_TEST(heartbeats[0].ends_with(" 4096"));
    }
}

// Some containers forbid it, systemd-nspawn(1) among them.
boost::test_tools::assertion_result can_copy_descriptors(boost::unit_test::test_unit_id) {
    const Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    return static_cast<bool>(Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, self.get(), STDERR_FILENO, 0))));
}

// Files that other processes have mapped, tried with the very descriptor of the process.
BOOST_AUTO_TEST_CASE(no_role_holds_a_descriptor_that_can_shorten_a_file,
                     *boost::unit_test::precondition(can_copy_descriptors)) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    ask({.token = k_token});
    auto roles = workers();
    roles.push_back(gatherer());
    std::size_t tried = 0;
    for (const auto pid : roles) {
        BOOST_TEST(status_line(pid, "Seccomp") == "2");
        const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        BOOST_TEST_REQUIRE(static_cast<bool>(process));
        for (const auto& entry : std::filesystem::directory_iterator(proc(pid, "fd"))) {
            const int number = std::stoi(entry.path().filename());
            if (number <= STDERR_FILENO) continue;  // chosen by the process that starts it
            const Fd same(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
            if (!same && errno == EBADF) continue;  // the gatherer has closed it since
            std::error_code ignored;
            const auto file = std::filesystem::read_symlink(entry.path(), ignored);
            BOOST_TEST_REQUIRE(static_cast<bool>(same), file);
            BOOST_TEST(::ftruncate(same.get(), 0) != 0, file);
            ++tried;
        }
    }
    BOOST_TEST(tried > roles.size());
    BOOST_TEST(std::filesystem::file_size(directory() / "run/segment") == sizeof(ceymail::shared::SegmentLayout));
    BOOST_TEST(ask({}).status == 401);
}

BOOST_AUTO_TEST_CASE(replaces_a_killed_worker_at_once) {
    wait_for_minimum_lifetime();
    const auto before = workers();
    ::kill(before.at(0), SIGKILL);
    BOOST_TEST(eventually([&] { return workers().size() == before.size() && workers() != before; }, 200ms));
    BOOST_TEST(ask({}).status == 401);
    BOOST_TEST(logged(*this, "worker " + std::to_string(before.at(0)) + " was killed by signal 9 (Killed); replaced"));
}

BOOST_AUTO_TEST_CASE(replaces_a_killed_gatherer_at_once) {
    wait_for_minimum_lifetime();
    const auto before = gatherer();
    ::kill(before, SIGKILL);
    BOOST_TEST(eventually([&] {
        const auto now = workers();
        return slurp(proc(supervisor().pid(), "task/" + std::to_string(supervisor().pid()) + "/children"))
                       .find(std::to_string(before)) == std::string::npos &&
               gatherer() != before;
    }));
}

BOOST_AUTO_TEST_CASE(delays_the_replacement_of_early_exits) {
    // The first two, and then each replacement. More would take too long.
    const auto start = BootClock::now();
    unsigned killed = 0;
    while (BootClock::now() - start < 1000ms) {
        for (const auto pid : workers()) killed += ::kill(pid, SIGKILL) == 0 ? 1 : 0;
        std::this_thread::sleep_for(20ms);
    }
    BOOST_TEST(killed <= 6U, "as many were started, and killed: " << killed);
    BOOST_TEST(logged(*this, "it lived less than a second, so the next one waits"));
    BOOST_TEST(eventually([&] { return workers().size() == 2; }));
    BOOST_TEST(ask({}).status == 401);
}

BOOST_AUTO_TEST_CASE(stops_in_order_on_sigterm) {
    const auto all = everybody(*this);
    BOOST_TEST(stop().value_or(-1) == 0);
    for (const auto pid : all) BOOST_TEST(!alive(pid));
    BOOST_TEST(!logged(*this, "killed"), log());
}

// TimeoutStopSec= of the unit is longer than the longest request.
std::chrono::seconds patience_of_systemd() {
    const auto unit = slurp(source("deploy/systemd/ceymail-metrics.service"));
    const std::string key = "\nTimeoutStopSec=";
    const auto at = unit.find(key);
    BOOST_TEST_REQUIRE(at != std::string::npos);
    return std::chrono::seconds(std::stoi(unit.substr(at + key.size())));
}

BOOST_AUTO_TEST_CASE(stops_before_the_time_out_of_systemd_even_if_its_children_do_not) {
    const auto patience = patience_of_systemd();
    BOOST_TEST((patience > ceymail::supervisor::k_longest_request));
    for (const auto pid : workers()) ::kill(pid, SIGSTOP);
    ::kill(gatherer(), SIGSTOP);
    const auto start = BootClock::now();
    BOOST_TEST(stop().value_or(-1) == 0);
    BOOST_TEST((BootClock::now() - start < patience));
}

BOOST_AUTO_TEST_CASE(its_children_are_killed_when_it_is_killed) {
    auto all = everybody(*this);
    all.pop_back();
    supervisor().signal(SIGKILL);
    BOOST_TEST(supervisor().wait(2s).value_or(0) == -SIGKILL);
    for (const auto pid : all) {
        // Their new parent may leave them as zombies for a while.
        BOOST_TEST(eventually([&] { return !alive(pid) || status_line(pid, "State").starts_with("Z"); }));
    }
}

BOOST_AUTO_TEST_CASE(answers_sighup_with_a_log_message) {
    supervisor().signal(SIGHUP);
    BOOST_TEST(eventually([&] { return logged(*this, "restart instead of SIGHUP"); }));
    BOOST_TEST(ask({}).status == 401);
}

BOOST_AUTO_TEST_CASE(does_not_run_twice_in_one_directory) {
    const TemporaryDirectory other;
    auto settings = Settings{{"runtime_directory", directory() / "run"}};
    const auto second =
        run({.arguments = {built_program("ceymail-metrics"), "--config", write_configuration(other, settings)}});
    BOOST_TEST(second.status == EX_UNAVAILABLE);
    BOOST_TEST(second.errors.find("another ceymail-metrics runs with") != std::string::npos, second.errors);
    BOOST_TEST(ask({}).status == 401);
}

BOOST_AUTO_TEST_CASE(a_restart_keeps_the_limiter) {
    for (int i = 0; i < 12; ++i) BOOST_TEST(ask({.address = "192.0.2.7"}).status == 401);
    BOOST_TEST(ask({.address = "192.0.2.7"}).status == 429);
    BOOST_TEST(stop().value_or(-1) == 0);
    start();
    BOOST_TEST(ask({.address = "192.0.2.7"}).status == 429);
}

BOOST_AUTO_TEST_CASE(opens_no_more_descriptors_after_many_requests_than_after_few) {
    const auto used = [&] {
        std::size_t sum = 0;
        for (const auto pid : everybody(*this)) sum += open_files(pid);
        return sum;
    };
    for (int i = 0; i < 20; ++i) ask({});
    const auto before = used();
    for (int i = 0; i < 300; ++i) ask({.token = k_token});
    BOOST_TEST(used() <= before);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(supervisor_with_database)

// A request that takes 1.2 to 2.5 s, since MariaDB is stopped; longer where the gatherer is too.
struct SlowRequest {
    explicit SlowRequest(const ResponderProcess& responder, const std::string& timeout = "3")
        : client(responder.address()) {
        client.send(request(Scrape{.token = k_token, .timeout = timeout}.parameters()));
        std::this_thread::sleep_for(100ms);
    }
    int status() { return read_cgi(read_answer(client.receive(8s)).text).status; }
    FastcgiClient client;
};

BOOST_AUTO_TEST_CASE(answers_the_current_request_before_it_stops) {
    const TokenDatabase database;
    ResponderProcess responder(database.settings());
    BOOST_TEST_REQUIRE(responder.ask({.token = k_token}).status == 200);
    database.server().pause();
    SlowRequest in_hand(responder);
    responder.supervisor().signal(SIGTERM);
    BOOST_TEST(in_hand.status() == 200);
    BOOST_TEST(responder.supervisor().wait(5s).value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(answers_the_longest_request_before_it_stops) {
    const TokenDatabase database;
    ResponderProcess responder(database.settings());
    BOOST_TEST_REQUIRE(responder.ask({.token = k_token}).status == 200);
    database.server().pause();
    const auto gatherer = responder.gatherer();
    ::kill(gatherer, SIGSTOP);
    const auto start = BootClock::now();
    SlowRequest in_hand(responder, "");
    responder.supervisor().signal(SIGTERM);
    BOOST_TEST(in_hand.status() == 200);
    BOOST_TEST((BootClock::now() - start > 4500ms), "or it was not the longest");
    ::kill(gatherer, SIGCONT);
    BOOST_TEST(responder.supervisor().wait(5s).value_or(-1) == 0);
    BOOST_TEST(responder.log().find("killed") == std::string::npos, responder.log());
}

BOOST_AUTO_TEST_CASE(a_killed_worker_loses_only_its_own_request) {
    const TokenDatabase database;
    ResponderProcess responder(database.settings({{"workers", "1"}}));
    BOOST_TEST_REQUIRE(responder.ask({.token = k_token}).status == 200);
    wait_for_minimum_lifetime();
    database.server().pause();
    SlowRequest in_hand(responder);
    SlowRequest waiting(responder);
    ::kill(responder.workers().at(0), SIGKILL);
    database.server().resume();
    BOOST_TEST(in_hand.status() == 0);
    BOOST_TEST(waiting.status() == 200);
}

BOOST_AUTO_TEST_CASE(a_killed_gatherer_costs_no_scrape) {
    const TokenDatabase database;
    ResponderProcess responder(database.settings());
    for (int i = 0; i < 2; ++i) {
        ::kill(responder.gatherer(), SIGKILL);
        const auto answer = responder.ask({.token = k_token});
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(answer.mentions("ceymail_memory_total_bytes"));
        BOOST_TEST(eventually([&] { return !responder.workers().empty() && alive(responder.gatherer()); }));
        wait_for_minimum_lifetime();
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(watchdog)

struct Watched {
    TemporaryDirectory directory;
    NotifySocket systemd{directory / "notify"};
    ResponderProcess responder;

    explicit Watched(std::vector<std::string> environment = {}) : responder({}, with_systemd(std::move(environment))) {
        BOOST_TEST_REQUIRE(eventually([&] { return responder.workers().size() == 2; }));
    }

    [[nodiscard]] std::vector<std::string> with_systemd(std::vector<std::string> environment) const {
        environment.insert(environment.end(), {systemd.variable(), "WATCHDOG_USEC=600000"});
        return environment;
    }

    // Call it regularly: a sender blocks when the queue of the socket is full.
    void listen() {
        while (!systemd.next_word(0ms).empty()) {
        }
    }
    // No ping comes for so long that systemd would restart the service.
    bool silent() {
        listen();
        return systemd.next_word(2s).empty();
    }
    bool pinged() {
        return eventually([&] { return systemd.next_word() == "WATCHDOG=1"; });
    }
};

BOOST_FIXTURE_TEST_CASE(is_pinged_while_workers_wait_for_requests, Watched) {
    for (int i = 0; i < 4; ++i) BOOST_TEST(pinged());
}

BOOST_FIXTURE_TEST_CASE(replaces_a_worker_that_is_stuck, Watched) {
    wait_for_minimum_lifetime();
    const auto before = responder.workers();
    ::kill(before.at(0), SIGSTOP);
    BOOST_TEST(eventually([&] {
        const auto now = responder.workers();
        return now.size() == before.size() && std::ranges::find(now, before.at(0)) == now.end();
    }));
    BOOST_TEST(logged(responder, "worker " + std::to_string(before.at(0)) + " was stuck, and was killed; replaced"),
               responder.log());
    const auto after = responder.workers();
    BOOST_TEST((std::ranges::find(after, before.at(1)) != after.end()), "the other one had done nothing wrong");
    BOOST_TEST(pinged());
}

// One of the two workers is stopped by ptrace(2) during a request. The kernel does not report that to its parent, so
// only its heartbeat slot shows it.
struct HeldWorker {
    std::optional<FastcgiClient> client;
    pid_t pid = 0;

    explicit HeldWorker(const ResponderProcess& responder) {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
        wait_for_minimum_lifetime();  // a worker opens files when it starts
        const auto workers = responder.workers();
        const std::vector idle{open_files(workers.at(0)), open_files(workers.at(1))};
        client.emplace(responder.address());
        client->send(begin_request());
        std::size_t which = 0;
        BOOST_TEST_REQUIRE(
            eventually([&] { return open_files(workers.at(which)) > idle.at(which) || (which = 1 - which, false); }));
        pid = workers.at(which);
        BOOST_TEST_REQUIRE(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0);
        BOOST_TEST_REQUIRE(::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) == 0);
        BOOST_TEST_REQUIRE(open_files(pid) > idle.at(which), "it has the request no more");
    }
    [[nodiscard]] bool killed() const {
        int status = 0;
        return ::waitpid(pid, &status, WNOHANG | __WALL) == pid && WIFSIGNALED(status);
    }
};

BOOST_FIXTURE_TEST_CASE(replaces_a_worker_that_is_stuck_in_a_request, Watched) {
    const auto before = responder.workers();
    const HeldWorker held(responder);
    const pid_t busy = held.pid;
    const auto killed = [&] {
        listen();
        return held.killed();
    };
    BOOST_TEST(!eventually(killed, std::chrono::milliseconds(ceymail::supervisor::k_longest_request)),
               "it may be slow");
    BOOST_TEST(eventually(killed, 30s));
    BOOST_TEST(eventually([&] { return logged(responder, "worker " + std::to_string(busy) + " was stuck"); }));
    BOOST_TEST(eventually([&] { return responder.workers().size() == before.size(); }));
    BOOST_TEST(pinged());
}

// Adds an hour to CLOCK_BOOTTIME, as a suspend does.
BOOST_AUTO_TEST_CASE(a_busy_worker_is_not_stuck_after_a_suspend) {
    const TemporaryDirectory clock;
    Watched watched({"LD_PRELOAD=" + std::filesystem::absolute(built_program("turned-clock.so")).string(),
                     "CEYMAIL_TURNED_CLOCK=" + clock.write("clock", "0").string()});
    const HeldWorker held(watched.responder);
    BOOST_TEST(watched.pinged());
    std::ofstream(clock / "clock") << "3600";
    BOOST_TEST(!eventually(
        [&] {
            watched.listen();
            return held.killed();
        },
        3s));
    BOOST_TEST(watched.pinged());
    BOOST_TEST(!logged(watched.responder, "was stuck"), watched.responder.log());
    ::ptrace(PTRACE_DETACH, held.pid, nullptr, nullptr);
}

// The signal alone would let it run on for a while.
void stop(pid_t pid) {
    ::kill(pid, SIGSTOP);
    BOOST_TEST(eventually([&] { return slurp("/proc/" + std::to_string(pid) + "/stat").contains(") T "); }));
}

BOOST_FIXTURE_TEST_CASE(is_not_pinged_while_no_worker_makes_progress, Watched) {
    const auto workers = responder.workers();
    // The supervisor must learn of all at once: one that stops alone is replaced.
    stop(responder.supervisor().pid());
    for (const auto pid : workers) stop(pid);
    ::kill(responder.supervisor().pid(), SIGCONT);
    // Until the signal arrives, a ping may still come.
    BOOST_TEST(eventually([&] {
        listen();
        return logged(responder, "no worker makes progress");
    }));
    BOOST_TEST(silent());
    BOOST_TEST((responder.workers() == workers), "they are systemd's to end");
    for (const auto pid : workers) ::kill(pid, SIGCONT);
    BOOST_TEST(pinged());
}

BOOST_FIXTURE_TEST_CASE(replaces_a_stopped_gatherer, Watched) {
    wait_for_minimum_lifetime();
    const auto before = responder.gatherer();
    ::kill(before, SIGSTOP);
    BOOST_TEST(eventually([&] { return logged(responder, "gatherer " + std::to_string(before) + " was stuck"); }));
    BOOST_TEST(pinged());
}

BOOST_AUTO_TEST_SUITE_END()

// A responder of its own database, whose user owns STATE_DIRECTORY/service, as systemd makes it.
struct Remembering {
    TokenDatabase database;
    TemporaryDirectory state;
    ResponderProcess responder;

    explicit Remembering(const FailingCalls* calls = nullptr)
        : responder((prepare(), database.settings({{"state_directory", state.path()}})), environment(calls)) {}

    std::vector<std::string> environment(const FailingCalls* calls) const {
        auto all = calls != nullptr ? calls->environment() : std::vector<std::string>{"LD_PRELOAD="};
        all.front() += ":" + std::filesystem::absolute(built_program("turned-clock.so")).string();
        all.push_back("CEYMAIL_TURNED_CLOCK=" + clock().string());
        return all;
    }

    void prepare() const {
        turn_clock(0);
        std::filesystem::create_directory(file().parent_path());
        const passwd* const nobody = ::getpwnam("nobody");
        BOOST_TEST_REQUIRE(::chown(file().parent_path().c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
    }
    std::filesystem::path file() const { return state / "service/newest-token"; }
    std::filesystem::path order() const { return responder.directory() / "run/schema-missing"; }
    std::string stored() const { return std::filesystem::exists(file()) ? slurp(file()) : ""; }
    // Anything wakes the supervisor; without systemd there is no ping of the watchdog.
    void wake() { responder.supervisor().signal(SIGHUP); }
    bool stores(const std::string& text) {
        return eventually([&] {
            wake();
            return stored() == text;
        });
    }
    ~Remembering() { turn_clock(0); }

    // Beside the option file, because Landlock lets the workers read that directory.
    std::filesystem::path clock() const {
        return std::filesystem::path(database.settings().at("database_option_file")).replace_filename("clock");
    }
    void turn_clock(int seconds) const { std::ofstream(clock()) << seconds; }
    void make_token(const std::string& created_at) const {
        database.activate(k_token);
        database.server().query("UPDATE ceymail_dashboard.metrics_tokens SET created_at = '" + created_at +
                                "' WHERE active = 1");
    }
    int ask() const { return responder.ask({.token = k_token}).status; }
};

BOOST_FIXTURE_TEST_SUITE(supervisor_keeps_house, Remembering)

BOOST_AUTO_TEST_CASE(stores_when_the_newest_token_was_made_and_knows_it_after_a_boot) {
    make_token("2026-01-02 03:04:05");
    BOOST_TEST(ask() == 200);
    BOOST_TEST(stores("1767323045\n"), stored());
    database.revoke();
    BOOST_TEST(ask() == 401);
    BOOST_TEST(stores("1767323045 revoked\n"), stored());
    make_token("2026-01-02 03:04:06");
    BOOST_TEST(ask() == 200);
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    BOOST_TEST(stored() == "1767323046\n", "a stop stores it too");

    std::filesystem::remove_all(responder.directory() / "run");  // as a boot does
    std::filesystem::create_directory(responder.directory() / "run");
    const passwd* const nobody = ::getpwnam("nobody");
    BOOST_TEST_REQUIRE(::chown((responder.directory() / "run").c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
    responder.start();
    make_token("2026-01-01 00:00:00");
    for (int i = 0; i < 3; ++i) BOOST_TEST(ask() == 200, "it is not refused");
    const std::string words =
        "the active token, made at 2026-01-01T00:00:00Z, is an old one that came back: one made at "
        "2026-01-02T03:04:06Z had replaced it";
    const auto log = responder.log();
    const auto at = log.find(words);
    BOOST_TEST_REQUIRE(at != std::string::npos, log);
    BOOST_TEST(log.find("came back", at + words.size()) == std::string::npos, "it is logged once");
    BOOST_TEST(stores("1767323046\n"), "the newest stays the newest");
}

BOOST_AUTO_TEST_CASE(starts_with_a_damaged_memory_and_replaces_it) {
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    std::ofstream(file()) << "what is this";
    responder.start();
    BOOST_TEST(logged(responder, "cannot use " + file().string() + ": it holds no time"), responder.log());
    make_token("2026-01-02 03:04:05");
    BOOST_TEST(ask() == 200);
    BOOST_TEST(stores("1767323045\n"), stored());
}

BOOST_AUTO_TEST_CASE(works_without_a_state_directory_and_tells_of_one_that_is_closed) {
    std::filesystem::rename(state / "service", state / "elsewhere");
    make_token("2026-01-02 03:04:05");
    BOOST_TEST(ask() == 200);
    wake();
    BOOST_TEST(!eventually([&] { return logged(responder, "newest-token"); }, 300ms), responder.log());
    std::filesystem::create_directory(state / "service");  // root's
    make_token("2026-01-02 03:04:06");
    BOOST_TEST(ask() == 200);
    const auto told = [&] {
        wake();
        return logged(responder, "cannot write " + file().string() + ": Permission denied");
    };
    BOOST_TEST(eventually(told), responder.log());
    BOOST_TEST(ask() == 200);
}

BOOST_AUTO_TEST_CASE(orders_a_look_at_the_schema_once_a_minute_while_it_is_gone_for_a_minute) {
    const auto ordered = [&] {
        wake();
        return std::filesystem::exists(order());
    };
    const auto hide = [&] {
        database.server().query("RENAME TABLE ceymail_dashboard.metrics_tokens TO ceymail_dashboard.hidden");
    };
    const auto show = [&] {
        database.server().query("RENAME TABLE ceymail_dashboard.hidden TO ceymail_dashboard.metrics_tokens");
    };
    BOOST_TEST(ask() == 200);
    hide();
    BOOST_TEST(ask() == 503);
    BOOST_TEST(!eventually(ordered, 300ms), "not yet");
    turn_clock(61);
    BOOST_TEST(eventually(ordered), responder.log());
    std::filesystem::remove(order());
    BOOST_TEST(ask() == 503);
    BOOST_TEST(!eventually(ordered, 300ms), "not again within the minute");
    turn_clock(122);
    BOOST_TEST(eventually(ordered), responder.log());
    std::filesystem::remove(order());
    turn_clock(200);
    BOOST_TEST(!eventually(ordered, 300ms), "no token was checked since");
    show();
    BOOST_TEST(ask() == 200);
    hide();
    BOOST_TEST(ask() == 503);
    BOOST_TEST(!eventually(ordered, 300ms), "another minute begins");
    show();
    const auto words = "a token check found no table or no account in MariaDB: wrote " + order().string();
    const auto log = responder.log();
    BOOST_TEST_REQUIRE(log.find(words) != std::string::npos, log);
    BOOST_TEST(log.find(words) == log.rfind(words), "it is logged once");
}

BOOST_AUTO_TEST_CASE(tells_once_of_an_order_that_cannot_be_written) {
    std::filesystem::create_directory(order());
    BOOST_TEST(ask() == 200);
    database.server().query("RENAME TABLE ceymail_dashboard.metrics_tokens TO ceymail_dashboard.hidden");
    BOOST_TEST(ask() == 503);
    turn_clock(61);
    const auto words =
        "cannot write " + order().string() + ": Is a directory; run `ceymail-token init` if the tables are gone";
    const auto told = [&] {
        wake();
        return logged(responder, words);
    };
    BOOST_TEST(eventually(told), responder.log());
    BOOST_TEST(ask() == 503);
    turn_clock(122);
    wake();
    BOOST_TEST(ask() == 503, "it goes on");
    database.server().query("RENAME TABLE ceymail_dashboard.hidden TO ceymail_dashboard.metrics_tokens");
    const auto log = responder.log();
    BOOST_TEST(log.find(words) == log.rfind(words), "it is logged once");
}

BOOST_AUTO_TEST_CASE(orders_nothing_while_mariadb_is_down) {
    database.server().kill();
    (void)ask();
    turn_clock(100);
    (void)ask();
    wake();
    BOOST_TEST(!eventually([&] { return std::filesystem::exists(order()); }, 500ms));
}

BOOST_AUTO_TEST_SUITE_END()

struct WithFailingCalls {
    FailingCalls calls;
};
struct RememberingWithFailingCalls : WithFailingCalls, Remembering {
    RememberingWithFailingCalls() : Remembering(&calls) {}
};

// Each allocation in turn of a supervisor that orders a look at the schema.
BOOST_FIXTURE_TEST_CASE(supervisor_without_memory_orders_a_look_at_the_schema, RememberingWithFailingCalls) {
    const auto supervisor = responder.supervisor().pid();
    int seconds = 0, without_words = 0;
    for (std::int64_t n = 1; n < 9; ++n) {
        database.activate(k_token);
        BOOST_TEST(ask() == 200);
        wake();
        database.server().query("RENAME TABLE ceymail_dashboard.metrics_tokens TO ceymail_dashboard.hidden");
        BOOST_TEST(ask() == 503);
        turn_clock(seconds += 61);
        std::filesystem::remove(order());
        const auto before = responder.log().size();
        calls.fail_nth(Call::memory, n);
        BOOST_TEST(eventually([&] {
                       wake();
                       return std::filesystem::exists(order());
                   }),
                   responder.log());
        calls.stop();
        database.server().query("RENAME TABLE ceymail_dashboard.hidden TO ceymail_dashboard.metrics_tokens");
        const auto told = responder.log().substr(before);
        if (told.find("ceymail-metrics: std::bad_alloc") != std::string::npos) ++without_words;
        BOOST_TEST(responder.supervisor().running(), told);
    }
    BOOST_TEST(without_words > 0, responder.log());
    BOOST_TEST(responder.supervisor().pid() == supervisor);
}

// Each allocation in turn of a supervisor that has the time of the newest token stored, and of the process that stores.
BOOST_FIXTURE_TEST_CASE(supervisor_without_memory_stores_the_next_newest_token, RememberingWithFailingCalls) {
    for (std::int64_t n = 1; n <= 16; ++n) {
        make_token("2026-01-02 03:04:" + std::to_string(10 + n));
        BOOST_TEST(ask() == 200);
        const auto before = stored();
        calls.fail_nth(Call::memory, n);
        wake();
        static_cast<void>(eventually([&] { return calls.failed() > 0 || stored() != before; }, 2s));
        calls.stop();
    }
    BOOST_TEST(responder.supervisor().running(), responder.log());
    BOOST_TEST(logged(responder, "ceymail-metrics: std::bad_alloc\n"), responder.log());
    make_token("2026-01-02 03:05:00");
    BOOST_TEST(ask() == 200);
    BOOST_TEST(stores("1767323100\n"), stored());
}

BOOST_FIXTURE_TEST_CASE(supervisor_that_can_start_no_process_stores_the_newest_token_later,
                        RememberingWithFailingCalls) {
    calls.fail_one_in(bit(Call::fork), 1, 1);
    make_token("2026-01-02 03:04:05");
    BOOST_TEST(ask() == 200);
    BOOST_TEST(eventually([&] {
        wake();
        return calls.failed() > 0;
    }));
    calls.stop();
    BOOST_TEST(stores("1767323045\n"), stored());
}

BOOST_AUTO_TEST_SUITE(supervisor_started)

BOOST_AUTO_TEST_CASE(notifies_systemd_when_it_is_ready_and_when_it_stops) {
    const TemporaryDirectory directory;
    const NotifySocket systemd(directory / "notify");
    const auto next_word = [&] { return systemd.next_word(); };
    ChildProcess responder({.arguments = {built_program("ceymail-metrics"), "--config", write_configuration(directory)},
                            .environment = {systemd.variable(), "WATCHDOG_USEC=200000"}});
    BOOST_TEST(next_word() == "READY=1\nSTATUS=answering with 2 workers");
    BOOST_TEST(next_word() == "WATCHDOG=1");
    BOOST_TEST(next_word() == "WATCHDOG=1");
    responder.signal(SIGTERM);
    for (auto word = next_word(); word == "WATCHDOG=1" || !word.starts_with("STOPPING=1"); word = next_word())
        BOOST_TEST_REQUIRE(!word.empty());
    BOOST_TEST(responder.wait(5s).value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(logs_once_that_it_can_start_no_process_and_once_that_it_can) {
    FailingCalls calls;
    ResponderProcess responder({}, calls.environment());
    BOOST_TEST_REQUIRE(eventually([&] { return responder.workers().size() == 2; }));
    wait_for_minimum_lifetime();
    calls.fail_one_in(bit(Call::fork), 1, 1);
    for (const auto pid : responder.workers()) ::kill(pid, SIGKILL);
    BOOST_TEST(eventually([&] { return calls.failed() >= 4; }));
    BOOST_TEST(calls.failed() <= 5U, "once a second, whatever there is to start");
    const auto text = responder.log();
    const std::string message = "cannot start a worker: Resource temporarily unavailable";
    BOOST_TEST(text.find(message) != std::string::npos, text);
    BOOST_TEST(text.find(" of 4 processes run") != std::string::npos, text);
    BOOST_TEST(text.find(message) == text.rfind(message), text);
    calls.stop();
    BOOST_TEST(eventually([&] { return logged(responder, "all 4 processes run"); }));
    BOOST_TEST(eventually([&] { return responder.workers().size() == 2; }));
    BOOST_TEST(responder.ask({}).status == 401);
}

// One allocation after the other of a worker that starts, and those of the supervisor when it sees that one has ended.
BOOST_AUTO_TEST_CASE(starts_a_worker_again_that_finds_no_memory_when_it_starts) {
    FailingCalls calls;
    ResponderProcess responder({{"workers", "8"}}, calls.environment());
    const auto all_run = [&] { return responder.workers().size() == 8; };
    BOOST_TEST_REQUIRE(eventually(all_run));
    wait_for_minimum_lifetime();
    std::uint64_t failed = 0;
    for (std::int64_t n = 1; n <= 8; ++n) {
        const auto killed = responder.workers().at(0);
        calls.fail_nth(Call::memory, n);
        ::kill(killed, SIGKILL);
        BOOST_TEST_REQUIRE(eventually([&] { return !alive(killed) && calls.failed() > 0; }), n);
        failed += calls.failed();
        calls.stop();
    }
    BOOST_TEST(failed == 8U);
    BOOST_TEST(eventually(all_run, 20s), responder.log());
    BOOST_TEST(responder.ask({}).status == 401);
    BOOST_TEST(logged(responder, "ceymail-metrics/worker: std::bad_alloc\n"), responder.log());
    BOOST_TEST(!logged(responder, "terminate called"), responder.log());
}

BOOST_AUTO_TEST_CASE(says_why_a_process_cannot_start_that_may_have_no_more_descriptors) {
    ResponderProcess responder;
    BOOST_TEST_REQUIRE(eventually([&] { return responder.workers().size() == 2; }));
    wait_for_minimum_lifetime();
    const auto limit = [&](const char* soft) {  // as the same user
        BOOST_TEST_REQUIRE(run({.arguments = {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                                              "prlimit", std::string("--nofile=") + soft + ":", "--pid",
                                              std::to_string(responder.supervisor().pid())}})
                               .status == 0);
    };
    limit("3");
    ::kill(responder.workers().at(0), SIGKILL);
    const auto told = [&] { return logged(responder, "Too many open files"); };
    BOOST_TEST(eventually(told), responder.log());
    BOOST_TEST(responder.ask({}).status == 401, "the other worker answers");
    limit("256");
    BOOST_TEST(eventually([&] { return responder.workers().size() == 2; }), responder.log());
}

BOOST_AUTO_TEST_CASE(a_collector_for_which_there_is_no_thread_is_missing_until_there_is_one) {
    const TokenDatabase database;
    FailingCalls calls;
    ResponderProcess responder(database.settings({{"work_budget_percent", "0"}}), calls.environment());
    const auto killed = responder.gatherer();
    wait_for_minimum_lifetime();
    // After the fork of the next gatherer and the thread that looks at its paths, the first thread of a collector,
    // which is tried again when the collector is due.
    calls.fail_nth(Call::fork, 3);
    ::kill(killed, SIGKILL);
    BOOST_TEST_REQUIRE(eventually([&] { return calls.made() > 10; }));
    BOOST_TEST_REQUIRE(calls.failed() == 1U);
    calls.fail_one_in(bit(Call::fork), 1, 1);
    const auto without = responder.ask({.token = k_token});
    BOOST_TEST(without.status == 200);
    BOOST_TEST(without.has_line("ceymail_collector_success{collector=\"cpu\"} 0"), without.body);
    BOOST_TEST(!without.mentions("ceymail_cpu_"), without.body);
    BOOST_TEST(without.mentions("\nceymail_memory_total_bytes "), without.body);
    BOOST_TEST(logged(responder,
                      "collector cpu: cannot start a thread: Resource temporarily unavailable; raise the service's "
                      "TasksMax"),
               responder.log());
    calls.stop();
    BOOST_TEST(eventually([&] { return responder.ask({.token = k_token}).mentions("\nceymail_cpu_idle_jiffies "); }));
}

BOOST_AUTO_TEST_CASE(serves_the_socket_it_is_handed_as_standard_input_or_by_systemd) {
    for (const bool by_systemd : {false, true}) {
        const TemporaryDirectory directory;
        const auto path = directory / "handed.sock";
        const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_TEST_REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        BOOST_TEST_REQUIRE(::listen(listener.get(), 16) == 0);
        ChildOptions options{.arguments = {built_program("ceymail-metrics"), "--config",
                                           write_configuration(directory, {{"listen", ""}})}};
        if (by_systemd) {
            options.passed = {listener.get()};
            options.announce_passed = true;
        } else {
            options.input_fd = listener.get();
        }
        ChildProcess responder(options);
        const auto text = ceymail::testing::ask("unix:" + path.string(), Scrape{}.parameters()).text;
        BOOST_TEST(read_cgi(text).status == 401, responder.errors());
    }
}

BOOST_AUTO_TEST_CASE(answers_one_request_as_plain_cgi) {
    const TokenDatabase database;
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "run");
    std::filesystem::permissions(directory / "run", std::filesystem::perms{0700});
    if (::geteuid() == 0) {
        const auto nobody = ::getpwnam("nobody");
        BOOST_TEST_REQUIRE(::chown((directory / "run").c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
    }
    const auto file = write_configuration(directory, database.settings({{"listen", ""}}));
    const auto ask_cgi = [&](const Scrape& scrape) {
        ChildOptions options{.arguments = {built_program("ceymail-metrics")}};
        options.environment.push_back("CEYMAIL_METRICS_CONFIG=" + file.string());
        for (const auto& [name, value] : scrape.parameters()) options.environment.push_back(name + "=" + value);
        const auto done = run(options);
        BOOST_TEST(done.status == 0, done.errors);
        return read_cgi(done.output);
    };
    BOOST_TEST(ask_cgi({}).status == 401);
    const auto answer = ask_cgi({.token = k_token});
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.mentions("ceymail_domains_total"));
    BOOST_TEST(answer.has_line("ceymail_requests_total{code=\"401\"} 1"));
}

// The processor times of the host, and the served metrics.
struct Processors {
    TokenDatabase database;
    TemporaryDirectory proc;

    void try_log(const char* columns) const { proc.write("stat", "cpu  " + std::string(columns) + "\n"); }
    [[nodiscard]] Settings settings(Settings more = {}) const {
        more.emplace("proc", proc.path());
        more.emplace("work_budget_percent", "0");  // so that each scrape reads
        return database.settings(std::move(more));
    }
    static void check(const CgiAnswer& answer, const char* idle, const char* total) {
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(answer.has_line("ceymail_cpu_idle_jiffies " + std::string(idle)), answer.body);
        BOOST_TEST(answer.has_line("ceymail_cpu_total_jiffies " + std::string(total)), answer.body);
    }
};

BOOST_FIXTURE_TEST_CASE(processor_times_continue_after_a_decrease_a_killed_gatherer_and_a_restart, Processors) {
    try_log("400600 0 100150 4005250");
    ResponderProcess responder(settings());
    const auto scrape = [&] { return responder.ask({.token = k_token}); };
    check(scrape(), "4005250", "4506000");
    try_log("401200 0 100300 3010500");
    check(scrape(), "4005250", "4506750");
    try_log("401300 0 100350 3010600");
    check(scrape(), "4005350", "4507000");

    wait_for_minimum_lifetime();
    const auto killed = responder.gatherer();
    ::kill(killed, SIGKILL);
    BOOST_TEST(eventually([&] { return !alive(killed); }));
    try_log("401400 0 100350 3010700");
    check(scrape(), "4005450", "4507200");

    BOOST_TEST(responder.stop().value_or(-1) == 0);
    try_log("401500 0 100350 3010800");
    responder.start();
    check(scrape(), "4005550", "4507400");
    try_log("100 0 100 900");
    check(scrape(), "4005550", "4507400");
    try_log("200 0 100 1000");
    check(scrape(), "4005650", "4507600");
}

BOOST_FIXTURE_TEST_CASE(processor_times_continue_as_plain_cgi, Processors) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "run");
    const auto nobody = ::getpwnam("nobody");
    BOOST_TEST_REQUIRE(::chown((directory / "run").c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
    const auto file = write_configuration(directory, settings({{"listen", ""}}));
    const auto scrape = [&] {
        ChildOptions options{.arguments = {built_program("ceymail-metrics")}};
        options.environment.push_back("CEYMAIL_METRICS_CONFIG=" + file.string());
        for (const auto& [name, value] : Scrape{.token = k_token}.parameters())
            options.environment.push_back(name + "=" + value);
        return read_cgi(run(options).output);
    };
    try_log("10 0 0 5000");
    check(scrape(), "5000", "5010");
    try_log("20 0 0 1000");
    check(scrape(), "5000", "5020");
    try_log("20 0 0 1100");
    check(scrape(), "5100", "5120");
}

BOOST_FIXTURE_TEST_CASE(plain_cgi_serves_the_rest_while_another_process_has_the_processor_times, Processors) {
    const TemporaryDirectory directory;
    const auto run_directory = directory / "run";
    std::filesystem::create_directory(run_directory);
    const auto nobody = ::getpwnam("nobody");
    BOOST_TEST_REQUIRE(::chown(run_directory.c_str(), nobody->pw_uid, nobody->pw_gid) == 0);
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0755});
    const auto file = write_configuration(directory, settings({{"listen", ""}}));
    std::string log;
    const auto scrape = [&] {
        ChildOptions options{.arguments = {built_program("ceymail-metrics")}};
        options.environment.push_back("CEYMAIL_METRICS_CONFIG=" + file.string());
        for (const auto& [name, value] : Scrape{.token = k_token}.parameters())
            options.environment.push_back(name + "=" + value);
        const auto done = run(options);
        log = done.errors;
        return read_cgi(done.output);
    };
    try_log("10 0 0 5000");
    check(scrape(), "5000", "5010");
    {
        int ends[2];
        BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const Fd from(ends[0]), to(ends[1]);
        ForkedChild holder([&] {
            if (!ceymail::system::become("nobody", ceymail::system::Capability::none)) return 1;
            auto segment = ceymail::shared::Segment::attach(run_directory);
            if (!segment) return 2;
            const ceymail::util::RobustLock lock(segment->gatherer().cgi_lock);
            if (!lock || ::write(to.get(), "x", 1) != 1) return 3;
            return ::pause();
        });
        pollfd held{from.get(), POLLIN, 0};
        BOOST_TEST_REQUIRE(::poll(&held, 1, 5000) == 1);
        const auto answer = scrape();
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(!answer.mentions("ceymail_cpu_"), answer.body);
        BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"cpu\"} 0"), answer.body);
        BOOST_TEST(answer.mentions("\nceymail_disk_total_bytes "));
        BOOST_TEST(log.find("cannot add up the processor times: another process has had them locked for 100 ms; end "
                            "the one that is stopped") != std::string::npos,
                   log);
    }
    check(scrape(), "5000", "5010");  // the lock of a process that was killed
}

// As root of a user namespace that has this user alone, such as a container without rights.
BOOST_AUTO_TEST_CASE(plain_cgi_answers_nothing_where_it_cannot_become_its_user) {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "run");
    const auto file = write_configuration(directory, {{"listen", ""}});
    // Root of a user namespace cannot enter a closed directory whose owner the namespace does not map.
    const auto program = directory / "ceymail-metrics";
    std::filesystem::copy_file(built_program("ceymail-metrics"), program);
    ChildOptions options{.arguments = {"unshare", "--user", "--map-root-user", program},
                         .environment = {"CEYMAIL_METRICS_CONFIG=" + file.string()}};
    for (const auto& [name, value] : Scrape{}.parameters()) options.environment.push_back(name + "=" + value);
    const auto done = run(options);
    BOOST_TEST(done.status > 0);
    BOOST_TEST(done.output.empty(), done.output);
    BOOST_TEST(done.errors.find("cannot become user \"nobody\"") != std::string::npos, done.errors);
}

// By a filter of system calls, as a sandbox or a kernel without Landlock answers.
BOOST_AUTO_TEST_CASE(says_once_why_there_is_no_landlock_and_answers_all_the_same) {
    const std::pair<int, const char*> table[] = {
        {EPERM, "the system calls of Landlock are not allowed here (ceymail-metrics --check: sandbox): gatherer and"},
        {ENOSYS,
         "the kernel has no Landlock (5.13 or later, and lsm= must name it): gatherer and workers are confined"},
        {EOPNOTSUPP, "the kernel has no Landlock (5.13 or later"},
    };
    for (const auto& [error, words] : table) {
        ForkedChild child([&] {
            sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 444, 0, 1),  // landlock_create_ruleset
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            };
            const sock_fprog program{std::size(filter), filter};
            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
            if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 2;
            const ResponderProcess responder;
            if (!eventually([&] { return logged(responder, words); })) return 3;
            const auto log = responder.log();
            if (log.find("Landlock", log.find("Landlock") + 1) != std::string::npos) return 4;
            return responder.ask({}).status == 401 ? 0 : 5;
        });
        BOOST_TEST(child.wait() == 0, words << ": " << child.wait());
    }
}

BOOST_AUTO_TEST_CASE(names_the_room_that_the_counters_of_the_log_need) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const TemporaryDirectory own;
    ForkedChild child([&] {
        if (!enter_mount_namespace()) return 1;
        if (::mount("of-tests", own.path().c_str(), "tmpfs", 0, "size=8k,mode=0755") != 0) return 2;
        ceymail::config::Configuration configuration;
        configuration.runtime_directory = own.path();
        configuration.mail_log = own / "mail.log";
        const auto opened = ceymail::supervisor::MailLogResources::open(configuration);
        if (opened) return 3;
        const auto& words = opened.error().message;
        const bool named =
            words.starts_with("cannot allocate ") &&
            words.contains(" bytes for " + (own / "mail-log").string() + ": No space left on device; ") &&
            words.ends_with("make room on its file system");
        if (!named) std::fputs((words + "\n").c_str(), stderr);
        return named ? 0 : 4;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
