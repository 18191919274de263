// SPDX-License-Identifier: MIT
// PlaceGuard: keeps a collector from reading a directory that is no longer the one of that name.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

// A mount, and which directory of its file system it shows.
struct ShownMount {
    std::string id;
    std::string point;
    std::string root;
};

// Those of `mountinfo` that `path` lies on, but for that of "/". Source: proc(5), /proc/PID/mountinfo.
[[nodiscard]] std::vector<ShownMount> mounts_above(std::string_view mountinfo, const std::filesystem::path& path);

// The point of a mount that is in both and shows another directory now: the kernel tells a bound directory by the
// name that it has now, so it was moved or removed since.
[[nodiscard]] std::optional<std::string> moved(const std::vector<ShownMount>& before,
                                               const std::vector<ShownMount>& now);

// Within the unit's sandbox a directory is bound from the host. Moved there, it is still what the sandbox shows, and
// what has taken its place is not. Then `collector` fails with conflict instead of telling of the old directory.
[[nodiscard]] std::unique_ptr<collect::Collector> only_in_place(std::unique_ptr<collect::Collector> collector,
                                                                std::vector<std::filesystem::path> paths,
                                                                std::filesystem::path mountinfo);

}  // namespace ceymail::collect
