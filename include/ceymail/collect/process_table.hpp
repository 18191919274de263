// SPDX-License-Identifier: MIT
// ProcessTable: which services run, read from /proc, for hosts without systemd. proc(5).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ceymail/collect/service.hpp"

namespace ceymail::collect {

struct Process {
    std::string command;  // comm: at most 15 bytes, which the process can choose
    char state = '?';     // 'R', 'S', ..., 'Z' for a zombie
    bool is_kernel_thread = false;
    std::optional<std::string> executable;  // target of its exe link; none: no permission
    std::string arguments;                  // cmdline, each ends with NUL; the process can choose them
    uid_t owner = 0;
    std::uint64_t start_ticks = 0;  // since boot, in units of sysconf(_SC_CLK_TCK)
};

// Parses command, state, is_kernel_thread and start_ticks of PROC/<pid>/stat. The command may contain spaces and
// brackets. Returns: none for any other text.
[[nodiscard]] std::optional<Process> parse_stat(std::string_view text);

// Returns: the time of boot in the line "btime 1234" of PROC/stat, in seconds since 1970; none if there is no such
// line.
[[nodiscard]] std::optional<std::uint64_t> parse_boot_time(std::string_view text);

// Whether PROC/<pid>/status is that of a process in a child PID namespace, as in a container: its NSpid line has one
// pid for each namespace. All users may read that line; comparing PROC/<pid>/ns needs CAP_SYS_PTRACE. Kernels
// before 4.1 have no such line: the result is false.
[[nodiscard]] bool is_in_container(std::string_view status);

// Whether the process is the program `name` from one of the system's directories for programs.
//  - The executable that the kernel reports is used, even if the file was replaced or removed.
//  - The executable of a script is its interpreter, and that of another user's process needs CAP_SYS_PTRACE. Then
//    command and arguments are used.
// Security: command and arguments only count if the owner is a system user (uid below 1000, or 65534): any user may
// name a program `nginx`.
[[nodiscard]] bool is_program(const Process& process, std::string_view name);

// Returns: the pid in Postfix's pid/master.pid, "      1234\n"; none for any other text.
[[nodiscard]] std::optional<pid_t> parse_master_pid(std::string_view text);

// A service is installed if one of its executables is in /usr/{local/,}{sbin,bin}, /usr/libexec or
// /usr/lib/postfix/sbin. It is up if a process is one of its executables. Postfix is up if the process of
// pid/master.pid in each queue directory is a `master`: other programs have that name too, and a host may run several
// Postfix instances. Processes in a child PID namespace do not count. A mount namespace does not show a container,
// since services have one too (PrivateTmp=).
// The main process of a service is the oldest of its executables: others are its children, or commands of an
// administrator. It and its start are kept until it ends, so a step of the clock does not change the start.
// Threads: one at a time.
class ProcessTable final : public ServiceSource {
public:
    // `root`: prefix of the directories of programs, not of `proc` and the queue directories.
    ProcessTable(std::filesystem::path root, std::filesystem::path proc,
                 std::vector<std::filesystem::path> queue_directories);

    // Errors: denied: processes of other users are hidden (hidepid of proc(5)), or no permission for master.pid.
    // exhausted: more than 100,000 processes. timed_out. A process that ends meanwhile is no error.
    [[nodiscard]] util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                     util::BootTime deadline) override;

    [[nodiscard]] StartTimes start_times(const ServiceStates& states) override;

private:
    struct Main {
        std::string pid;  // empty: none
        std::uint64_t ticks = 0;
        std::optional<StartTime> start{};
    };
    [[nodiscard]] bool still_runs(int proc, const Main& main, const Service& service) const;
    void find_starts(std::vector<Main>& mains) const;
    // Returns: of several instances of Postfix the newest main process; none if one of them does not run.
    [[nodiscard]] util::Result<Main> find_postfix(int proc) const;
    [[nodiscard]] util::Result<Main> find_instance(int proc, const std::filesystem::path& queue_directory) const;

    std::filesystem::path m_root;
    std::filesystem::path m_proc;
    std::vector<std::filesystem::path> m_queue_directories;
    std::vector<Main> m_mains;  // of the last states(): one for each service
};

}  // namespace ceymail::collect
