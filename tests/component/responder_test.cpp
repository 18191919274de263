// SPDX-License-Identifier: MIT
// Responder in its own process, with peers of every kind on real sockets.
#include "ceymail/fastcgi/responder.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/util/clock.hpp"
#include "support/fastcgi_client.hpp"
#include "support/malformed_requests.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

// The results that the worker reports to the test.
struct Tally {
    std::atomic<int> answered{0};
    std::atomic<int> refused{0};
    std::atomic<int> last_refusal{0};
    std::atomic<int> entered{0};  // requests handed out
    std::atomic<int> canaries{0};
    fastcgi::BusySince busy{};
};

// Counts `word` in the writable memory of this process. The parameter is reversed, so that it is not counted itself.
int count_in_memory(const std::string& reversed) {
    // Allocates nothing: that would overwrite what was freed unwiped.
    static std::array<char, 1 << 18> text;
    const util::Fd maps(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(got)) {
        got = read(maps.get(), text.data() + size, text.size() - size - 1);
        if (got < 0) return -1;
    }
    text[size] = '\0';
    int found = 0;
    for (std::string_view rest(text.data(), size); !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
        const auto line = rest.substr(0, rest.find('\n'));
        unsigned long begin = 0;
        unsigned long end = 0;
        char mode[5] = {};
        if (std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode) != 3 || mode[0] != 'r' || mode[1] != 'w')
            continue;
        if (line.ends_with("(deleted)")) continue;  // the Tally
        const auto* at = reinterpret_cast<const char*>(begin);
        for (; at + reversed.size() <= reinterpret_cast<const char*>(end); ++at) {
            if (*at == reversed.back() && std::equal(reversed.rbegin(), reversed.rend(), at)) ++found;
        }
    }
    return found;
}

fastcgi::Response respond(const fastcgi::Request& request) {
    if (request.uri == "/slow") std::this_thread::sleep_for(300ms);
    if (request.uri == "/large") return {.status = 200, .headers = {}, .body = std::string(4 << 20, 'x')};
    return {.status = request.malformed ? 400 : 200,
            .headers = {},
            .body = request.method + " " + request.uri + " from " + request.remote_addr + " with " +
                    std::string(request.authorization.reveal()) + " within " + request.scrape_timeout};
}

[[noreturn]] void run_worker(int listener, int stop_fd, Tally& tally, const std::string& reversed_canary) {
    fastcgi::Responder responder(listener, stop_fd, &tally.busy);
    const auto refused = [&](int status) {
        tally.last_refusal = status;
        ++tally.refused;
    };
    while (true) {
        {
            auto* const request = responder.next(refused);
            if (!request) _exit(0);
            ++tally.entered;
            if (request->uri == "/forget") request->authorization = {};
            const std::string uri = request->uri;
            fastcgi::Response response{.status = 200, .headers = {}, .body = "forgotten"};
            if (uri != "/forget")
                response = respond(*request);
            else
                tally.canaries = count_in_memory(reversed_canary);
            responder.answer(response);
        }
        ++tally.answered;
    }
}

// The settings page's side. The canary stands in the middle of the page, so that free() writes over none of it.
[[noreturn]] void run_page_worker(int listener, int stop_fd, Tally& tally, const std::string& reversed_canary) {
    fastcgi::Responder responder(listener, stop_fd);
    while (const auto* const request = responder.next_page([](int) {}, {})) {
        fastcgi::Response response{.status = 200, .headers = {}, .body = std::string(4000, '.')};
        const bool is_secret = request->uri == "/secret";
        if (is_secret) {
            std::reverse_copy(reversed_canary.begin(), reversed_canary.end(), response.body.begin() + 2000);
        } else {
            response.body = std::to_string(request->body.size()) + (request->body_too_long ? " too long" : " taken");
        }
        responder.answer_page(std::move(response));
        if (is_secret) tally.canaries = count_in_memory(reversed_canary);
        ++tally.answered;
    }
    _exit(0);
}

enum class Serves { scrapes, pages };

