// SPDX-License-Identifier: MIT
// The gatherer and its clients: one round for all, deadlines, a killed or stopped gatherer, and hostile clients.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/scheduler/snapshot_server.hpp"
#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/snapshot/snapshot_client.hpp"
#include "ceymail/supervisor/gatherer_socket.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/log.hpp"
#include "support/scripted_collector.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace std::chrono_literals;
using ceymail::scheduler::CollectorScheduler;
using ceymail::scheduler::k_clients;
using ceymail::scheduler::serve_gatherer;
using ceymail::snapshot::SnapshotBuffer;
using ceymail::snapshot::SnapshotClient;
using ceymail::snapshot::SnapshotRequest;
using ceymail::testing::gauge;
using ceymail::testing::scripted;
using ceymail::testing::TemporaryDirectory;
using ceymail::util::BootClock;
using ceymail::util::BootTime;
using ceymail::util::Fd;

// What the test and the gatherer's collectors share.
struct Controls {
    std::atomic<int> runs = 0;        // of the collector "slow"
    std::atomic<int> takes_ms = 0;    // how long a run takes
    std::atomic<bool> hangs = false;  // the source hangs while this is true
};

class SharedControls {
public:
    SharedControls()
        : m_memory(mmap(nullptr, sizeof(Controls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
        BOOST_TEST_REQUIRE(m_memory != MAP_FAILED);
        new (m_memory) Controls;
    }
    ~SharedControls() { munmap(m_memory, sizeof(Controls)); }
    SharedControls(const SharedControls&) = delete;
    SharedControls& operator=(const SharedControls&) = delete;
    Controls* operator->() const noexcept { return static_cast<Controls*>(m_memory); }
    Controls& operator*() const noexcept { return *static_cast<Controls*>(m_memory); }

private:
    void* m_memory;
};

SnapshotBuffer make_board() {
    auto buffer = SnapshotBuffer::make();
    BOOST_TEST_REQUIRE(buffer.has_value());
    return std::move(*buffer);
}

std::vector<std::unique_ptr<ceymail::collect::Collector>> collectors(Controls& controls) {
    std::vector<std::unique_ptr<ceymail::collect::Collector>> all;
    const auto slow = [&controls](BootTime) {
        const int number = ++controls.runs;
        const auto latest = BootClock::now() + 20s;
        std::this_thread::sleep_for(std::chrono::milliseconds(controls.takes_ms));
        while (controls.hangs && BootClock::now() < latest) std::this_thread::sleep_for(1ms);
        return gauge("slow", static_cast<std::uint64_t>(number));
    };
    all.push_back(std::make_unique<ceymail::testing::ScriptedCollector>("slow", slow, 100ms, true));
    all.push_back(scripted("quick", [](BootTime) { return gauge("quick", 1); }));
    return all;
}

// A process that runs `body` once start() has been called; forked at once, while the test has no other thread.
class Forked {
public:
    template <class Body>
    explicit Forked(Body body) : m_go(eventfd(0, EFD_CLOEXEC)) {
        const pid_t parent = getpid();
        m_pid = fork();
        BOOST_TEST_REQUIRE(m_pid >= 0);
        if (m_pid > 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        std::uint64_t go = 0;
        if (getppid() == parent && read(m_go.get(), &go, sizeof go) == sizeof go) body();
        _exit(0);
    }
    ~Forked() { kill(); }
    Forked(const Forked&) = delete;
    Forked& operator=(const Forked&) = delete;

    void start() const {
        const std::uint64_t one = 1;
        BOOST_TEST_REQUIRE(write(m_go.get(), &one, sizeof one) == sizeof one);
    }
    void signal(int number) const { ::kill(m_pid, number); }
    void kill() {
        if (m_pid <= 0) return;
        signal(SIGKILL);
        waitpid(std::exchange(m_pid, -1), nullptr, 0);
    }
    // Whether it exits by itself, with code 0.
    bool ends() {
        int status = -1;
        const auto latest = BootClock::now() + 10s;
        while (waitpid(m_pid, &status, WNOHANG) == 0 && BootClock::now() < latest) std::this_thread::sleep_for(1ms);
        m_pid = -1;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    [[nodiscard]] pid_t pid() const noexcept { return m_pid; }

private:
    Fd m_go;
    pid_t m_pid = -1;
};

// What a supervisor holds, and several gatherers, each forked before a test starts threads.
struct Host {
    TemporaryDirectory directory{};
    ceymail::config::Configuration configuration = [this] {
        ceymail::config::Configuration made;
        made.runtime_directory = directory.path();
        return made;
    }();
    std::filesystem::path socket = ceymail::snapshot::gatherer_socket_path(configuration);
    SharedControls controls{};
    SnapshotBuffer buffer = make_board();
    Fd listener = [this] {
        auto made = ceymail::supervisor::make_gatherer_socket(configuration);
        BOOST_TEST_REQUIRE(made.has_value(), (made ? "" : made.error().message));
        return std::move(*made);
    }();
    Fd reports = [this] {
        std::filesystem::create_directory(ceymail::snapshot::page_socket_directory(configuration));
        auto made = ceymail::supervisor::make_page_socket(ceymail::snapshot::report_socket_path(configuration));
        BOOST_TEST_REQUIRE((made && *made), (made ? "" : made.error().message));
        return std::move(*made);
    }();
    Fd stop{eventfd(0, EFD_CLOEXEC)};
    SnapshotClient client{buffer, socket};

    auto gatherer(ceymail::scheduler::WorkBudget budget = {.share = 0}) {
        return [this, budget] {
            const Fd silence(open("/dev/null", O_WRONLY | O_CLOEXEC));
            dup2(silence.get(), STDERR_FILENO);
            CollectorScheduler scheduler(collectors(*controls), budget);
            serve_gatherer(listener.get(), stop.get(), buffer, scheduler, reports.get());
        };
    }

    [[nodiscard]] auto report() const {
        return ceymail::snapshot::ask_collectors(ceymail::snapshot::report_socket_path(configuration),
                                                 BootClock::now() + 10s);
    }

    // Fetches a new snapshot until the deadline.
    std::string fetch(std::chrono::milliseconds patience) {
        std::string text;
        const auto now = BootClock::now();
        (void)client.fetch(text, now, now + patience);
        return text;
    }

    [[nodiscard]] Fd connect() const { return connect_to(socket); }
    [[nodiscard]] Fd connect_for_report() const {
        return connect_to(ceymail::snapshot::report_socket_path(configuration));
    }
    [[nodiscard]] static Fd connect_to(const std::filesystem::path& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, path.c_str());
        Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        BOOST_TEST_REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }
};

bool has(const std::string& text, std::string_view line) {
    return ("\n" + text).find("\n" + std::string(line)) != std::string::npos;
}

template <class Condition>
bool becomes_true(Condition condition) {
    for (const auto latest = BootClock::now() + 10s; BootClock::now() < latest;) {
        if (condition()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

enum class Ending { answered, cut_off, none };

// What becomes of a connection within `patience`.
Ending ending(const Fd& connection, std::chrono::milliseconds patience) {
    pollfd polled{connection.get(), POLLIN, 0};
    if (poll(&polled, 1, static_cast<int>(patience.count())) == 0) return Ending::none;
    char byte = 0;
    return recv(connection.get(), &byte, 1, 0) == 1 ? Ending::answered : Ending::cut_off;
}

std::ptrdiff_t descriptors_of(pid_t pid) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
    return std::distance(begin(all), end(all));
}

// Context switches of all threads: how often one of them slept or, with Switches::all, was preempted.
enum class Switches { voluntary, all };

long switches_of(pid_t pid, Switches kind) {
    long sum = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
        std::ifstream status(task.path() / "status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("voluntary_ctxt_switches:") ||
                (kind == Switches::all && line.starts_with("nonvoluntary_ctxt_switches:")))
                sum += std::stol(line.substr(line.find(':') + 1));
        }
    }
    return sum;
}

std::chrono::nanoseconds cpu_time_of(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    BOOST_TEST_REQUIRE(clock_getcpuclockid(pid, &clock) == 0);
    BOOST_TEST_REQUIRE(clock_gettime(clock, &time) == 0);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_server)

BOOST_AUTO_TEST_CASE(one_round_serves_all_clients_that_ask_during_it) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    host.controls->takes_ms = 200;
    const auto now = BootClock::now();
    std::vector<std::future<std::string>> clients;
    for (int i = 0; i < 16; ++i) {
        clients.push_back(std::async(std::launch::async, [&] {
            std::string text;
            SnapshotClient client(host.buffer, host.socket);
            (void)client.fetch(text, now, now + 5s);
            return text;
        }));
    }
    for (auto& client : clients) BOOST_TEST(has(client.get(), "slow 1\n"));
    BOOST_TEST(host.controls->runs == 1);
    std::string text;
    BOOST_TEST((host.client.fetch(text, now, now + 5s) >= now));  // from the buffer
    BOOST_TEST(host.controls->runs == 1);
}

BOOST_AUTO_TEST_CASE(a_client_that_needs_a_newer_snapshot_than_the_running_round_gets_the_next_one) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    host.controls->takes_ms = 150;
    auto first = std::async(std::launch::async, [&] { return host.fetch(5s); });
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.controls->runs == 1; }));
    SnapshotClient client(host.buffer, host.socket);
    std::string text;
    const auto now = BootClock::now();
    BOOST_TEST((client.fetch(text, now, now + 5s) >= now));
    BOOST_TEST(has(text, "slow 2\n"));
    (void)first.get();
}

