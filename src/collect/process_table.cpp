// SPDX-License-Identifier: MIT
#include "ceymail/collect/process_table.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <span>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/util/directory.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::collect {

namespace {

using util::ErrorKind;

constexpr std::array<std::string_view, 7> k_program_directories{
    "/usr/sbin",           "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec", "/usr/lib/postfix/sbin",
    "/usr/libexec/postfix"};
constexpr std::string_view k_postfix = "postfix";  // the one whose process is told by its pid
constexpr std::size_t k_most_processes = 100'000;
constexpr std::size_t k_longest_stat = 4096;
constexpr std::size_t k_longest_status = 16384;     // most of it the supplementary groups
constexpr std::size_t k_longest_words = 4096;       // of the arguments only the first count
constexpr std::size_t k_longest_command = 15;       // TASK_COMM_LEN less its NUL
constexpr unsigned long k_of_kernel = 0x0020'0000;  // PF_KTHREAD of the kernel's sched.h
constexpr uid_t k_first_person = 1000;              // FIRST_UID of Debian's adduser.conf(5)
constexpr uid_t k_nobody = 65534;
constexpr std::size_t k_between_looks_at_the_clock = 64;

std::string_view directory_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_program_directory(std::string_view directory) {
    return std::find(k_program_directories.begin(), k_program_directories.end(), directory) !=
           k_program_directories.end();
}

bool is_interpreter(std::string_view name) {
    return name.starts_with("perl") || name.starts_with("python") || name == "node";
}

// The script of "interpreter -options /path/to/script arguments".
std::string_view script_of(std::string_view arguments) {
    for (bool first = true; !arguments.empty(); first = false) {
        const auto argument = arguments.substr(0, arguments.find('\0'));
        if (!first && !argument.starts_with('-')) return argument;
        arguments.remove_prefix(std::min(arguments.size(), argument.size() + 1));
    }
    return {};
}

// What the process says of itself. Its command is cut at 15 bytes; Perl's $0, which spamd sets, puts the whole path
// there, or "spamd child".
bool calls_itself(const Process& process, std::string_view name) {
    const auto word = [](std::string_view text) { return name_of(text.substr(0, text.find_first_of({" \0", 2}))); };
    return name_of(process.command) == name.substr(0, k_longest_command) || word(process.command) == name ||
           word(process.arguments) == name || name_of(script_of(process.arguments)) == name;
}

bool is_system_user(uid_t owner) { return owner < k_first_person || owner == k_nobody; }

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_deleted(std::string_view path) {
    constexpr std::string_view k_mark = " (deleted)";
    if (path.ends_with(k_mark)) path.remove_suffix(k_mark.size());
    return path;
}

// The errno where there is none to be had.
std::expected<std::string, int> target_of(int directory, const std::string& link) {
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlinkat(directory, link.c_str(), target.data(), target.size());
    if (length < 0) return std::unexpected(errno);
    return std::string(target.data(), static_cast<std::size_t>(length));
}

bool is_any_of(const Process& process, const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const auto& name) { return is_program(process, name); });
}