// A worker in a child process; killed with this object.
class Worker {
public:
    explicit Worker(const util::Fd& listener, const std::string& reversed_canary = "-",
                    Serves serves = Serves::scrapes) {
        if (pipe2(m_pipe, O_CLOEXEC) != 0) throw std::bad_alloc();
        void* memory = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        m_tally = new (memory) Tally;
        m_pid = fork();
        if (m_pid != 0) return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(m_pipe[1]);
        if (serves == Serves::pages) run_page_worker(listener.get(), m_pipe[0], *m_tally, reversed_canary);
        run_worker(listener.get(), m_pipe[0], *m_tally, reversed_canary);
    }
    ~Worker() {
        kill(m_pid, SIGKILL);
        if (!m_exit) waitpid(m_pid, nullptr, 0);
        close(m_pipe[0]);
        close(m_pipe[1]);
        munmap(m_tally, sizeof(Tally));
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void stop() { BOOST_TEST(write(m_pipe[1], "", 1) == 1); }

    // The exit code, or minus the signal; no value when it still runs.
    std::optional<int> wait(milliseconds timeout) {
        const auto deadline = util::BootClock::now() + timeout;
        int status = 0;
        while (!m_exit && util::BootClock::now() < deadline) {
            if (waitpid(m_pid, &status, WNOHANG) != m_pid)
                std::this_thread::sleep_for(2ms);
            else
                m_exit = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        return m_exit;
    }

    [[nodiscard]] bool lives() { return !wait(1ms); }
    [[nodiscard]] Tally& tally() { return *m_tally; }
    [[nodiscard]] pid_t pid() const { return m_pid; }

    [[nodiscard]] std::size_t descriptors() const {
        const std::filesystem::directory_iterator directory("/proc/" + std::to_string(m_pid) + "/fd");
        return static_cast<std::size_t>(std::distance(begin(directory), end(directory)));
    }

    [[nodiscard]] bool has_descriptor(rlim_t fd) const {
        return std::filesystem::is_symlink("/proc/" + std::to_string(m_pid) + "/fd/" + std::to_string(fd));
    }

    [[nodiscard]] milliseconds processor_time() const {
        clockid_t clock = 0;
        timespec time{};
        clock_getcpuclockid(m_pid, &clock);
        clock_gettime(clock, &time);
        return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                        std::chrono::nanoseconds(time.tv_nsec));
    }

    void limit_descriptors(rlim_t limit) const {
        const rlimit limits{.rlim_cur = limit, .rlim_max = 1024};
        BOOST_TEST_REQUIRE(prlimit(m_pid, RLIMIT_NOFILE, &limits, nullptr) == 0);
    }

private:
    int m_pipe[2] = {-1, -1};
    Tally* m_tally = nullptr;
    pid_t m_pid = -1;
    std::optional<int> m_exit;
};

// A listening Unix socket and a worker on it.
struct Fixture {
    TemporaryDirectory directory;
    std::string address = "unix:" + (directory.path() / "socket").string();
    util::Fd listener = std::move(fastcgi::make_listener(address, "")).value();
    Worker worker{listener};

