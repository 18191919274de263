// SPDX-License-Identifier: MIT
#include "ceymail/collect/process_table.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <functional>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/collect/fields.hpp"
#include "ceymail/config/service_entry.hpp"
#include "ceymail/util/directory.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::collect {

namespace {

using config::matches;
using util::ErrorKind;

constexpr std::array<std::string_view, 7> k_program_directories{
    "/usr/sbin",           "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec", "/usr/lib/postfix/sbin",
    "/usr/libexec/postfix"};
constexpr std::string_view k_postfix = "postfix";  // found by its pid file
constexpr std::size_t k_max_processes = 100'000;
constexpr std::size_t k_max_stat = 4096;
constexpr std::size_t k_max_status = 16384;                  // mostly supplementary groups
constexpr std::size_t k_max_arguments = 4096;                // only the first ones are needed
constexpr std::size_t k_max_command = 15;                    // TASK_COMM_LEN without NUL
constexpr unsigned long k_kernel_thread_flag = 0x0020'0000;  // PF_KTHREAD of the kernel's sched.h
constexpr uid_t k_first_user = 1000;                         // FIRST_UID of Debian's adduser.conf(5)
constexpr uid_t k_nobody = 65534;
constexpr std::size_t k_processes_per_clock_read = 64;

std::string_view directory_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_interpreter(std::string_view name) {
    return name.starts_with("perl") || name.starts_with("python") || name == "node";
}

// Returns: the script in "interpreter -options /path/to/script arguments".
std::string_view script_of(std::string_view arguments) {
    for (bool first = true; !arguments.empty(); first = false) {
        const auto argument = arguments.substr(0, arguments.find('\0'));
        if (!first && !argument.starts_with('-')) return argument;
        arguments.remove_prefix(std::min(arguments.size(), argument.size() + 1));
    }
    return {};
}

// Whether command or arguments name the program. The command is cut at 15 bytes. spamd sets Perl's $0, which puts the
// whole path or "spamd child" there.
bool claims_name(const Process& process, std::string_view name) {
    const auto word = [](std::string_view text) { return name_of(text.substr(0, text.find_first_of({" \0", 2}))); };
    return name_of(process.command) == name.substr(0, k_max_command) || matches(name, word(process.command)) ||
           matches(name, word(process.arguments)) || matches(name, name_of(script_of(process.arguments)));
}

bool is_system_user(uid_t owner) { return owner < k_first_user || owner == k_nobody; }

bool is_number(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_deleted(std::string_view path) {
    constexpr std::string_view k_mark = " (deleted)";
    if (path.ends_with(k_mark)) path.remove_suffix(k_mark.size());
    return path;
}

// Errors: the errno.
std::expected<std::string, int> target_of(int directory, const std::string& link) {
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlinkat(directory, link.c_str(), target.data(), target.size());
    if (length < 0) return std::unexpected(errno);
    return std::string(target.data(), static_cast<std::size_t>(length));
}

bool is_any_of(const Process& process, const std::vector<std::string>& names) {
    return std::ranges::any_of(names, [&](const auto& name) { return is_program(process, name); });
}

// Returns: the result of one read(2), which is a whole file of /proc if it is shorter than the buffer. Empty on error.
std::string_view read_once(int directory, const std::string& path, std::span<char> buffer) {
    const util::Fd file(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t length = file ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
    return {buffer.data(), length < 0 ? 0 : static_cast<std::size_t>(length)};
}

bool is_known_by_executable(const Process& process) {
    return process.executable && !is_interpreter(name_of(*process.executable));
}

// The command of a script is the interpreter, or a path that is cut off: Perl's $0. Its arguments are needed then.
bool may_be_script(const Process& process) {
    return process.executable || is_interpreter(process.command) || process.command.starts_with('/');
}

// Returns: the process with its executable, or else with its command and arguments, which is_confirmed() checks.
std::optional<Process> read_identity(int proc, const std::string& pid) {
    Process process;
    auto executable = target_of(proc, pid + "/exe");
    if (executable) process.executable = std::move(*executable);
    if (!executable && executable.error() == ENOENT) return {};  // a kernel thread, a zombie, or it has ended
    if (is_known_by_executable(process)) return process;
    std::array<char, k_max_arguments> buffer;
    process.command = read_once(proc, pid + "/comm", buffer);
    if (process.command.ends_with('\n')) process.command.pop_back();
    if (may_be_script(process)) process.arguments = read_once(proc, pid + "/cmdline", buffer);
    return process;
}

bool runs_in_container(int proc, const std::string& pid) {
    std::array<char, k_max_status> buffer;
    return is_in_container(read_once(proc, pid + "/status", buffer));
}

// Whether the process is one of `names`, and not in a container. It reads the stat file only if a name matches: that
// costs the kernel several times as much as the rest.
bool is_confirmed(int proc, const std::string& pid, const Process& process, const std::vector<std::string>& names) {
    if (!is_any_of(process, names) || runs_in_container(proc, pid)) return false;
    if (is_known_by_executable(process)) return true;
    std::array<char, k_max_stat> buffer;
    auto confirmed = parse_stat(read_once(proc, pid + "/stat", buffer));
    struct stat status{};
    if (!confirmed || ::fstatat(proc, pid.c_str(), &status, 0) != 0) return false;  // it has ended
    confirmed->owner = status.st_uid;
    confirmed->executable = process.executable;
    confirmed->arguments = process.arguments;
    return is_any_of(*confirmed, names);
}

// Returns: 0 if the process has ended.
std::uint64_t start_ticks_of(int proc, const std::string& pid) {
    std::array<char, k_max_stat> buffer;
    const auto process = parse_stat(read_once(proc, pid + "/stat", buffer));
    return process ? process->start_ticks : 0;
}

bool is_executable_file(const std::filesystem::path& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IXUSR) != 0;
}

// Whether the directory has an executable of this name, or one that matches it where it has a '*'.
bool has_executable(const std::filesystem::path& directory, const std::string& name) {
    if (name.find('*') == std::string::npos) return is_executable_file(directory / name);
    auto names = util::Directory::open(directory);
    if (!names) return false;
    for (auto one = names->next(); one && !one->empty(); one = names->next())
        if (matches(name, *one) && is_executable_file(directory / *one)) return true;
    return false;
}

bool installed(const std::filesystem::path& root, const Service& service) {
    return std::ranges::any_of(service.executables, [&](const std::string& name) {
        return std::ranges::any_of(k_program_directories, [&](std::string_view directory) {
            return has_executable(root / directory.substr(1), name);
        });
    });
}

util::Result<void> each_process(util::Directory& proc, const std::filesystem::path& path, util::BootTime deadline,
                                const std::function<void(const std::string& pid)>& visit) {
    std::size_t seen = 0;
    for (;;) {
        CEYMAIL_TRY_ASSIGN(const auto pid, proc.next());
        if (pid.empty()) return {};
        if (!is_number(pid)) continue;
        if (++seen > k_max_processes) {
            return util::fail(ErrorKind::exhausted, "cannot see which services run: more than " +
                                                        std::to_string(k_max_processes) + " processes");
        }
        if (seen % k_processes_per_clock_read == 0 && util::BootClock::now() >= deadline) {
            return util::fail(ErrorKind::timed_out,
                              "cannot see which services run: " + path.string() + " was not read through in time");
        }
        visit(std::string(pid));
    }
}

std::uint64_t ticks_per_second() {
    const long ticks = ::sysconf(_SC_CLK_TCK);
    return ticks > 0 ? static_cast<std::uint64_t>(ticks) : 100;
}

// With hidepid all services would seem to be down.
util::Result<void> require_whole_table(const std::filesystem::path& proc) {
    const auto init = util::read_file(proc / "1/stat", k_max_stat);
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
    // After the bracket: state ppid pgrp session tty_nr tpgid flags ... starttime, which proc(5) numbers from 3
    constexpr int k_state = 0, k_flags = 6, k_start = 19;
    auto rest = text.substr(close + 1);
    for (int field = k_state; field <= k_start; ++field) {
        const auto word = take_field(rest);
        if (word.empty()) return field > k_flags ? std::optional(process) : std::nullopt;
        if (field == k_state) process.state = word.front();
        if (field == k_flags) {
            unsigned long flags = 0;
            if (std::from_chars(word.data(), word.data() + word.size(), flags).ec != std::errc{}) return {};
            process.is_kernel_thread = (flags & k_kernel_thread_flag) != 0;
        }
        if (field == k_start) std::from_chars(word.data(), word.data() + word.size(), process.start_ticks);
    }
    return process;
}

std::optional<std::uint64_t> parse_boot_time(std::string_view text) {
    constexpr std::string_view k_line = "\nbtime ";
    const auto begin = text.find(k_line);
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin + k_line.size());
    return parse_unsigned(text.substr(0, text.find('\n')));
}

bool is_in_container(std::string_view status) {
    const auto line = find_line(status, "NSpid:\t");  // the kernel escapes line feeds in names here, proc(5)
    return line && line->find('\t') != line->rfind('\t');
}

bool is_program(const Process& process, std::string_view name) {
    if (name.empty() || process.is_kernel_thread || process.state == 'Z' || process.state == 'X') return false;
    if (!process.executable) return is_system_user(process.owner) && claims_name(process, name);
    const auto path = without_deleted(*process.executable);
    const bool has_name = matches(name, name_of(path)) || (is_interpreter(name_of(path)) &&
                                                           is_system_user(process.owner) && claims_name(process, name));
    return has_name && std::ranges::find(k_program_directories, directory_of(path)) != k_program_directories.end();
}

std::optional<pid_t> parse_master_pid(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    const auto pid = parse_unsigned(take_field(text));
    if (!pid || *pid == 0 || !std::in_range<pid_t>(*pid) || !text.empty()) return {};
    return static_cast<pid_t>(*pid);
}

ProcessTable::ProcessTable(std::filesystem::path root, std::filesystem::path proc,
                           std::vector<std::filesystem::path> queue_directories)
    : m_root(std::move(root)), m_proc(std::move(proc)), m_queue_directories(std::move(queue_directories)) {}

util::Result<ProcessTable::Main> ProcessTable::find_postfix(int proc) const {
    Main newest;
    for (const auto& queue_directory : m_queue_directories) {
        CEYMAIL_TRY_ASSIGN(auto main, find_instance(proc, queue_directory));
        if (main.pid.empty()) return main;
        if (main.ticks >= newest.ticks) newest = std::move(main);
    }
    return newest;
}

// Postfix's master locks the file while it runs. Testing the lock could make a starting master fail, so this reads the
// process instead.
util::Result<ProcessTable::Main> ProcessTable::find_instance(int proc,
                                                             const std::filesystem::path& queue_directory) const {
    const auto path = queue_directory / "pid/master.pid";
    const auto text = util::read_file(path, k_max_stat);
    if (!text && text.error().kind == ErrorKind::not_found) return Main{};
    if (!text) {
        return util::fail(
            text.error().kind,
            "cannot see whether Postfix runs: " + text.error().message + "; it takes root or CAP_DAC_READ_SEARCH",
            text.error().code);
    }
    const auto pid = parse_master_pid(*text);
    if (!pid) return Main{};  // a starting master has truncated it
    Main main{std::to_string(*pid)};
    const auto process = read_identity(proc, main.pid);
    if (!process || !is_confirmed(proc, main.pid, *process, {"master"})) return Main{};
    main.ticks = start_ticks_of(proc, main.pid);
    return main;
}

bool ProcessTable::still_runs(int proc, const Main& main, const Service& service) const {
    if (main.pid.empty() || main.ticks == 0 || start_ticks_of(proc, main.pid) != main.ticks) return false;
    const auto process = read_identity(proc, main.pid);
    return process && is_confirmed(proc, main.pid, *process, service.executables);
}

// Keeps the starts that were found before. Processes whose start is unknown have none.
void ProcessTable::find_starts(std::vector<Main>& mains) const {
    std::optional<std::uint64_t> boot_time;
    for (std::size_t i = 0; i < mains.size(); ++i) {
        auto& main = mains[i];
        if (main.ticks == 0 || main.start) continue;
        if (i < m_mains.size() && m_mains[i].pid == main.pid && m_mains[i].ticks == main.ticks)
            main.start = m_mains[i].start;
        if (main.start) continue;
        if (!boot_time) {
            const auto text = util::read_file(m_proc / "stat");
            boot_time = text ? parse_boot_time(*text) : std::nullopt;
        }
        if (!boot_time) return;
        main.start = std::chrono::seconds(*boot_time) + StartTime(main.ticks * 1'000'000 / ticks_per_second());
    }
}

util::Result<ServiceStates> ProcessTable::states(const std::vector<Service>& services, util::BootTime deadline) {
    CEYMAIL_TRY(require_whole_table(m_proc));
    CEYMAIL_TRY_ASSIGN(auto directory, util::Directory::open(m_proc));
    const int proc = directory.fd();
    ServiceStates states(services.size(), ServiceState::absent);
    std::vector<Main> mains(services.size());
    for (std::size_t i = 0; i < std::min(services.size(), m_mains.size()); ++i) {
        if (services[i].name == k_postfix || !still_runs(proc, m_mains[i], services[i])) continue;
        states[i] = ServiceState::up;
        mains[i] = m_mains[i];
    }
    const auto is_known = states;
    CEYMAIL_TRY(each_process(directory, m_proc, deadline, [&](const std::string& pid) {
        const auto process = read_identity(proc, pid);
        for (std::size_t i = 0; process && i < services.size(); ++i) {
            if (services[i].name == k_postfix || is_known[i] == ServiceState::up) continue;
            if (!is_confirmed(proc, pid, *process, services[i].executables)) continue;
            states[i] = ServiceState::up;
            const auto ticks = start_ticks_of(proc, pid);
            if (ticks != 0 && (mains[i].ticks == 0 || ticks < mains[i].ticks)) mains[i] = {pid, ticks};
        }
    }));
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (states[i] == ServiceState::up || !installed(m_root, services[i])) continue;
        states[i] = ServiceState::down;
        if (services[i].name != k_postfix) continue;
        CEYMAIL_TRY_ASSIGN(auto postfix, find_postfix(proc));
        if (postfix.pid.empty()) continue;
        states[i] = ServiceState::up;
        mains[i] = std::move(postfix);
    }
    find_starts(mains);
    m_mains = std::move(mains);
    return states;
}

StartTimes ProcessTable::start_times(const ServiceStates& states) {
    StartTimes starts(states.size());
    for (std::size_t i = 0; i < states.size(); ++i)
        if (states[i] == ServiceState::up) starts[i] = m_mains[i].start;
    return starts;
}

}  // namespace ceymail::collect
