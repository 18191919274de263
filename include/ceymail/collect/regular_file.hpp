// SPDX-License-Identifier: MIT
// Opens files that must be regular ones, by paths that others may have filled with anything.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

struct RegularFile {
    util::Fd fd;
    struct stat status{};
};

// Opens read-only and follows symbolic links. What is no regular file is not opened: that could block, as a FIFO does,
// or have an effect, as a device may.
// Errors: invalid: no regular file; else the kind of the errno. The message is the cause alone.
[[nodiscard]] util::Result<RegularFile> open_regular(const std::filesystem::path& path);

// Reads from the current offset until the end of the file or of `buffer`. Returns: how many bytes.
// Errors: the kind of the errno. The message is the cause alone.
[[nodiscard]] util::Result<std::size_t> read_into(const util::Fd& fd, std::span<char> buffer);

// Returns: the whole file. Errors: as above; exhausted: it is longer than `limit` bytes.
[[nodiscard]] util::Result<std::string> read_regular(const RegularFile& file, std::size_t limit);

}  // namespace ceymail::collect
