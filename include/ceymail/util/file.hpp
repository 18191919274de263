// SPDX-License-Identifier: MIT
// Reads small files, such as those in /proc and the configuration.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::util {

// Returns: the whole file. Units: `limit` in bytes.
// Errors: exhausted: the file is longer than `limit`. Others: the kind of the errno. The path is in the message.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 1U << 20);

// Returns: the first `limit` bytes, or the whole file if it is shorter. Errors: the kind of the errno.
[[nodiscard]] Result<std::string> read_start(const std::filesystem::path& path, std::size_t limit);

// Opens read-only with O_CLOEXEC. Errors: as read_start().
[[nodiscard]] Result<Fd> open_to_read(const std::filesystem::path& path);

}  // namespace ceymail::util