BOOST_AUTO_TEST_CASE(a_hanging_source_costs_its_own_metrics_and_no_more_than_the_deadline) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    host.controls->hangs = true;
    const auto began = BootClock::now();
    const auto text = host.fetch(600ms);
    BOOST_TEST((BootClock::now() - began < 3s));
    BOOST_TEST(has(text, "quick 1\n"));
    BOOST_TEST(!has(text, "slow "));
    BOOST_TEST(has(text, "ceymail_collector_success{collector=\"slow\"} 0\n"));
    host.controls->hangs = false;
    BOOST_TEST(becomes_true([&] { return has(host.fetch(5s), "slow "); }));
}

BOOST_AUTO_TEST_CASE(a_very_short_deadline_does_not_replace_a_good_snapshot_by_an_unfinished_one) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    host.controls->takes_ms = 150;
    BOOST_TEST(has(host.fetch(20ms), "slow 1\n"));
    BOOST_TEST(has(host.fetch(5s), "slow 3\n"));
}

BOOST_AUTO_TEST_CASE(a_new_gatherer_does_not_replace_a_good_snapshot_of_an_earlier_one_by_an_unfinished_one) {
    Host host;
    Forked gatherer(host.gatherer());
    Forked successor(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    gatherer.kill();
    successor.start();
    host.controls->takes_ms = 2000;
    auto patient = std::async(std::launch::async, [&] { return host.fetch(5s); });
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.controls->runs == 2; }));
    SnapshotClient client(host.buffer, host.socket);
    std::string text;
    const auto now = BootClock::now();
    (void)client.fetch(text, now, now + 40ms);
    BOOST_TEST(has(text, "slow 1\n"), text);
    BOOST_TEST(has(patient.get(), "slow 2\n"));
}

