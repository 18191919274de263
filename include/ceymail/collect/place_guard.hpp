// SPDX-License-Identifier: MIT
// PlaceGuard: stops a collector from reading a bind mount whose source was moved or removed.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

// A mount, and the directory of its file system that is its root.
struct ShownMount {
    std::string id;
    std::string point;
    std::string root;
};

// Returns: the mounts in `mountinfo` at or above `path`, without that of "/". Source: proc(5), /proc/PID/mountinfo.
[[nodiscard]] std::vector<ShownMount> mounts_above(std::string_view mountinfo, const std::filesystem::path& path);

// Returns: the mount point of a mount that is in both and has another root now. The kernel reports the current name of
// a bound directory, so the directory was moved or removed.
[[nodiscard]] std::optional<std::string> moved(const std::vector<ShownMount>& before,
                                               const std::vector<ShownMount>& now);

// Wraps `collector`. In the unit's sandbox a directory is a bind mount from the host. If the host moves it, the sandbox
// still shows the old directory, and not its replacement. collect() then fails with conflict: what prepare() saw is
// right.
[[nodiscard]] std::unique_ptr<Collector> only_in_place(std::unique_ptr<Collector> collector,
                                                       std::vector<std::filesystem::path> paths,
                                                       std::filesystem::path mountinfo);

}  // namespace ceymail::collect
