// SPDX-License-Identifier: MIT
#include "support/live_responder.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <pwd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/util/clock.hpp"
#include "support/fastcgi_client.hpp"
#include "support/forked_child.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_user = "nobody";
constexpr unsigned k_addresses = 2000;  // few enough that the limiter's table has a place for each

void give_away(const std::filesystem::path& path) {
    const passwd* const user = ::getpwnam(k_user);
    if (user == nullptr || ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot give " + path.string() + " to nobody");
}

std::string line_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string line;
    std::getline(stream, line);
    return line;
}

std::string in_proc(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::size_t count_entries(const std::filesystem::path& directory) {
    std::error_code gone;
    const std::filesystem::directory_iterator entries(directory, gone);
    return gone ? 0 : static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

Settings leading_to(const std::filesystem::path& database, const TemporaryDirectory& directory, Settings settings) {
    settings.merge(Settings{{"listen", ""},  // the test's own
                            {"user", k_user},
                            {"cache_ttl", "5"},
                            {"database_socket", database},
                            {"database_user", "worker"},
                            {"database_option_file", directory / "worker.cnf"}});
    return settings;
}

}  // namespace

LiveResponder::LiveResponder(const LiveSettings& settings)
    : m_listener(fastcgi::make_listener(address(), "").value()), m_environment(settings.environment) {
    if (settings.through_proxy) m_proxy.emplace(m_directory / "proxy", m_database.socket());
    const auto database = settings.through_proxy ? m_directory / "proxy" : m_database.socket();
    write_configuration(m_directory, leading_to(database, m_directory, settings.configuration));
    std::filesystem::create_directory(m_directory / "run");
    give_away(m_directory / "run");
    if (const auto done = token_tool({"init"}); done.status != 0) throw std::runtime_error("init: " + done.errors);
    start();
    await_children();
}

void LiveResponder::start(const std::string& program) {
    m_process.emplace(ChildOptions{.arguments = {program, "--config", m_directory / "ceymail-metrics.conf"},
                                   .environment = m_environment,
                                   .directory = m_directory.path(),
                                   .input_fd = m_listener.get(),
                                   .errors_file = m_directory / "log"});
}

// Each has its name once it is past the fork; the supervisor says when all are forked.
void LiveResponder::await_children() const {
    const auto deadline = util::BootClock::now() + 10s;
    while (log().find("answering") == std::string::npos || !children("ceymail-metrics").empty()) {
        if (util::BootClock::now() > deadline) throw std::runtime_error("the responder does not come up:\n" + log());
        std::this_thread::sleep_for(5ms);
    }
}

void LiveResponder::stop() {
    m_process->signal(SIGTERM);
    if (!m_process->wait(10s)) throw std::runtime_error("the responder does not stop:\n" + log());
}

Finished LiveResponder::token_tool(const std::vector<std::string>& arguments) const {
    ChildOptions options{
        .arguments = {built_program("ceymail-token"), "--config", m_directory / "ceymail-metrics.conf"}};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    return run(options);
}

std::string LiveResponder::generate() const {
    auto made = token_tool({"generate"});
    if (made.status != 0) throw std::runtime_error("generate: " + made.errors);
    made.output.pop_back();
    return made.output;
}

std::vector<pid_t> LiveResponder::children(const std::string& name) const {
    const auto own = std::to_string(supervisor());
    std::istringstream list(line_of(in_proc(supervisor(), "task/" + own + "/children")));
    std::vector<pid_t> found;
    for (pid_t pid = 0; list >> pid;) {
        if (name.empty() || line_of(in_proc(pid, "comm")) == name) found.push_back(pid);
    }
    return found;
}

pid_t LiveResponder::gatherer() const {
    const auto found = children("ceymail-gather");
    if (found.empty()) throw std::runtime_error("there is no gatherer:\n" + log());
    return found.front();
}

Reply LiveResponder::ask(const std::string& token, const std::string& client, const Parameters& more) const {
    return ask_with("Bearer " + token, client, more);
}

Reply LiveResponder::ask_with(const std::string& authorization, const std::string& client,
                              const Parameters& more) const {
    const auto next = m_next_address++ % k_addresses;
    Parameters parameters{
        {"REQUEST_METHOD", "GET"},
        {"REQUEST_URI", "/api/stats/metrics"},
        {"REMOTE_ADDR",
         client.empty() ? "10.0." + std::to_string(next / 250) + "." + std::to_string(next % 250) : client}};
    if (!authorization.empty()) parameters.emplace_back("HTTP_AUTHORIZATION", authorization);
    parameters.insert(parameters.end(), more.begin(), more.end());
    return send(request(parameters));
}

Reply LiveResponder::send(const std::string& bytes) const {
    const auto begin = util::BootClock::now();
    FastcgiClient client(address());
    client.send(bytes);
    const auto answer = read_answer(client.receive(10s));
    auto read = answer.ended ? read_cgi(answer.text) : CgiAnswer();
    return {.status = read.status,
            .body = std::move(read.body),
            .took = std::chrono::duration_cast<std::chrono::milliseconds>(util::BootClock::now() - begin)};
}

std::size_t own_memory(pid_t pid) {
    std::ifstream status(in_proc(pid, "status"));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("RssAnon:")) return std::stoul(line.substr(sizeof "RssAnon:")) * 1024;
    }
    return 0;
}

std::size_t open_descriptors(pid_t pid) { return count_entries(in_proc(pid, "fd")); }
std::size_t thread_count(pid_t pid) { return count_entries(in_proc(pid, "task")); }

std::chrono::milliseconds processor_time(pid_t pid) {
    clockid_t clock = 0;
    timespec time{};
    ::clock_getcpuclockid(pid, &clock);
    ::clock_gettime(clock, &time);
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                                 std::chrono::nanoseconds(time.tv_nsec));
}

// Asked by a process of the same user: root may have lost CAP_SYS_RESOURCE, as in many containers.
bool limit_descriptors(pid_t pid, unsigned limit) {
    const passwd* const user = ::getpwnam(k_user);
    return ForkedChild([&] {
               const rlimit limits{.rlim_cur = limit, .rlim_max = 1024};
               const bool done = ::setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
                                 ::setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0 &&
                                 ::prlimit(pid, RLIMIT_NOFILE, &limits, nullptr) == 0;
               return done ? 0 : 1;
           }).wait() == 0;
}

}  // namespace ceymail::testing
