// SPDX-License-Identifier: MIT
#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include <grp.h>
#include <linux/capability.h>
#include <sys/stat.h>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/system/instance_lock.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::doctor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_longest_status = 16384;
constexpr std::size_t k_most_web_servers = 8;         // in the report
constexpr const char* k_gatherer = "ceymail-gather";  // the name that the supervisor sets

struct Process {
    std::string pid;
    std::string name;
    pid_t parent = 0;
    uid_t user = 0;
    std::vector<gid_t> groups;
    std::uint64_t capabilities = 0;
};

template <class Number>
std::vector<Number> numbers(const std::string& text) {
    std::istringstream in(text);
    std::vector<Number> all;
    for (Number number{}; in >> number;) all.push_back(number);
    return all;
}

// Parses /proc/PID/status. Effective ids are the second numbers of their lines. Source: proc(5).
Process parse_status(const std::string& text) {
    Process process;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(":\t");
        if (colon == std::string::npos) continue;
        const auto key = line.substr(0, colon);
        const auto value = line.substr(colon + 2);
        if (key == "Name") process.name = value;
        if (key == "PPid" && !numbers<pid_t>(value).empty()) process.parent = numbers<pid_t>(value)[0];
        if (key == "Uid" && numbers<uid_t>(value).size() > 1) process.user = numbers<uid_t>(value)[1];
        if (key == "Gid" && numbers<gid_t>(value).size() > 1) process.groups.push_back(numbers<gid_t>(value)[1]);
        if (key == "Groups") std::ranges::copy(numbers<gid_t>(value), std::back_inserter(process.groups));
        if (key == "CapEff") std::from_chars(value.data(), value.data() + value.size(), process.capabilities, 16);
    }
    return process;
}

std::vector<Process> processes_named(const fs::path& proc, const std::vector<std::string>& names) {
    std::vector<Process> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(proc, error)) {
        const auto pid = entry.path().filename().string();
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto text = util::read_file(entry.path() / "status", k_longest_status);
        if (!text) continue;  // the process has ended
        auto process = parse_status(*text);
        process.pid = pid;
        if (std::ranges::find(names, process.name) != names.end()) found.push_back(std::move(process));
    }
    return found;
}

std::vector<Process> gatherers_of(const config::Configuration& configuration) {
    // Other supervisors may run on this host.
    const auto supervisor = system::find_instance(configuration.runtime_directory);
    if (!supervisor) return {};
    auto gatherers = processes_named(configuration.proc, {k_gatherer});
    std::erase_if(gatherers, [&](const Process& one) { return one.parent != *supervisor; });
    return gatherers;
}

// What identifies the PID namespace of a process; empty if that cannot be read.
std::string pid_namespace(const fs::path& proc, const std::string& pid) {
    std::error_code ignored;
    return fs::read_symlink(proc / pid / "ns/pid", ignored).string();
}

// The web servers beside the service: /proc shows those of containers too, and they do not connect to it.
std::vector<Process> web_servers_of(const config::Configuration& configuration) {
    const auto supervisor = system::find_instance(configuration.runtime_directory);
    const auto own = pid_namespace(configuration.proc, supervisor ? std::to_string(*supervisor) : "self");
    auto servers = processes_named(configuration.proc, {"nginx", "apache2", "httpd"});
    std::erase_if(servers, [&](const Process& one) { return pid_namespace(configuration.proc, one.pid) != own; });
    return servers;
}

}  // namespace

void check_service(CheckReport& report, const config::Configuration& configuration) {
    const auto gatherers = gatherers_of(configuration);
    if (gatherers.empty())
        return report.warn("service",
                           "no gatherer runs; start it by systemctl start ceymail-metrics, unless the web "
                           "server starts it");
    constexpr std::uint64_t k_needed = 1U << CAP_DAC_READ_SEARCH;
    if (std::ranges::all_of(gatherers, [](const Process& one) { return (one.capabilities & k_needed) != 0; }))
        return report.ok("service", "runs, and its gatherer may count the mail queue");
    report.bad("service",
               "the gatherer runs without CAP_DAC_READ_SEARCH and cannot count the mail queue: take away what removes "
               "it from AmbientCapabilities= and CapabilityBoundingSet= (systemctl cat ceymail-metrics), or start it "
               "as root; PrivateUsers=yes makes it void");
}

