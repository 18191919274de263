// SPDX-License-Identifier: MIT
// A lock that shows whether another instance of the program runs with the same runtime directory.
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
// Requires: this process opens and closes that file nowhere else, because each close(2) of it releases the lock.
// A record lock, fcntl(2), belongs to the process, and a forked child does not inherit it. So a child that hangs in the
// kernel, where SIGKILL has no effect, cannot prevent the next instance from starting. With flock(2), or a test whether
// a socket accepts connections, it could.
[[nodiscard]] util::Result<util::Fd> lock_instance(const std::filesystem::path& directory, const std::string& program,
                                                   const std::string& key);

// Returns: the process that holds the lock; none if there is none, or the file cannot be read.
[[nodiscard]] std::optional<pid_t> find_instance(const std::filesystem::path& directory);

}  // namespace ceymail::system
