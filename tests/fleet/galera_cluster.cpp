// SPDX-License-Identifier: MIT
#include "fleet/galera_cluster.hpp"

#include <csignal>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <pwd.h>
#include <unistd.h>

#include "ceymail/util/clock.hpp"
#include "support/mariadb_server.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

// Without sync: data survives a kill -9.
constexpr const char* k_options = R"(binlog_format=ROW
default_storage_engine=InnoDB
innodb_autoinc_lock_mode=2
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
innodb_flush_method=nosync
innodb_flush_log_at_trx_commit=2
innodb_doublewrite=0
performance_schema=0
max_connections=60
skip_name_resolve=1
wsrep_on=ON
wsrep_provider=/usr/lib/galera/libgalera_smm.so
wsrep_cluster_name=fleet
wsrep_sst_method=rsync
)";

std::string ip_of(unsigned number) { return "10.77.0." + std::to_string(number); }

void must(const std::vector<std::string>& arguments) {
    const auto done = run({.arguments = arguments});
    if (done.status != 0) throw std::runtime_error(arguments[0] + " " + arguments[1] + ": " + done.errors);
}

// There may be none of that name.
void delete_link(const std::string& name) { (void)run({.arguments = {"ip", "link", "delete", name}}); }

std::string trimmed(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

// Waits until its parent has moved an interface here.
std::string within_network(unsigned number, const std::string& command) {
    return "echo n" + std::to_string(number) + " >/proc/sys/kernel/hostname; ip link set lo up; until ip address add " +
           ip_of(number) + "/24 dev eth0 2>/dev/null; do sleep 0.02; done; ip link set eth0 up; exec " + command;
}

}  // namespace

ClusterNode::ClusterNode(unsigned number, unsigned nodes) : m_number(number), m_nodes(nodes) {
    std::string peers;
    for (unsigned n = 1; n <= m_nodes; ++n) peers += (peers.empty() ? "" : ",") + ip_of(n);
    const std::string d = m_directory.path().string();
    m_directory.write("node.cnf", "[mariadbd]\nuser=mysql\ndatadir=" + d + "/data\nsocket=" + socket().string() +
                                      "\npid-file=" + d + "/pid\nlog-error=" + d + "/log.err\ntmpdir=" + d +
                                      "\nbind-address=" + ip_of(number) + "\n" + k_options +
                                      "wsrep_cluster_address=gcomm://" + peers + "\nwsrep_node_name=" + name() +
                                      "\nwsrep_node_address=" + ip_of(number) +
                                      "\nwsrep_provider_options=\"gcache.size=32M;gmcast.listen_addr=tcp://" +
                                      ip_of(number) + ":4567\"\n");
    make_data_directory();
}

ClusterNode::~ClusterNode() {
    if (m_server) m_server->signal(SIGCONT);
}