// The slow collector hangs, and the client gets the others.
void expect_what_has_come(Host& host, std::chrono::milliseconds patience) {
    host.controls->hangs = true;
    const auto text = host.fetch(patience);
    BOOST_TEST(has(text, "quick 1\n"), text);
    BOOST_TEST(!has(text, "slow "), text);
}

BOOST_AUTO_TEST_CASE(without_a_snapshot_a_client_gets_by_its_deadline_what_has_come_however_soon_that_is) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    expect_what_has_come(host, 160ms);
}

BOOST_AUTO_TEST_CASE(a_good_snapshot_is_replaced_by_an_unfinished_one_after_a_quarter_of_a_second) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    expect_what_has_come(host, 600ms);
}

BOOST_AUTO_TEST_CASE(a_client_that_a_finished_snapshot_serves_does_not_publish_the_running_round) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    SnapshotRequest request{};
    request.not_before_ns = host.buffer.times().taken_at.time_since_epoch().count();
    request.deadline_ns = (BootClock::now() + 5s).time_since_epoch().count();
    host.controls->hangs = true;
    auto patient = std::async(std::launch::async, [&] { return host.fetch(5s); });
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.controls->runs == 2; }));
    std::this_thread::sleep_for(300ms);
    const Fd client = host.connect();
    BOOST_TEST(send(client.get(), &request, sizeof request, MSG_NOSIGNAL) == sizeof request);
    BOOST_TEST((ending(client, 1s) == Ending::answered));
    std::string text;
    (void)host.buffer.read(text);
    BOOST_TEST(has(text, "slow 1\n"), text);
    host.controls->hangs = false;
    BOOST_TEST(has(patient.get(), "slow 2\n"));
}

