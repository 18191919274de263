// SPDX-License-Identifier: MIT
// Landlock: limits the access of this process to files and TCP. Source: landlock(7).
// This room: what the kernel grants to a process: users, capabilities, files, system calls, signals; and the runtime
// directory with its lock.
// Processes: those of all programs; limits are set at their start.
// May touch: the state of the process, and the runtime directory.
// Attackers: a process under an attacker's control tries to undo these limits. All of them are permanent.
#pragma once

#include <filesystem>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

enum class Tcp { forbidden, allowed };

// Forbids to execute, to write and to open files, except for reading beneath `readable` and for listing directories
// beneath `listable`. It is permanent, for this
// thread, those that it starts, and all their children. For a path that does not exist, the nearest existing directory
// above is readable. Open descriptors, stat(2), statvfs(2) and connections to Unix sockets stay allowed. Errors:
// unavailable: the kernel has no Landlock (before 5.13, or lsm= does not name it); else as landlock(7) says. Requires:
// no_new_privs.
[[nodiscard]] util::Result<void> allow_only(const std::vector<std::filesystem::path>& readable, Tcp tcp,
                                            const std::vector<std::filesystem::path>& listable = {});

// Returns: whether the kernel has Landlock.
[[nodiscard]] bool has_landlock() noexcept;

// Returns: the paths that each role may read. At those of `hanging` they do not look, and leave them out.
[[nodiscard]] std::vector<std::filesystem::path> readable_by_worker(const config::Configuration& configuration);
[[nodiscard]] std::vector<std::filesystem::path> readable_by_gatherer(
    const config::Configuration& configuration, const std::vector<std::filesystem::path>& hanging = {});
// Returns: where the gatherer looks for certificates that the configuration does not name.
[[nodiscard]] std::vector<std::filesystem::path> directories_of_servers(const config::Configuration& configuration);
// Returns: the directories of backups, whose files it must not open.
[[nodiscard]] std::vector<std::filesystem::path> listable_by_gatherer(
    const config::Configuration& configuration, const std::vector<std::filesystem::path>& hanging = {});
// Where /var/log/journal is missing this is all of /var/log, so that a journal that is made later is seen.
[[nodiscard]] std::vector<std::filesystem::path> readable_by_journal_reader(const config::Configuration& configuration);

}  // namespace ceymail::system