    Answer ask_for(const std::string& uri) {
        return ask(address, {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", uri}, {"REMOTE_ADDR", "192.0.2.7"}});
    }
    bool serves() { return ask_for("/").text.contains("GET / from 192.0.2.7"); }
};

struct Stopwatch {
    util::BootTime begin = util::BootClock::now();
    [[nodiscard]] milliseconds elapsed() const {
        return std::chrono::duration_cast<milliseconds>(util::BootClock::now() - begin);
    }
};

// Waits until it holds, 5 s at most.
bool soon(const auto& condition) {
    for (const Stopwatch watch; watch.elapsed() < 5s; std::this_thread::sleep_for(2ms)) {
        if (condition()) return true;
    }
    return false;
}

const std::string k_request = request({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}, {"REMOTE_ADDR", "192.0.2.7"}});

}  // namespace

BOOST_FIXTURE_TEST_SUITE(responder, Fixture)

BOOST_AUTO_TEST_CASE(answers_a_request) {
    const Answer answer = ask(address, scrape_parameters("Bearer abc"));
    BOOST_TEST(answer.valid);
    BOOST_TEST(answer.ended);
    BOOST_TEST(answer.text.starts_with("Status: 200 OK\r\n"));
    BOOST_TEST(answer.text.ends_with("\r\n\r\nGET /api/stats/metrics from 192.0.2.7 with Bearer abc within 10"));
}

BOOST_AUTO_TEST_CASE(answers_over_tcp_as_well) {
    for (int port = 39000; port < 39100; ++port) {
        const std::string tcp = "tcp:127.0.0.1:" + std::to_string(port);
        const auto made = fastcgi::make_listener(tcp, "");
        if (!made) continue;  // taken
        const Worker second(*made);
        BOOST_TEST(ask(tcp, scrape_parameters()).text.contains("from 192.0.2.7"));
        FastcgiClient client(tcp);
        client.send(begin_request() + "garbage!");
        BOOST_TEST(read_answer(client.receive()).text.starts_with("Status: 400 "));
        return;
    }
    BOOST_FAIL("no free port");
}

BOOST_AUTO_TEST_CASE(waits_for_a_request_that_comes_in_pieces) {
    const std::string whole = begin_request() + params(pairs(scrape_parameters()), 50, 3) + record(5, 1, "", 1);
    FastcgiClient client(address);
    for (std::size_t at = 0; at < whole.size(); at += 100) {
        client.send(std::string_view(whole).substr(at, 100));
        std::this_thread::sleep_for(2ms);
    }
    BOOST_TEST(read_answer(client.receive()).text.contains("from 192.0.2.7"));
}

BOOST_AUTO_TEST_CASE(takes_the_largest_request_and_its_body) {
    Parameters parameters = scrape_parameters();
    parameters.emplace_back("COOKIE", std::string(16384, 'c'));
    const std::string head = begin_request() + params(pairs(parameters), 1000, 7);
    const std::string end = record(5, 1, "", 255);
    const std::string whole = head + record(5, 1, std::string(65536 - head.size() - end.size() - 8, 'b')) + end;
    FastcgiClient client(address);
    client.send(whole);
    BOOST_TEST(whole.size() == 65536);
    BOOST_TEST(read_answer(client.receive()).text.contains("from 192.0.2.7"));
}

BOOST_AUTO_TEST_CASE(writes_an_answer_of_many_records) {
    const Answer answer = ask_for("/large");
    BOOST_TEST(answer.valid);
    BOOST_TEST(answer.ended);
    BOOST_TEST(answer.text.ends_with("\r\n\r\n" + std::string(4 << 20, 'x')));
}

BOOST_AUTO_TEST_CASE(answers_with_the_id_of_the_request_and_ends_the_connection) {
    FastcgiClient client(address);
    client.send(begin_request(0xABCD, 1, 1) + params(pairs(scrape_parameters()), 65535, 0, 0xABCD) +
                record(5, 0xABCD, ""));
    const std::string bytes = client.receive();
    BOOST_TEST(client.closed());  // though the peer would keep the connection
    BOOST_TEST(bytes.substr(2, 2) == "\xAB\xCD");
    BOOST_TEST(read_answer(bytes).ended);
}

BOOST_AUTO_TEST_CASE(treats_a_repeated_address_as_malformed) {
    Parameters parameters = scrape_parameters();
    parameters.emplace_back("REMOTE_ADDR", "198.51.100.1");
    BOOST_TEST(ask(address, parameters).text.starts_with("Status: 400 "));
}

BOOST_AUTO_TEST_CASE(answers_400_where_it_can_and_serves_on) {
    BOOST_TEST(serves());
    const std::size_t before = worker.descriptors();
    int refused = 0;
    for (const auto& [label, bytes] : malformed_requests()) {
        FastcgiClient client(address);
        client.send(bytes);  // may be cut short by the refusal
        client.half_close();
        const std::string text = read_answer(client.receive()).text;
        BOOST_TEST(client.closed(), label);
        BOOST_TEST((text.empty() || text.starts_with("Status: 400 Bad Request\r\n")), label);
        BOOST_TEST((text.empty() || text.contains("\r\nX-CeyMail-Metrics: 1\r\n")), label);
        BOOST_TEST(worker.tally().refused == ++refused, label);
    }
    BOOST_TEST(worker.tally().last_refusal == 400);
    BOOST_TEST(worker.tally().entered == 1);
    BOOST_TEST(serves());
    BOOST_TEST(worker.lives());
    BOOST_TEST(worker.descriptors() == before);
}

BOOST_AUTO_TEST_CASE(says_what_to_do_about_a_malformed_request) {
    FastcgiClient client(address);
    client.send(begin_request(1, 2));
    const std::string text = read_answer(client.receive()).text;
    const std::string body = text.substr(text.find("\r\n\r\n") + 4);
    BOOST_TEST(body.contains("nginx"));
    BOOST_TEST(std::count(body.begin(), body.end(), '\n') == 1);
}

BOOST_AUTO_TEST_CASE(drops_a_request_cut_anywhere_at_once) {
    const Stopwatch watch;
    for (std::size_t size = 0; size < k_request.size(); ++size) {
        FastcgiClient client(address);
        client.send(k_request.substr(0, size));
        client.half_close();
        BOOST_TEST(client.receive().empty(), "cut at " << size);
        BOOST_TEST(client.closed(), "cut at " << size);
    }
    BOOST_TEST(watch.elapsed().count() < 1500);
    BOOST_TEST(worker.tally().entered == 0);
    BOOST_TEST(serves());
}

BOOST_AUTO_TEST_CASE(answers_a_whole_request_of_a_peer_that_closed_its_side) {
    FastcgiClient client(address);
    client.send(k_request);
    client.half_close();
    BOOST_TEST(read_answer(client.receive()).text.contains("from 192.0.2.7"));
}

BOOST_AUTO_TEST_CASE(survives_peers_that_close_before_the_answer) {
    const Stopwatch watch;
    for (int i = 0; i < 50; ++i) {
        FastcgiClient client(address);
        client.send(k_request);
    }
    FastcgiClient impatient(address);
    impatient.send(request({{"REQUEST_URI", "/large"}}));
    impatient.leave();
    BOOST_TEST(serves());
    BOOST_TEST(watch.elapsed().count() < 1000);
    BOOST_TEST(worker.tally().answered >= 51);
}

// The only case that waits: all kinds of slow peers at the same time, each with its own worker.
BOOST_AUTO_TEST_CASE(is_free_again_two_seconds_after_a_peer_that_stalls) {
    Fixture fixtures[4];
    FastcgiClient silent(fixtures[0].address);
    FastcgiClient half(fixtures[1].address);
    FastcgiClient dripping(fixtures[2].address);
    FastcgiClient deaf(fixtures[3].address);
    half.send(k_request.substr(0, k_request.size() / 2));
    deaf.send(request({{"REQUEST_URI", "/large"}}));
    std::vector<FastcgiClient> next;
    for (Fixture& fixture : fixtures) {
        next.emplace_back(fixture.address);
        next.back().send(k_request);
    }
    const Stopwatch watch;
    std::optional<milliseconds> answered[4];
    for (std::size_t step = 0; watch.elapsed() < 3s; ++step) {
        if (step < k_request.size()) dripping.send(k_request.substr(step, 1));
        for (std::size_t i = 0; i < next.size(); ++i) {
            if (!answered[i] && !next[i].receive(10ms).empty()) answered[i] = watch.elapsed();
        }
    }
    for (std::size_t i = 0; i < next.size(); ++i) {
        BOOST_TEST_REQUIRE(answered[i].has_value(), "kind " << i);
        BOOST_TEST(answered[i]->count() >= 1900, "kind " << i);
        BOOST_TEST(answered[i]->count() < 2300, "kind " << i);
        BOOST_TEST(fixtures[i].worker.processor_time().count() < 100, "kind " << i);
    }
}

BOOST_AUTO_TEST_CASE(serves_on_its_spare_descriptor_when_there_is_no_other) {
    BOOST_TEST(serves());
    rlim_t limit = 0;
    while (worker.has_descriptor(limit)) ++limit;
    worker.limit_descriptors(limit);  // every number below is taken: the spare one is all there is
    for (int i = 0; i < 20; ++i) BOOST_TEST(serves(), i);
    BOOST_TEST(worker.processor_time().count() < 200);
}

BOOST_AUTO_TEST_CASE(waits_without_spinning_where_not_even_the_spare_helps_and_recovers) {
    BOOST_TEST(serves());
    worker.limit_descriptors(1);
    const auto before = worker.processor_time();
    FastcgiClient client(address);
    client.send(k_request);
    BOOST_TEST(client.receive(350ms).empty());
    BOOST_TEST((worker.processor_time() - before).count() < 40);
    BOOST_TEST(!client.closed());
    worker.limit_descriptors(1024);
    BOOST_TEST(read_answer(client.receive()).text.contains("from 192.0.2.7"));
    BOOST_TEST(worker.processor_time().count() < 100);
    worker.limit_descriptors(1);
    FastcgiClient other(address);
    worker.stop();
    BOOST_TEST(worker.wait(1s).value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(says_once_a_minute_that_descriptors_are_short) {
    worker.stop();
    BOOST_TEST(worker.wait(2s).value_or(-1) == 0);
    const auto errors = directory.write("errors", "");
    const util::Fd file(open(errors.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    const util::Fd standard(dup(STDERR_FILENO));
    dup2(file.get(), STDERR_FILENO);
    const Worker short_of_them(listener);
    dup2(standard.get(), STDERR_FILENO);
    BOOST_TEST(serves());
    short_of_them.limit_descriptors(1);
    FastcgiClient client(address);
    client.send(k_request);
    BOOST_TEST(client.receive(350ms).empty());
    const auto said = slurp(errors);
    const auto first = said.find("out of file descriptors");
    BOOST_TEST(first != std::string::npos, said);
    BOOST_TEST(said.find("out of file descriptors", first + 1) == std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(ends_when_asked_to_stop_while_idle) {
    BOOST_TEST(serves());
    const Stopwatch watch;
    worker.stop();
    BOOST_TEST(worker.wait(2s).value_or(-1) == 0);
    BOOST_TEST(watch.elapsed().count() < 500);
}

BOOST_AUTO_TEST_CASE(finishes_the_request_at_hand_when_asked_to_stop_and_takes_no_other) {
    FastcgiClient client(address);
    client.send(request({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/slow"}}));
    BOOST_TEST(soon([&] { return worker.tally().entered == 1; }));
    FastcgiClient waiting(address);
    waiting.send(k_request);
    worker.stop();
    BOOST_TEST(read_answer(client.receive()).text.contains("GET /slow"));
    BOOST_TEST(worker.wait(2s).value_or(-1) == 0);
    BOOST_TEST(worker.tally().entered == 1);
    const Worker successor(listener);  // what waited is still there for the next worker
    BOOST_TEST(read_answer(waiting.receive()).text.contains("from 192.0.2.7"));
}

BOOST_AUTO_TEST_CASE(publishes_since_when_it_is_busy) {
    const auto& busy = worker.tally().busy;
    BOOST_TEST(serves());
    BOOST_TEST(soon([&] { return busy.load() == util::AwakeTime{}; }));
    const auto before = util::AwakeClock::now();
    FastcgiClient client(address);
    client.send(request({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/slow"}, {"REMOTE_ADDR", "192.0.2.7"}}));
    BOOST_TEST(soon([&] { return busy.load() != util::AwakeTime{}; }));
    BOOST_TEST((busy.load() >= before && busy.load() <= util::AwakeClock::now()));
    client.receive();
    BOOST_TEST(soon([&] { return busy.load() == util::AwakeTime{}; }));
}

BOOST_AUTO_TEST_CASE(shares_a_listener_with_other_workers) {
    Worker second(listener);
    FastcgiClient stalled(address);  // holds one of the two
    stalled.send("\x01");
    const Stopwatch watch;
    for (int i = 0; i < 100; ++i) BOOST_TEST(serves(), i);
    BOOST_TEST(watch.elapsed().count() < 1500);
    BOOST_TEST(soon([&] { return worker.tally().answered + second.tally().answered == 100; }));
    BOOST_TEST(worker.lives());
    BOOST_TEST(second.lives());
}

BOOST_AUTO_TEST_CASE(keeps_no_trace_of_the_token) {
    const std::string reversed = "yranac_terces_a_sa_ylno_esu_ni";
    Worker watched(listener, reversed);
    worker.stop();
    BOOST_TEST(worker.wait(2s).value_or(-1) == 0);
    const std::string canary(reversed.rbegin(), reversed.rend());
    const Parameters forget = {{"REQUEST_URI", "/forget"}, {"HTTP_AUTHORIZATION", canary}};
    BOOST_TEST(ask(address, forget).text.ends_with("forgotten"));
    BOOST_TEST(watched.tally().canaries == 0);
    FastcgiClient half(address);
    const std::string whole = request(forget);
    half.send(whole.substr(0, whole.size() - 8));
    std::this_thread::sleep_for(5ms);
    half.send(whole.substr(whole.size() - 8));
    BOOST_TEST(read_answer(half.receive()).text.ends_with("forgotten"));
    BOOST_TEST(watched.tally().canaries == 0);
    FastcgiClient malformed(address);
    malformed.send(whole + "x");
    BOOST_TEST(malformed.receive().contains("400"));
    BOOST_TEST(ask(address, {{"REQUEST_URI", "/forget"}}).text.ends_with("forgotten"));
    BOOST_TEST(watched.tally().canaries == 0);
}

BOOST_AUTO_TEST_CASE(keeps_no_trace_of_a_secret_that_a_page_shows) {
    // Not a part of another test's: what that left in this process is in the worker too.
    const std::string reversed = "egap_a_no_nwohs_si_taht_terces_a";
    worker.stop();
    BOOST_TEST(worker.wait(2s).value_or(-1) == 0);
    Worker watched(listener, reversed, Serves::pages);
    watched.tally().canaries = -1;
    const std::string canary(reversed.rbegin(), reversed.rend());
    BOOST_TEST(ask(address, {{"REQUEST_URI", "/secret"}}).text.contains(canary));
    BOOST_TEST(soon([&] { return watched.tally().answered == 1; }));
    BOOST_TEST(watched.tally().canaries == 0);
}

BOOST_AUTO_TEST_CASE(takes_a_page_body_as_long_as_the_longest_and_no_longer) {
    worker.stop();
    BOOST_TEST(worker.wait(2s).value_or(-1) == 0);
    const Worker pages(listener, "-", Serves::pages);
    const auto answer_to = [&](std::size_t size) {
        FastcgiClient client(address);
        client.send(begin_request() + params(pairs({{"REQUEST_URI", "/"}})) + record(5, 1, std::string(size, 'b')) +
                    record(5, 1, ""));
        const auto text = read_answer(client.receive()).text;
        return text.substr(text.find("\r\n\r\n") + 4);
    };
    BOOST_TEST(answer_to(fastcgi::k_max_body) == "8192 taken");
    BOOST_TEST(answer_to(fastcgi::k_max_body + 1) == "0 too long");
}

// A web server reports a reset in place of the answer.
BOOST_AUTO_TEST_CASE(ends_a_refused_connection_without_a_reset) {
    FastcgiClient client(address);
    client.send(begin_request() + "garbage!");
    std::array<char, 4096> bytes;
    ssize_t got = 1;
    while (got > 0) got = read(client.fd(), bytes.data(), bytes.size());
    BOOST_TEST(got == 0);
}

BOOST_AUTO_TEST_SUITE_END()
