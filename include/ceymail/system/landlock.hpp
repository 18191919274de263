// SPDX-License-Identifier: MIT
// Landlock: takes from this process every way to files and TCP but what it needs. landlock(7).
#pragma once

#include <filesystem>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

enum class Tcp { forbidden, allowed };

// For this thread, those that it starts and all their children, for good: nothing is executed or written any more,
// and nothing opened but for reading beneath `readable`. One that is not there stands for the directory in which it
// would appear. Not concerned: open descriptors, stat(2), statvfs(2), and connecting to Unix sockets. Requires
// no_new_privs. unavailable: the kernel has none (before 5.13, or lsm= without landlock).
[[nodiscard]] util::Result<void> allow_only(const std::vector<std::filesystem::path>& readable, Tcp tcp);

// True where the kernel has it.
[[nodiscard]] bool has_landlock() noexcept;

// What the roles read.
[[nodiscard]] std::vector<std::filesystem::path> readable_by_worker(const config::Configuration& configuration);
[[nodiscard]] std::vector<std::filesystem::path> readable_by_gatherer(const config::Configuration& configuration);

}  // namespace ceymail::system
