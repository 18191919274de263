// SPDX-License-Identifier: MIT
// MariadbServer: the miniature's script, run by a test.
#include "support/mariadb_server.hpp"

#include <chrono>
#include <csignal>
#include <set>
#include <stdexcept>
#include <thread>

#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

std::string own_user() {
    const passwd* const entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

ChildOptions script(const std::filesystem::path& directory, const std::vector<std::string>& options) {
    ChildOptions child{.arguments = {source("deploy/miniature/mariadb"), directory}};
    child.arguments.insert(child.arguments.end(), options.begin(), options.end());
    return child;
}

}  // namespace

std::filesystem::path source(const std::filesystem::path& name) { return std::filesystem::absolute(name); }

const std::filesystem::path& MariadbServer::prepared_data() {
    static MariadbServer s_template{Bare{}};
    static const auto s_data = [] {
        s_template.start();
        s_template.query(slurp(source("deploy/miniature/sample.sql")));
        s_template.stop();
        return s_template.m_directory / "data";
    }();
    return s_data;
}

MariadbServer::MariadbServer(Bare) {}

MariadbServer::MariadbServer(std::vector<std::string> options) : m_options(std::move(options)) {
    std::filesystem::copy(prepared_data(), m_directory / "data", std::filesystem::copy_options::recursive);
    start();
}

MariadbServer::~MariadbServer() { kill(); }  // nothing in it is worth an orderly end

database::Address MariadbServer::address() const { return address(own_user(), {}); }

database::Address MariadbServer::address(const std::string& user, const std::filesystem::path& option_file) const {
    return {.socket = socket(), .host = {}, .port = 0, .user = user, .option_file = option_file};
}

void MariadbServer::start() {
    if (m_server && m_server->running()) return;
    m_server.emplace(script(m_directory.path(), m_options));
    wait_until_it_answers();
}

void MariadbServer::wait_until_it_answers() {
    const auto deadline = util::BootClock::now() + 90s;  // with many at once
    while (m_server->running() && util::BootClock::now() < deadline) {
        database::Connection connection(address());
        if (connection.ensure(util::BootClock::now() + 5s)) return;
        std::this_thread::sleep_for(10ms);
    }
    const bool has_log = std::filesystem::exists(m_directory / "mariadb.log");
    throw std::runtime_error("MariaDB does not come up: " + m_server->errors() + (has_log ? log() : "no log yet"));
}

void MariadbServer::stop() {
    if (m_server) m_server->terminate(30s);
}

void MariadbServer::kill() {
    if (!m_server) return;
    m_server->signal(SIGKILL);
    (void)m_server->wait(10s);
}

void MariadbServer::pause() {
    m_server->signal(SIGSTOP);
    siginfo_t info{};  // until it has taken hold of every thread
    ::waitid(P_PID, static_cast<id_t>(m_server->pid()), &info, WSTOPPED | WEXITED | WNOWAIT);
}
void MariadbServer::resume() { m_server->signal(SIGCONT); }

std::string MariadbServer::query(const std::string& sql) const {
    auto done = run(
        {.arguments = {"mariadb", "--no-defaults", "--socket=" + socket().string(), "--batch", "--skip-column-names"},
         .input = sql});
    if (done.status != 0) throw std::runtime_error("mariadb: " + done.errors);
    return std::move(done.output);
}

std::filesystem::path MariadbServer::add_account(const std::string& user, const std::string& password) const {
    query("CREATE USER `" + user + "`@localhost IDENTIFIED BY '" + password + "'");
    return m_directory.write(user + ".cnf", "[client]\npassword=" + password + "\n", std::filesystem::perms{0600});
}

bool MariadbServer::has_plugin(const std::string& name) {
    return std::filesystem::exists("/usr/lib/mysql/plugin/" + name + ".so");
}

void MariadbServer::apply_schema() const {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(source("deploy/sql"))) files.insert(entry.path());
    for (const auto& file : files) query("USE ceymail_dashboard;\n" + slurp(file));
}

}  // namespace ceymail::testing
