// SPDX-License-Identifier: MIT
#include "support/responder_process.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <pwd.h>
#include <unistd.h>

#include "ceymail/util/clock.hpp"

namespace ceymail::testing {

using namespace std::chrono_literals;

namespace {

std::string address_nobody_used() {
    static unsigned s_next = 0;
    ++s_next;
    return "10." + std::to_string(s_next / 65536 % 256) + "." + std::to_string(s_next / 256 % 256) + "." +
           std::to_string(s_next % 256);
}

void set(Parameters& parameters, const std::string& name, const std::string& value) {
    for (auto& [given, its_value] : parameters) {
        if (given == name) its_value = value;
    }
}

void hand_to_nobody(const std::filesystem::path& path) {
    if (::geteuid() != 0) return;
    const passwd* const nobody = ::getpwnam("nobody");
    if (nobody == nullptr || ::chown(path.c_str(), nobody->pw_uid, nobody->pw_gid) != 0)
        throw std::runtime_error("cannot hand " + path.string() + " to nobody");
}

std::string name_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

}  // namespace

bool CgiAnswer::has_line(const std::string& line) const {
    return ("\n" + body).find("\n" + line + "\n") != std::string::npos;
}

std::string CgiAnswer::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
}

CgiAnswer read_cgi(const std::string& cgi_text) {
    CgiAnswer answer;
    std::string_view rest = cgi_text;
    while (!rest.empty()) {
        const auto end = rest.find("\r\n");
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
        if (line.empty()) break;
        const auto colon = line.find(": ");
        if (colon == std::string_view::npos) throw std::runtime_error("no header: " + std::string(line));
        answer.headers[std::string(line.substr(0, colon))] = line.substr(colon + 2);
    }
    answer.body = rest;
    const auto status = answer.header("Status");
    std::from_chars(status.data(), status.data() + status.size(), answer.status);
    return answer;
}

Parameters Scrape::parameters() const {
    const auto bearer = token.empty() ? std::string() : "Bearer " + token;
    auto parameters = scrape_parameters(authorization.value_or(bearer));
    set(parameters, "REQUEST_METHOD", method);
    set(parameters, "REQUEST_URI", uri);
    set(parameters, "REMOTE_ADDR", address.value_or(address_nobody_used()));
    set(parameters, "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", timeout);
    return parameters;
}

std::filesystem::path write_configuration(const TemporaryDirectory& directory, const Settings& settings) {
    for (const auto queue : {"active", "deferred", "bounce", "hold"})
        std::filesystem::create_directories(directory / "queue" / queue);
    Settings all{{"listen", "unix:" + (directory / "responder.sock").string()},
                 {"listen_group", ""},
                 {"user", "nobody"},
                 {"runtime_directory", directory / "run"},
                 {"state_directory", directory / "state"},
                 {"database_socket", directory / "no-mariadb.sock"},
                 {"queue_directory", directory / "queue"},
                 {"mail_log", directory / "mail.log"},
                 {"fail2ban_log", ""},
                 {"certificate", "none"},
                 {"backup_directory", ""},
                 {"service_manager", "processes"},
                 {"cache_ttl", "0"}};
    for (const auto& [key, value] : settings) all[key] = value;
    std::string text;
    for (const auto& [key, value] : all) text += key + " = " + value + "\n";
    return directory.write("ceymail-metrics.conf", text);
}

ResponderProcess::ResponderProcess(const Settings& settings, std::vector<std::string> environment)
    : m_environment(std::move(environment)) {
    write_configuration(m_directory, settings);
    std::filesystem::create_directory(m_directory / "run");
    hand_to_nobody(m_directory / "run");
    start();
}

void ResponderProcess::start() {
    m_process.emplace(ChildOptions{.arguments = {built_program("ceymail-metrics"), "--config", configuration()},
                                   .environment = m_environment,
                                   .errors_file = m_directory / "log"});
    const bool answers = eventually([&] {
        try {
            return !m_process->running() || ask({.uri = "/"}).status == 404;
        } catch (const std::system_error&) {
            return false;  // nobody listens yet
        }
    });
    if (!answers || !m_process->running()) throw std::runtime_error("ceymail-metrics does not come up: " + log());
}

std::optional<int> ResponderProcess::stop() {
    m_process->signal(SIGTERM);
    return m_process->wait(12s);
}

CgiAnswer ResponderProcess::ask(const Scrape& scrape) const {
    return read_cgi(testing::ask(address(), scrape.parameters()).text);
}

pid_t ResponderProcess::gatherer() const {
    for (int i = 0; i < 500 && children("ceymail-gather").empty(); ++i) std::this_thread::sleep_for(10ms);
    return children("ceymail-gather").at(0);
}

std::vector<pid_t> ResponderProcess::children(const std::string& name) const {
    const auto supervisor = std::to_string(m_process->pid());
    std::ifstream list("/proc/" + supervisor + "/task/" + supervisor + "/children");
    std::vector<pid_t> found;
    for (pid_t pid = 0; list >> pid;) {
        if (name_of(pid) == name) found.push_back(pid);
    }
    return found;
}

}  // namespace ceymail::testing
