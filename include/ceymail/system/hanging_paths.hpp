// SPDX-License-Identifier: MIT
// Paths that hang, such as those on a dead mount: a process must not look at them before it serves.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <vector>

#include "ceymail/config/configuration.hpp"

namespace ceymail::system {

// Calls stat(2) for each of `paths`, in threads of its own. Returns: those without an answer within `patience`, or
// twice that where some hang. If there are such, `on_answer` is called once, in one of these threads, when all have
// answered after all. A thread of a dead mount lives as long as that is dead. Without a thread: none.
[[nodiscard]] std::vector<std::filesystem::path> hanging_paths(std::vector<std::filesystem::path> paths,
                                                               std::chrono::nanoseconds patience,
                                                               std::function<void()> on_answer);

// Returns: the configured paths that Landlock's rules of the gatherer are made of.
[[nodiscard]] std::vector<std::filesystem::path> paths_of_gatherer(const config::Configuration& configuration);

// Returns: `configuration` without `paths`.
[[nodiscard]] config::Configuration without_paths(config::Configuration configuration,
                                                  const std::vector<std::filesystem::path>& paths);

}  // namespace ceymail::system