BOOST_AUTO_TEST_CASE(a_client_with_a_short_deadline_does_not_keep_others_from_a_finished_snapshot) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    host.controls->takes_ms = 900;
    const auto before = BootClock::now();
    auto hasty = std::async(std::launch::async, [&] { return host.fetch(400ms); });
    auto patient = std::async(std::launch::async, [&] {
        std::string text;
        SnapshotClient client(host.buffer, host.socket);
        (void)client.fetch(text, before, before + 5s);
        return text;
    });
    const auto unfinished = hasty.get();
    BOOST_TEST(has(unfinished, "quick 1\n"));
    BOOST_TEST(!has(unfinished, "slow "));
    std::string late;
    SnapshotClient client(host.buffer, host.socket);
    (void)client.fetch(late, before, before + 5s);  // it is in the buffer now
    BOOST_TEST(has(late, "slow 1\n"), late);
    BOOST_TEST(has(patient.get(), "slow 1\n"));
    BOOST_TEST(host.controls->runs == 1);
}

BOOST_AUTO_TEST_CASE(the_request_names_an_earlier_deadline_than_the_client_waits_for) {
    const struct {
        std::chrono::milliseconds patience;
        std::chrono::milliseconds margin;
    } rows[] = {{4900ms, 200ms}, {1200ms, 200ms}, {400ms, 100ms}};
    for (const auto& row : rows) {
        Host host;
        const auto deadline = BootClock::now() + row.patience;
        auto client = std::async(std::launch::async, [&] {
            std::string text;
            (void)host.client.fetch(text, BootClock::now(), deadline);
            return text;
        });
        // In place of the gatherer, as late as on a loaded host.
        pollfd polled{host.listener.get(), POLLIN, 0};
        BOOST_TEST_REQUIRE(poll(&polled, 1, 1000) == 1);
        const Fd connection(accept4(host.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        SnapshotRequest request{};
        BOOST_TEST_REQUIRE(recv(connection.get(), &request, sizeof request, 0) == sizeof request);
        const BootTime asked_for{std::chrono::nanoseconds(request.deadline_ns)};
        BOOST_TEST((deadline - asked_for <= row.margin));
        const auto least = std::min<std::chrono::nanoseconds>(row.margin, (deadline - BootClock::now()) / 4);
        BOOST_TEST((deadline - asked_for >= least), "a quarter of the time that was left when it asked");
        std::this_thread::sleep_for(deadline - row.margin / 4 - BootClock::now());
        BOOST_TEST_REQUIRE(host.buffer.publish("late 1\n", {BootClock::now(), BootTime::max()}).has_value());
        BOOST_TEST(send(connection.get(), "", 1, MSG_NOSIGNAL) == 1);
        BOOST_TEST(client.get() == "late 1\n");
    }
}

BOOST_AUTO_TEST_CASE(the_first_snapshot_is_published_without_a_hanging_source_even_if_the_answer_is_too_late) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    host.controls->hangs = true;
    auto client = std::async(std::launch::async, [&] { return host.fetch(5s); });
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.buffer.times().taken_at != BootTime{}; }));
    const auto before = cpu_time_of(gatherer.pid());
    std::this_thread::sleep_for(300ms);
    BOOST_TEST((cpu_time_of(gatherer.pid()) - before < 150ms), "it is published once");
    gatherer.signal(SIGSTOP);
    BOOST_TEST((client.wait_for(1s) == std::future_status::timeout), "it waits for the whole of it");
    const auto text = client.get();
    BOOST_TEST(has(text, "quick 1\n"), text);
    BOOST_TEST(has(text, "ceymail_collector_success{collector=\"slow\"} 0\n"), text);
}

BOOST_AUTO_TEST_CASE(a_stopped_gatherer_costs_the_deadline_and_serves_again_once_continued) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    gatherer.signal(SIGSTOP);
    for (int i = 0; i < 3; ++i) {
        const auto began = BootClock::now();
        BOOST_TEST(has(host.fetch(150ms), "slow 1\n"));  // the last snapshot
        const auto took = BootClock::now() - began;
        BOOST_TEST((took >= 150ms));
        BOOST_TEST((took < 3s));
    }
    gatherer.signal(SIGCONT);
    BOOST_TEST(!has(host.fetch(5s), "slow 1\n"));
    BOOST_TEST(has(host.fetch(5s), "slow "));
}