// What one read(2) gives, which is the whole of a file of /proc that is shorter than the buffer. Empty where it fails.
std::string_view read_once(int directory, const std::string& path, std::span<char> buffer) {
    const util::Fd file(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t length = file ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
    return {buffer.data(), length < 0 ? 0 : static_cast<std::size_t>(length)};
}

bool speaks_for_itself(const Process& process) {
    return process.executable && !is_interpreter(name_of(*process.executable));
}

// Then its arguments tell more than its command, which is the interpreter, or a path cut short: Perl's $0.
bool may_be_script(const Process& process) {
    return process.executable || is_interpreter(process.command) || process.command.starts_with('/');
}

// What a process is known by: its executable, or else its own words, which are not yet to be believed.
std::optional<Process> glance_at(int proc, const std::string& pid) {
    Process process;
    auto executable = target_of(proc, pid + "/exe");
    if (executable) process.executable = std::move(*executable);
    if (!executable && executable.error() == ENOENT) return {};  // a kernel thread, a zombie, or it has ended
    if (speaks_for_itself(process)) return process;
    std::array<char, k_longest_words> buffer;
    process.command = read_once(proc, pid + "/comm", buffer);
    if (process.command.ends_with('\n')) process.command.pop_back();
    if (may_be_script(process)) process.arguments = read_once(proc, pid + "/cmdline", buffer);
    return process;
}

bool runs_in_container(int proc, const std::string& pid) {
    std::array<char, k_longest_status> buffer;
    return is_in_container(read_once(proc, pid + "/status", buffer));
}

// Whether the process is one of `names`, and the machine's own. What its own words are worth is asked only where they
// bear such a name: the kernel works several times as long for a stat as for the rest.
bool is_confirmed(int proc, const std::string& pid, const Process& process, const std::vector<std::string>& names) {
    if (!is_any_of(process, names) || runs_in_container(proc, pid)) return false;
    if (speaks_for_itself(process)) return true;
    std::array<char, k_longest_stat> buffer;
    auto confirmed = parse_stat(read_once(proc, pid + "/stat", buffer));
    struct stat status{};
    if (!confirmed || ::fstatat(proc, pid.c_str(), &status, 0) != 0) return false;  // it has ended
    confirmed->owner = status.st_uid;
    confirmed->executable = process.executable;
    confirmed->arguments = process.arguments;
    return is_any_of(*confirmed, names);
}

bool is_executable_file(const std::filesystem::path& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IXUSR) != 0;
}

// With hidepid a table without services would look like a machine on which all are down.
util::Result<void> require_whole_table(const std::filesystem::path& proc) {
    const auto init = util::read_file(proc / "1/stat", k_longest_stat);
    if (init) return {};
    return util::fail(ErrorKind::denied,
                      "cannot see which services run: " + init.error().message +
                          "; mount /proc without hidepid, or with gid= a group of ours; in the unit's sandbox, "
                          "systemctl daemon-reload && systemctl restart ceymail-metrics shows it",
                      init.error().code);
}

}  // namespace

std::optional<Process> parse_stat(std::string_view text) {
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
    Process process;
    process.command = text.substr(open + 1, close - open - 1);
    // Behind the bracket: state ppid pgrp session tty_nr tpgid flags
    constexpr int k_state = 0, k_flags = 6;
    auto rest = text.substr(close + 1);
    for (int field = k_state; field <= k_flags; ++field) {
        const auto start = rest.find_first_not_of(' ');
        if (start == std::string_view::npos) return {};
        rest.remove_prefix(start);
        const auto word = rest.substr(0, rest.find_first_of(" \n"));
        if (field == k_state) process.state = word.empty() ? '?' : word.front();
        if (field == k_flags) {
            unsigned long flags = 0;
            if (std::from_chars(word.data(), word.data() + word.size(), flags).ec != std::errc{}) return {};
            process.of_kernel = (flags & k_of_kernel) != 0;
        }
        rest.remove_prefix(word.size());
    }
    return process;
}

bool is_in_container(std::string_view status) {
    constexpr std::string_view k_line = "\nNSpid:\t";  // no name of a process holds a line's end here, proc(5)
    const auto begin = status.find(k_line);
    if (begin == std::string_view::npos) return false;
    const auto pids = status.substr(begin + k_line.size());
    return pids.substr(0, pids.find('\n')).find('\t') != std::string_view::npos;
}

bool is_program(const Process& process, std::string_view name) {
    if (name.empty() || process.of_kernel || process.state == 'Z' || process.state == 'X') return false;
    if (!process.executable) return is_system_user(process.owner) && calls_itself(process, name);
    const auto path = without_deleted(*process.executable);
    const bool bears_name = name_of(path) == name || (is_interpreter(name_of(path)) && is_system_user(process.owner) &&
                                                      calls_itself(process, name));
    return bears_name && is_program_directory(directory_of(path));
}