// A new mount over a parent directory, such as /var, is not visible in the service's sandbox.
void check_queue_directory(CheckReport& report, const config::Configuration& configuration) {
    for (const auto& gatherer : gatherers_of(configuration)) {
        const auto root = configuration.proc / gatherer.pid / "root";
        for (const auto& directory : configuration.queue_directories) {
            struct stat here{};
            struct stat there{};
            if (::stat(directory.c_str(), &here) != 0 ||
                ::stat((root / directory.relative_path()).c_str(), &there) != 0)
                continue;  // the collector reports it
            if (here.st_dev == there.st_dev && here.st_ino == there.st_ino) continue;
            report.bad("queue directory", "the service counts another directory than " + directory.string() +
                                              " is now, which took its place while the service ran: systemctl restart "
                                              "ceymail-metrics");
        }
    }
}

namespace {

std::optional<fs::path> socket_of(const config::Configuration& configuration) {
    if (configuration.listen.empty()) return configuration.runtime_directory / "ceymail-metrics.sock";
    if (configuration.listen.starts_with("unix:")) return configuration.listen.substr(5);
    return std::nullopt;
}

bool may_connect(const Process& process, const struct stat& socket) {
    if (process.user == 0) return true;
    if (process.user == socket.st_uid) return (socket.st_mode & S_IWUSR) != 0;
    if (std::ranges::find(process.groups, socket.st_gid) != process.groups.end())
        return (socket.st_mode & S_IWGRP) != 0;
    return (socket.st_mode & S_IWOTH) != 0;
}

std::string group_name(gid_t gid) {
    const group* const entry = ::getgrgid(gid);
    return entry != nullptr ? entry->gr_name : std::to_string(gid);
}

// Name and group of each web server that may not connect. A server has many processes, and a host may have several
// servers, of which one is meant.
std::set<std::pair<std::string, std::string>> refused_web_servers(const config::Configuration& configuration,
                                                                  const struct stat& socket) {
    std::set<std::pair<std::string, std::string>> refused;
    for (const auto& server : web_servers_of(configuration))
        if (!may_connect(server, socket) && refused.size() < k_most_web_servers)
            refused.emplace(server.name, group_name(server.groups.front()));
    return refused;
}

}  // namespace

void check_socket(CheckReport& report, const config::Configuration& configuration) {
    const auto path = socket_of(configuration);
    if (!path) return report.ok("socket", configuration.listen);
    struct stat socket{};
    if (::stat(path->c_str(), &socket) != 0 || !S_ISSOCK(socket.st_mode))
        return report.warn("socket", "there is no " + path->string() +
                                         "; systemctl enable --now ceymail-metrics.socket makes it, unless the web "
                                         "server starts the responder");
    if ((socket.st_mode & S_IWOTH) != 0)
        return report.bad("socket", path->string() +
                                        " is open to every user of this host, who can say that he is any "
                                        "client: set SocketMode=0660 (systemctl edit "
                                        "ceymail-metrics.socket)");
    const auto refused = refused_web_servers(configuration, socket);
    for (const auto& [name, group] : refused)
        report.bad("socket", name + " runs in group " + group + " and may not connect to " + path->string() +
                                 ", which is for group " + group_name(socket.st_gid) + ": set SocketGroup=" + group +
                                 " (systemctl edit ceymail-metrics.socket), or listen_group where --listen is used");
    if (refused.empty()) report.ok("socket", path->string() + ", for group " + group_name(socket.st_gid));
}

}  // namespace ceymail::doctor