BOOST_AUTO_TEST_CASE(the_next_gatherer_answers_the_clients_of_a_killed_one) {
    Host host;
    Forked gatherer(host.gatherer());
    Forked successor(host.gatherer());
    gatherer.start();
    host.controls->hangs = true;
    std::vector<std::future<std::string>> clients;
    const auto now = BootClock::now();
    for (int i = 0; i < 8; ++i) {
        clients.push_back(std::async(std::launch::async, [&] {
            std::string text;
            SnapshotClient client(host.buffer, host.socket);
            (void)client.fetch(text, now, now + 10s);
            return text;
        }));
    }
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.controls->runs == 1; }));
    gatherer.kill();
    host.controls->hangs = false;
    successor.start();
    for (auto& client : clients) BOOST_TEST(has(client.get(), "slow 2\n"));
    BOOST_TEST(host.controls->runs == 2);
}

BOOST_AUTO_TEST_CASE(without_a_gatherer_the_last_snapshot_is_served_at_once) {
    Host host;
    BOOST_TEST_REQUIRE(host.buffer.publish("old 1\n", {BootTime(1ns), BootTime::max()}).has_value());
    host.listener.reset();
    const auto began = BootClock::now();
    BOOST_TEST(host.fetch(20s) == "old 1\n");
    std::filesystem::remove(host.socket);
    BOOST_TEST(host.fetch(20s) == "old 1\n");
    BOOST_TEST((BootClock::now() - began < 5s));
}

BOOST_AUTO_TEST_CASE(a_snapshot_beyond_the_maximum_age_is_not_served) {
    Host host;
    host.listener.reset();
    BOOST_TEST_REQUIRE(host.buffer.publish("old 1\n", {BootClock::now(), BootClock::now() - 1ns}).has_value());
    std::string text = "before";
    BOOST_TEST((host.client.fetch(text, BootTime{}, BootClock::now() + 1s) == BootTime{}));
    BOOST_TEST(text.empty());
}

BOOST_AUTO_TEST_CASE(a_malformed_request_ends_only_its_own_connection) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    const SnapshotRequest good{0, (BootClock::now() + 5s).time_since_epoch().count()};
    for (const std::size_t size : {0UL, 1UL, sizeof good - 1, sizeof good + 1, 10'000UL}) {
        BOOST_TEST_CONTEXT("a request of " << size << " bytes") {
            const Fd connection = host.connect();
            const std::string bytes(size, 'x');
            BOOST_TEST(send(connection.get(), bytes.data(), size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
            BOOST_TEST((ending(connection, 5s) == Ending::cut_off));
        }
    }
    constexpr auto k_least = std::numeric_limits<std::int64_t>::min();
    constexpr auto k_most = std::numeric_limits<std::int64_t>::max();
    for (const auto& extreme : {SnapshotRequest{k_least, k_least}, SnapshotRequest{k_least, k_most},
                                SnapshotRequest{k_most, k_least}, SnapshotRequest{k_most, k_most}}) {
        const Fd connection = host.connect();
        BOOST_TEST(send(connection.get(), &extreme, sizeof extreme, MSG_NOSIGNAL) == sizeof extreme);
        BOOST_TEST((ending(connection, 5s) == Ending::answered));
    }
    host.controls->hangs = true;
    const Fd twice = host.connect();
    const SnapshotRequest next{k_most, k_most};
    BOOST_TEST(send(twice.get(), &next, sizeof next, MSG_NOSIGNAL) == sizeof next);
    BOOST_TEST((ending(twice, 50ms) == Ending::none));
    (void)send(twice.get(), &next, sizeof next, MSG_NOSIGNAL);
    BOOST_TEST((ending(twice, 2s) == Ending::cut_off));
    host.controls->hangs = false;
    BOOST_TEST(has(host.fetch(5s), "slow "));
}

BOOST_AUTO_TEST_CASE(silent_clients_delay_the_others_by_a_second_at_most) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    std::vector<Fd> silent;
    for (std::size_t i = 0; i < k_clients + 20; ++i) silent.push_back(host.connect());
    const auto before = switches_of(gatherer.pid(), Switches::all);
    const auto began = BootClock::now();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    BOOST_TEST((BootClock::now() - began < 4s));
    BOOST_TEST(switches_of(gatherer.pid(), Switches::all) - before < 1000);  // no busy loop
    BOOST_TEST((ending(silent.front(), 5s) == Ending::cut_off));
}

BOOST_AUTO_TEST_CASE(a_snapshot_of_the_very_time_that_is_asked_for_will_do) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    SnapshotRequest request{};
    request.not_before_ns = host.buffer.times().taken_at.time_since_epoch().count();
    request.deadline_ns = (BootClock::now() + 5s).time_since_epoch().count();
    const Fd client = host.connect();
    BOOST_TEST(send(client.get(), &request, sizeof request, MSG_NOSIGNAL) == sizeof request);
    BOOST_TEST((ending(client, 5s) == Ending::answered));
    BOOST_TEST(host.controls->runs == 1);
}

