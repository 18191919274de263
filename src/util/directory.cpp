// SPDX-License-Identifier: MIT
#include "ceymail/util/directory.hpp"

#include <cerrno>

namespace ceymail::util {

Result<Directory> Directory::open(const std::filesystem::path& path) {
    Stream stream(::opendir(path.c_str()));  // owned before memory may run out
    if (!stream) return fail_errno(errno, "cannot read " + path.string());
    return Directory(path, std::move(stream));
}

Result<std::string_view> Directory::next() {
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(m_stream.get());
        if (entry == nullptr && errno != 0) return fail_errno(errno, "cannot read " + m_path.string());
        if (entry == nullptr) return std::string_view{};
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") return name;
    }
}

}  // namespace ceymail::util
