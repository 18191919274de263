// SPDX-License-Identifier: MIT
// Which files the journal of the system has. Source: the names that journald gives, systemd-journald.service(8).
// Process: as of Journal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

struct sd_journal;

namespace ceymail::journal {

// Returns: the files of the system, sorted; those of a user are left out. None where no directory can be read.
// `directory`: as of Journal.
[[nodiscard]] std::vector<std::string> list_files(const std::string& directory);

// Returns: whether journald writes nothing into it any more, by its name.
[[nodiscard]] bool is_archived(std::string_view path) noexcept;

// Returns: 0, or a negative errno of libsystemd: of the first file that it refuses.
int open_files(const std::vector<std::string>& paths, sd_journal*& opened);
[[nodiscard]] bool can_open(const std::string& path);

}  // namespace ceymail::journal
