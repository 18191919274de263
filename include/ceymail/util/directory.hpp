// SPDX-License-Identifier: MIT
// Directory: the names in a directory, one after the other.
#pragma once

#include <dirent.h>

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "ceymail/util/result.hpp"

namespace ceymail::util {

// In the place of std::filesystem::directory_iterator, which libstdc++ lets end the program (std::terminate) when it
// is out of memory between two entries. Move only; one thread at a time.
class Directory {
public:
    // Fails with the errno's kind and a message that names the path.
    [[nodiscard]] static Result<Directory> open(const std::filesystem::path& path);

    // The next name, in no order and without "." and ".."; empty after the last. Valid until the next call.
    // Names that come or go meanwhile may be told or not, readdir(3).
    [[nodiscard]] Result<std::string_view> next();

    [[nodiscard]] int fd() const noexcept { return ::dirfd(m_stream.get()); }  // for openat(2) and its like

private:
    struct Close {
        void operator()(DIR* stream) const noexcept { ::closedir(stream); }
    };
    Directory(std::filesystem::path path, DIR* stream) : m_path(std::move(path)), m_stream(stream) {}

    std::filesystem::path m_path;
    std::unique_ptr<DIR, Close> m_stream;
};

}  // namespace ceymail::util
