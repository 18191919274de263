// SPDX-License-Identifier: MIT
// The lock by which a program knows whether another instance runs with the same runtime directory.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Locks DIRECTORY/lock for this process. For the message: `program`, and the configuration `key` of the directory.
// Returns: the file, which must stay open as long as the process serves.
// Errors: conflict: another process holds the lock; else as open(2) and fcntl(2) say.
// Requires: this process opens and closes that file nowhere else, because each close(2) of it gives the lock up.
// A record lock, fcntl(2), belongs to the process that took it. A forked child does not have it, also where it still
// has the descriptor. So a child that hangs in the kernel, where no SIGKILL reaches it, cannot keep the next
// instance from starting. flock(2) is shared with children until all have closed the file. A socket that can be
// connected to proves nothing: such a child keeps it listening.
[[nodiscard]] util::Result<util::Fd> lock_instance(const std::filesystem::path& directory, const std::string& program,
                                                   const std::string& key);

// Returns: the process that holds the lock; none where no process does, or the file cannot be read.
[[nodiscard]] std::optional<pid_t> find_instance(const std::filesystem::path& directory);

}  // namespace ceymail::system