BOOST_AUTO_TEST_CASE(a_client_that_asks_for_the_future_gets_a_snapshot_of_now) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    SnapshotRequest request{};
    request.not_before_ns = (BootClock::now() + 1h).time_since_epoch().count();
    request.deadline_ns = (BootClock::now() + 5s).time_since_epoch().count();
    const Fd client = host.connect();
    BOOST_TEST(send(client.get(), &request, sizeof request, MSG_NOSIGNAL) == sizeof request);
    BOOST_TEST((ending(client, 3s) == Ending::answered));
    BOOST_TEST(host.controls->runs == 1);
}

BOOST_AUTO_TEST_CASE(a_snapshot_beyond_the_maximum_age_fulfils_no_request) {
    Host host;
    Forked gatherer(host.gatherer({.share = 0, .maximum_age = 200ms}));
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    std::this_thread::sleep_for(300ms);
    std::string text;
    (void)host.client.fetch(text, BootTime{}, BootClock::now() + 5s);
    BOOST_TEST(has(text, "slow 2\n"), text);
}

BOOST_AUTO_TEST_CASE(a_round_without_a_collector_that_is_due_is_over_at_once) {
    Host host;
    Forked gatherer(host.gatherer({.share = 1e-6}));
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    const auto began = BootClock::now();
    BOOST_TEST(has(host.fetch(20s), "slow 1\n"));
    BOOST_TEST((BootClock::now() - began < 3s));
}

BOOST_AUTO_TEST_CASE(a_client_that_asks_twice_is_cut_off_and_a_silent_one_after_a_second) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    const Fd silent = host.connect();
    host.controls->hangs = true;
    SnapshotRequest request{};
    request.not_before_ns = BootClock::now().time_since_epoch().count();
    request.deadline_ns = (BootClock::now() + 10s).time_since_epoch().count();
    const Fd client = host.connect();
    for (int twice = 0; twice < 2; ++twice)
        BOOST_TEST(send(client.get(), &request, sizeof request, MSG_NOSIGNAL) == sizeof request);
    BOOST_TEST((ending(client, 2s) == Ending::cut_off));
    BOOST_TEST((ending(silent, 2500ms) == Ending::cut_off));
    host.controls->hangs = false;
}

BOOST_AUTO_TEST_CASE(keeps_no_descriptor_of_a_client_and_sleeps_without_requests) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    const auto before = descriptors_of(gatherer.pid());
    const auto own = descriptors_of(getpid());
    for (int i = 0; i < 100; ++i) {
        (void)host.fetch(5s);
        const Fd leaver = host.connect();
        const SnapshotRequest request{0, 0};
        (void)send(leaver.get(), &request, i % 3 == 0 ? sizeof request : 5, MSG_NOSIGNAL);
    }
    BOOST_TEST(becomes_true([&] { return descriptors_of(gatherer.pid()) <= before; }));
    BOOST_TEST(descriptors_of(getpid()) == own);

#ifndef __SANITIZE_THREAD__             // its background thread wakes up
    std::this_thread::sleep_for(20ms);  // until all threads sleep
    const auto switches = switches_of(gatherer.pid(), Switches::voluntary);
    std::this_thread::sleep_for(400ms);
    BOOST_TEST(switches_of(gatherer.pid(), Switches::voluntary) == switches);
#endif
}

