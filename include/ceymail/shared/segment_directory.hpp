// SPDX-License-Identifier: MIT
// SegmentDirectory: the directory that holds the segment, and the plain files in it. Every path is looked up once,
// here.
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::shared {

// Owns the directory's descriptor: what happens to the path to it afterwards does not matter.
class SegmentDirectory {
public:
    // not_found: no such directory; denied: no directory, a symlink, or others than its owner may write there.
    [[nodiscard]] static util::Result<SegmentDirectory> open(const std::filesystem::path& path);

    [[nodiscard]] uid_t owner() const noexcept { return m_owner; }

    // True of a tmpfs: whatever lies in it is of this boot.
    [[nodiscard]] bool is_in_memory() const noexcept;

    // For reading and writing; a missing one may be made, with mode 0600. Never follows a symlink.
    // not_found; denied: not a plain file, or not the directory's owner's.
    enum class Missing { is_error, is_created };
    [[nodiscard]] util::Result<util::Fd> open_file(const char* name, Missing missing) const;

    // For reading alone. Never follows a symlink. not_found.
    [[nodiscard]] util::Result<util::Fd> open_to_read(const char* name) const;

    // True when `name` still leads to the file behind `fd`.
    [[nodiscard]] bool names(const char* name, int fd) const noexcept;

    // rename(2) within the directory. conflict: `to` exists and `existing` is kept.
    enum class Existing { kept, replaced };
    [[nodiscard]] util::Result<void> rename(const char* from, const char* to, Existing existing) const;
    void remove(const char* name) const noexcept;

    // For messages.
    [[nodiscard]] std::string path_of(const char* name) const { return (m_path / name).string(); }
    [[nodiscard]] std::string path() const { return m_path.string(); }

private:
    SegmentDirectory(std::filesystem::path path, util::Fd fd, uid_t owner) noexcept;

    std::filesystem::path m_path;
    util::Fd m_fd;
    uid_t m_owner;
};

}  // namespace ceymail::shared
