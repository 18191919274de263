// SPDX-License-Identifier: MIT
// Directory: iterates over the names in a directory.
#pragma once

#include <dirent.h>

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "ceymail/util/result.hpp"

namespace ceymail::util {

// Replaces std::filesystem::directory_iterator, which calls std::terminate in libstdc++ if memory is exhausted between
// two entries. Move only. Threads: one at a time.
class Directory {
public:
    // Errors: the kind of the errno; the path is in the message.
    [[nodiscard]] static Result<Directory> open(const std::filesystem::path& path);

    // Returns: the next name, in no order and without "." and ".."; empty after the last. Valid until the next call.
    // Names that are added or removed meanwhile may be missing or not, readdir(3).
    [[nodiscard]] Result<std::string_view> next();

    [[nodiscard]] int fd() const noexcept { return ::dirfd(m_stream.get()); }  // for openat(2) and similar

private:
    struct Close {
        void operator()(DIR* stream) const noexcept { ::closedir(stream); }
    };
    using Stream = std::unique_ptr<DIR, Close>;
    Directory(std::filesystem::path path, Stream stream) : m_path(std::move(path)), m_stream(std::move(stream)) {}

    std::filesystem::path m_path;
    Stream m_stream;
};

}  // namespace ceymail::util