BOOST_AUTO_TEST_CASE(waits_with_a_client_for_which_it_has_no_descriptor_and_then_serves_it) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    const auto of_gatherer = "/proc/" + std::to_string(gatherer.pid()) + "/";
    const auto threads = [&] {
        const std::filesystem::directory_iterator all(of_gatherer + "task");
        return std::distance(begin(all), end(all));
    };
    BOOST_TEST_REQUIRE(becomes_true([&] { return threads() >= 3; }));  // its own, and one of each collector
    rlimit before{};
    BOOST_TEST_REQUIRE(prlimit(gatherer.pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
    rlimit used_up{0, before.rlim_max};
    while (std::filesystem::is_symlink(of_gatherer + "fd/" + std::to_string(used_up.rlim_cur))) ++used_up.rlim_cur;
    BOOST_TEST_REQUIRE(prlimit(gatherer.pid(), RLIMIT_NOFILE, &used_up, nullptr) == 0);
    auto client = std::async(std::launch::async, [&] { return host.fetch(10s); });
    std::this_thread::sleep_for(50ms);
    const auto cpu_time = cpu_time_of(gatherer.pid());
    BOOST_TEST((client.wait_for(300ms) == std::future_status::timeout));
    BOOST_TEST((cpu_time_of(gatherer.pid()) - cpu_time < 150ms));
    BOOST_TEST_REQUIRE(prlimit(gatherer.pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
    BOOST_TEST(has(client.get(), "slow 1\n"));
}

BOOST_AUTO_TEST_CASE(goes_on_where_a_signal_interrupts_its_wait) {
    Host host;
    Forked gatherer([serve = host.gatherer()] {
        struct sigaction handler{};
        handler.sa_handler = [](int) {};
        sigaction(SIGUSR1, &handler, nullptr);
        serve();
    });
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    const Fd silent = host.connect();
    for (int i = 0; i < 50; ++i) {
        gatherer.signal(SIGUSR1);
        std::this_thread::sleep_for(1ms);
    }
    BOOST_TEST((ending(silent, 0ms) == Ending::none));
    BOOST_TEST(has(host.fetch(5s), "slow 2\n"));
}

BOOST_AUTO_TEST_CASE(a_text_for_which_there_is_no_room_is_logged_and_leaves_the_last_snapshot) {
    Host host;
    const auto log = host.directory / "log";
    Forked gatherer([&] {
        const Fd file(open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        dup2(file.get(), STDERR_FILENO);
        std::vector<std::unique_ptr<ceymail::collect::Collector>> all;
        all.push_back(scripted("wordy", [&](BootTime) {
            return gauge(host.controls->hangs ? std::string(ceymail::snapshot::k_snapshot_capacity, 'x') : "wordy", 1);
        }));
        CollectorScheduler scheduler(std::move(all), {.share = 0});
        serve_gatherer(host.listener.get(), host.stop.get(), host.buffer, scheduler, host.reports.get());
    });
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "wordy 1\n"));
    host.controls->hangs = true;
    BOOST_TEST(has(host.fetch(1s), "wordy 1\n"));
    const auto words = ceymail::testing::slurp(log);
    BOOST_TEST(words.find("cannot publish a snapshot of ") != std::string::npos, words);
    BOOST_TEST(words.find(" bytes: there is room for 65536") != std::string::npos, words);
    host.controls->hangs = false;
    BOOST_TEST(has(host.fetch(5s), "wordy 1\n"));
}

BOOST_AUTO_TEST_CASE(stops_on_request_even_while_a_source_hangs) {
    for (const bool hangs : {false, true}) {
        Host host;
        Forked gatherer(host.gatherer());
        gatherer.start();
        host.controls->hangs = hangs;
        (void)host.fetch(300ms);
        const std::uint64_t one = 1;
        BOOST_TEST_REQUIRE(write(host.stop.get(), &one, sizeof one) == sizeof one);
        BOOST_TEST(gatherer.ends());
    }
}

BOOST_AUTO_TEST_CASE(reports_without_a_scrape_and_runs_a_round_only_if_the_last_is_old) {
    using ceymail::snapshot::Health;
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    for (int i = 0; i < 5; ++i) {
        const auto states = host.report();
        BOOST_TEST_REQUIRE(states.has_value(), (states ? "" : states.error().message));
        BOOST_TEST_REQUIRE(states->size() == 2U);
        BOOST_TEST(states->at(0).name == "slow");
        BOOST_TEST((states->at(0).health == Health::works));
        BOOST_TEST((states->at(1).health == Health::works));
    }
    BOOST_TEST(host.controls->runs <= 2);  // two where this machine took more than 5 s
}

BOOST_AUTO_TEST_CASE(a_report_runs_the_collectors_that_depend_on_the_database) {
    Host host;
    Forked gatherer(host.gatherer({.share = 1e-6}));
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    BOOST_TEST(host.report().has_value());
    BOOST_TEST(host.controls->runs == 2);
}

BOOST_AUTO_TEST_CASE(reports_in_time_while_a_source_hangs_and_takes_no_value_from_the_scrapes) {
    using ceymail::snapshot::Health;
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    BOOST_TEST(has(host.fetch(5s), "slow 1\n"));
    host.controls->hangs = true;
    std::string text;
    const auto before = host.buffer.times().taken_at;
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.report().value().at(0).health == Health::waits; }));
    BOOST_TEST((host.buffer.times().taken_at == before));  // no unfinished snapshot is published
    (void)host.buffer.read(text);
    BOOST_TEST(has(text, "slow 1\n"));
    BOOST_TEST_REQUIRE(becomes_true([&] { return host.report().value().at(0).health == Health::fails; }));
    BOOST_TEST((host.report().value().at(1).health == Health::works));
    host.controls->hangs = false;
    BOOST_TEST(becomes_true([&] { return host.report().value().at(0).health == Health::works; }));
}