// Not root's: rsync of a state transfer writes as nobody then.
void ClusterNode::make_data_directory() const {
    std::filesystem::create_directory(m_directory / "data");
    const passwd* const user = ::getpwnam("mysql");
    for (const auto& directory : {m_directory.path(), m_directory / "data"})
        if (user == nullptr || ::chown(directory.c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::runtime_error("cannot give " + directory.string() + " to the user mysql");
}

// After a kill the node does not know how much it has, and would ask for everything.
std::string ClusterNode::recovered_position() const {
    if (std::filesystem::is_empty(m_directory / "data")) return {};
    const auto log = m_directory / "recovery.err";
    std::filesystem::remove(log);
    (void)run({.arguments = {"mariadbd", "--defaults-file=" + (m_directory / "node.cnf").string(), "--wsrep-recover",
                             "--log-error=" + log.string()}});
    const std::string text = slurp(log);
    const std::string k_before = "Recovered position: ";
    const auto at = text.find(k_before);
    if (at == text.npos) return {};
    const auto begin = at + k_before.size();
    return " --wsrep-start-position=" + text.substr(begin, text.find('\n', begin) - begin);
}

void ClusterNode::start(Start how) {
    const std::string defaults = "--defaults-file=" + (m_directory / "node.cnf").string();
    std::string command = "mariadbd " + defaults;
    if (how == Start::first) {
        must({"mariadb-install-db", defaults, "--auth-root-authentication-method=socket", "--skip-test-db",
              "--wsrep-on=OFF"});
        command += " --wsrep-new-cluster";
    } else {
        command += recovered_position();
    }
    m_server.emplace(
        ChildOptions{.arguments = {"unshare", "--net", "--uts", "sh", "-c", within_network(m_number, command)},
                     .output_file = m_directory / "output",
                     .errors_file = m_directory / "output"});
    connect_to_hub();
}

void ClusterNode::connect_to_hub() const {
    const auto network = [](const std::string& pid) {
        std::error_code ignored;
        return std::filesystem::read_symlink("/proc/" + pid + "/ns/net", ignored);
    };
    const std::string pid = std::to_string(m_server->pid());
    for (int n = 0; n < 500 && network(pid) == network("self"); ++n) std::this_thread::sleep_for(10ms);
    const std::string link = "v" + std::to_string(m_number);
    delete_link(link);  // of a process before, whose end takes it away some time
    must({"ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", pid});
    must({"ip", "link", "set", link, "master", "hub", "up"});
}

// What it and what starts it have said.
std::string ClusterNode::words() const {
    std::string all;
    for (const char* const file : {"output", "log.err"})
        if (std::filesystem::exists(m_directory / file)) all += slurp(m_directory / file);
    constexpr std::size_t k_most = 2500;  // Boost.Test prints no more
    return all.size() <= k_most ? all : all.substr(all.size() - k_most);
}

void ClusterNode::await_synced(std::chrono::seconds longest) {
    const auto until = util::BootClock::now() + longest;
    while (!synced()) {
        if (util::BootClock::now() > until || !m_server->running())
            throw std::runtime_error(name() + " does not get synced:\n" + words());
        std::this_thread::sleep_for(50ms);
    }
}

void ClusterNode::stop() {
    m_server->terminate(30s);
    m_server.reset();
}

void ClusterNode::kill() {
    m_server->signal(SIGKILL);
    (void)m_server->wait(10s);
    m_server.reset();
}

void ClusterNode::pause() { m_server->signal(SIGSTOP); }
void ClusterNode::resume() { m_server->signal(SIGCONT); }
void ClusterNode::cut() { must({"ip", "link", "set", "v" + std::to_string(m_number), "down"}); }
void ClusterNode::heal() { must({"ip", "link", "set", "v" + std::to_string(m_number), "up"}); }

void ClusterNode::wipe() {
    std::filesystem::remove_all(m_directory / "data");
    make_data_directory();
}

database::Address ClusterNode::address() const { return {.socket = socket(), .user = "root"}; }

std::string ClusterNode::query(const std::string& sql) const {
    const auto done =
        run({.arguments = {"mariadb", "--no-defaults", "-N", "-B", "--socket=" + socket().string()}, .input = sql});
    if (done.status != 0) throw std::runtime_error(name() + ": " + done.errors);
    return trimmed(done.output);
}

std::string ClusterNode::status(const std::string& variable) const {
    const auto done = run(
        {.arguments = {"mariadb", "--no-defaults", "-N", "-B", "--connect-timeout=2", "--socket=" + socket().string()},
         .input = "SHOW GLOBAL STATUS LIKE '" + variable + "'"});
    const auto tab = done.output.find('\t');
    return done.status != 0 || tab == std::string::npos ? "" : trimmed(done.output.substr(tab + 1));
}

bool ClusterNode::synced() const {
    return status("wsrep_cluster_status") == "Primary" && status("wsrep_local_state_comment") == "Synced" &&
           status("wsrep_ready") == "ON";
}

ChildProcess ClusterNode::hold(const std::string& sql) const {
    ChildProcess client({.arguments = {"mariadb", "--no-defaults", "-N", "-B", "-n", "--socket=" + socket().string()},
                         .input = sql + "; SELECT 'held'; DO SLEEP(300);"});
    while (client.running() && client.output().find("held") == std::string::npos) std::this_thread::sleep_for(10ms);
    return client;
}

void ClusterNode::release() const {
    std::istringstream ids(query("SELECT id FROM information_schema.processlist WHERE info LIKE 'DO SLEEP(300)%'"));
    for (std::string id; ids >> id;) (void)query("KILL CONNECTION " + id);
}

GaleraCluster::GaleraCluster() {
    must({"ip", "link", "set", "lo", "up"});
    delete_link("hub");  // of a cluster that did not come up
    must({"ip", "link", "add", "hub", "type", "bridge"});
    must({"ip", "link", "set", "hub", "up"});
    for (unsigned n = 1; n <= k_nodes; ++n) {
        m_nodes.push_back(std::make_unique<ClusterNode>(n, k_nodes));
        node(n).start(n == 1 ? ClusterNode::Start::first : ClusterNode::Start::joiner);
        node(n).await_synced();
        if (n == 1) (void)node(1).query(slurp(source("deploy/miniature/sample.sql")));
    }
}

void GaleraCluster::await_synced() {
    for (const auto& one : m_nodes) one->await_synced();
}

}  // namespace ceymail::testing
