// SPDX-License-Identifier: MIT
// Reads and replaces small files, such as those in /proc, the configuration and the state.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::util {

// Returns: the whole file. Units: `limit` in bytes.
// Errors: exhausted: the file is longer than `limit`. Others: the kind of the errno. The path is in the message.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 1U << 20);

// Returns: the first `limit` bytes, or the whole file if it is shorter. Errors: the kind of the errno.
[[nodiscard]] Result<std::string> read_start(const std::filesystem::path& path, std::size_t limit);

// Writes PATH.new, mode 0644 less the umask, and renames it to PATH, with fsync(2) of file and directory: after a crash
// of the host PATH has the old text or the new one. A PATH.new of a killed process is taken over.
// Errors: the kind of the errno; the path is in the message. PATH has the old text then, and PATH.new is removed.
// Threads: one for a path.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, std::string_view text);

// fsync(2) of the directory of `file`, after a rename in it. Does nothing where the file system has no such call, or
// the directory cannot be opened for reading.
[[nodiscard]] Result<void> sync_directory_of(const std::filesystem::path& file);

// Opens read-only with O_CLOEXEC. Errors: as read_start().
[[nodiscard]] Result<Fd> open_to_read(const std::filesystem::path& path);

}  // namespace ceymail::util