BOOST_AUTO_TEST_CASE(readers_of_reports_can_neither_send_anything_nor_delay_the_workers) {
    Host host;
    Forked gatherer(host.gatherer());
    gatherer.start();
    host.controls->hangs = true;
    const Fd talker = host.connect_for_report();
    BOOST_TEST(send(talker.get(), "x", 1, MSG_NOSIGNAL) == 1);
    BOOST_TEST((ending(talker, 5s) == Ending::cut_off));

    const auto before = descriptors_of(gatherer.pid());
    std::vector<Fd> readers;
    for (int i = 0; i < 100; ++i) readers.push_back(host.connect_for_report());
    auto most = before;
    for (const auto end = BootClock::now() + 300ms; BootClock::now() < end; std::this_thread::sleep_for(5ms))
        most = std::max(most, descriptors_of(gatherer.pid()));
    BOOST_TEST(most == before + 4);
    BOOST_TEST(has(host.fetch(500ms), "quick 1\n"));
    readers.clear();
    host.controls->hangs = false;
    BOOST_TEST(becomes_true([&] { return host.report().has_value(); }));
    BOOST_TEST(has(host.fetch(5s), "slow "));
}

// A whole text consists of one letter, as often as its time says.
BOOST_AUTO_TEST_CASE(a_writer_killed_at_any_instruction_leaves_a_whole_snapshot) {
    constexpr int k_kills = 300;
    Host host;
    const auto text_of = [](std::int64_t n) {
        return std::string(2000 + static_cast<std::size_t>(n % 6000), static_cast<char>('a' + n % 26));
    };
    int torn = 0;
    int backwards = 0;
    std::int64_t last = 0;
    std::string text;
    for (int i = 0; i < k_kills; ++i) {
        Forked writer([&] {
            for (std::int64_t n = host.buffer.times().taken_at.time_since_epoch().count() + 1;; ++n) {
                const BootTime time{std::chrono::nanoseconds(n)};
                (void)host.buffer.publish(text_of(n), {time, time});
            }
        });
        writer.start();
        const auto until = BootClock::now() + std::chrono::microseconds(500 + 37 * (i % 50));
        while (BootClock::now() < until || last == 0) {
            const auto n = host.buffer.read(text).taken_at.time_since_epoch().count();
            if (n == 0) continue;
            if (text != text_of(n)) ++torn;
            if (n < last) ++backwards;
            last = n;
        }
        writer.kill();
        const auto n = host.buffer.read(text).taken_at.time_since_epoch().count();
        BOOST_TEST_REQUIRE(n >= last);
        BOOST_TEST_REQUIRE(text == text_of(n));
        last = n;
    }
    BOOST_TEST_MESSAGE(last << " publications, " << k_kills << " kills");
    BOOST_TEST(last > k_kills);
    BOOST_TEST(torn == 0);
    BOOST_TEST(backwards == 0);
}

BOOST_AUTO_TEST_SUITE_END()
