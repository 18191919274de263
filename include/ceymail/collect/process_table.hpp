// SPDX-License-Identifier: MIT
// ProcessTable: which services run, read from /proc, for machines on which no systemd runs. proc(5).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ceymail/collect/service.hpp"
#include "ceymail/util/directory.hpp"

namespace ceymail::collect {

struct Process {
    std::string command;                    // comm: at most 15 bytes, of its own choosing
    char state = '?';                       // 'R', 'S', ..., 'Z' for a zombie
    bool of_kernel = false;                 // a kernel thread
    std::optional<std::string> executable;  // where its exe link leads; no value: we may not know
    std::string arguments;                  // cmdline, each ends with NUL; of its own choosing
    uid_t owner = 0;
};

// The fields of PROC/<pid>/stat that count: command, state, of_kernel. The command may hold spaces and brackets.
[[nodiscard]] std::optional<Process> parse_stat(std::string_view text);

// Whether PROC/<pid>/status is that of a process in a PID namespace below the one that PROC shows, as those of
// containers are: its NSpid line has a pid for each. Every user may read that line; comparing PROC/<pid>/ns takes
// CAP_SYS_PTRACE. Kernels without the line (before 4.1) tell of none.
[[nodiscard]] bool is_in_container(std::string_view status);

// Whether the process is the program `name` of one of the system's directories for programs. Pure.
//  - What the kernel says of its executable is believed, also when the file has since been replaced or removed.
//  - A script is its interpreter to the kernel, and another user's executable may not be known (that takes
//    CAP_SYS_PTRACE). Then the words of the process itself count, command and arguments, but only if its owner is
//    a user of the system (below 1000, or nobody): everybody may call a program of his own `nginx`.
[[nodiscard]] bool is_program(const Process& process, std::string_view name);

// The pid in Postfix's pid/master.pid, "      1234\n".
[[nodiscard]] std::optional<pid_t> parse_master_pid(std::string_view text);

// One thread at a time; keeps nothing between calls. A service is installed if one of its executables stands in
// /usr/{local/,}{sbin,bin}, /usr/libexec or /usr/lib/postfix/sbin, and up if a process is one of them. Postfix is up
// if in each of the queue directories the process of pid/master.pid is a `master`: other programs bear that name, and
// one machine may have several Postfix. The processes of containers do not count, unless the container shares the
// machine's PID namespace: a mount namespace of its own is no sign, since services have that too (PrivateTmp=).
class ProcessTable final : public ServiceSource {
public:
    // `root`: before the directories of programs; `proc` and the queue directories are taken as they are.
    ProcessTable(std::filesystem::path root, std::filesystem::path proc,
                 std::vector<std::filesystem::path> queue_directories);

    // Errors: denied where other users' processes are hidden (hidepid of proc(5)) or master.pid may not be read;
    // exhausted above 100,000 processes; timed_out. Processes that end meanwhile are no error.
    [[nodiscard]] util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                     util::BootTime deadline) override;

private:
    [[nodiscard]] util::Result<void> each_process(util::Directory& proc, util::BootTime deadline,
                                                  const std::function<void(const std::string& pid)>& visit) const;
    [[nodiscard]] bool installed(const Service& service) const;
    [[nodiscard]] util::Result<bool> postfix_runs(int proc) const;
    [[nodiscard]] util::Result<bool> instance_runs(int proc, const std::filesystem::path& queue_directory) const;

    std::filesystem::path m_root;
    std::filesystem::path m_proc;
    std::vector<std::filesystem::path> m_queue_directories;
};

}  // namespace ceymail::collect