std::optional<pid_t> parse_master_pid(std::string_view text) {
    const auto start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    text.remove_prefix(start);
    if (text.ends_with('\n')) text.remove_suffix(1);
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid <= 0) return {};
    return pid;
}

ProcessTable::ProcessTable(std::filesystem::path root, std::filesystem::path proc,
                           std::vector<std::filesystem::path> queue_directories)
    : m_root(std::move(root)), m_proc(std::move(proc)), m_queue_directories(std::move(queue_directories)) {}

bool ProcessTable::installed(const Service& service) const {
    return std::any_of(service.executables.begin(), service.executables.end(), [&](const std::string& name) {
        return std::any_of(k_program_directories.begin(), k_program_directories.end(), [&](std::string_view directory) {
            return is_executable_file(m_root / directory.substr(1) / name);
        });
    });
}

util::Result<bool> ProcessTable::postfix_runs(int proc) const {
    for (const auto& queue_directory : m_queue_directories) {
        const auto runs = instance_runs(proc, queue_directory);
        if (!runs || !*runs) return runs;
    }
    return true;
}

// Postfix's master holds a lock on the file while it lives, but asking for the lock could make one that just starts
// believe that it is not alone. So the process is looked at instead.
util::Result<bool> ProcessTable::instance_runs(int proc, const std::filesystem::path& queue_directory) const {
    const auto path = queue_directory / "pid/master.pid";
    const auto text = util::read_file(path, k_longest_stat);
    if (!text && text.error().kind == ErrorKind::not_found) return false;
    if (!text) {
        return util::fail(
            text.error().kind,
            "cannot see whether Postfix runs: " + text.error().message + "; it takes root or CAP_DAC_READ_SEARCH",
            text.error().code);
    }
    const auto pid = parse_master_pid(*text);
    if (!pid) return false;  // a master that starts has emptied it
    const auto process = glance_at(proc, std::to_string(*pid));
    return process && is_confirmed(proc, std::to_string(*pid), *process, {"master"});
}

util::Result<void> ProcessTable::each_process(util::Directory& proc, util::BootTime deadline,
                                              const std::function<void(const std::string& pid)>& visit) const {
    std::size_t seen = 0;
    for (;;) {
        const auto pid = proc.next();
        if (!pid) return std::unexpected(pid.error());
        if (pid->empty()) return {};
        if (!is_number(*pid)) continue;
        if (++seen > k_most_processes) {
            return util::fail(ErrorKind::exhausted, "cannot see which services run: more than " +
                                                        std::to_string(k_most_processes) + " processes");
        }
        if (seen % k_between_looks_at_the_clock == 0 && util::BootClock::now() >= deadline) {
            return util::fail(ErrorKind::timed_out,
                              "cannot see which services run: " + m_proc.string() + " was not read through in time");
        }
        visit(std::string(*pid));
    }
}

util::Result<ServiceStates> ProcessTable::states(const std::vector<Service>& services, util::BootTime deadline) {
    if (auto whole = require_whole_table(m_proc); !whole) return std::unexpected(std::move(whole.error()));
    auto directory = util::Directory::open(m_proc);
    if (!directory) return std::unexpected(std::move(directory.error()));
    const int proc = directory->fd();
    ServiceStates states(services.size(), ServiceState::absent);
    auto read = each_process(*directory, deadline, [&](const std::string& pid) {
        const auto process = glance_at(proc, pid);
        for (std::size_t i = 0; process && i < services.size(); ++i) {
            if (services[i].name == k_postfix || states[i] == ServiceState::up) continue;
            if (is_confirmed(proc, pid, *process, services[i].executables)) states[i] = ServiceState::up;
        }
    });
    if (!read) return std::unexpected(std::move(read.error()));
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (states[i] == ServiceState::up || !installed(services[i])) continue;
        states[i] = ServiceState::down;
        if (services[i].name != k_postfix) continue;
        const auto runs = postfix_runs(proc);
        if (!runs) return std::unexpected(runs.error());
        if (*runs) states[i] = ServiceState::up;
    }
    return states;
}

}  // namespace ceymail::collect
