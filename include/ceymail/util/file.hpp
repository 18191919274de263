// SPDX-License-Identifier: MIT
// Small whole files, such as those of /proc and the configuration.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::util {

// The whole file, from offset 0 to the end. `limit`: bytes; a longer file fails with ErrorKind::exhausted.
// Fails with the errno's kind and a message that names the path.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 1U << 20);

// Its first `most` bytes; fewer where it is shorter. What lies behind them is not read. Fails as read_file() does.
[[nodiscard]] Result<std::string> read_start(const std::filesystem::path& path, std::size_t most);

// Opens read-only with O_CLOEXEC.
[[nodiscard]] Result<Fd> open_to_read(const std::filesystem::path& path);

}  // namespace ceymail::util
