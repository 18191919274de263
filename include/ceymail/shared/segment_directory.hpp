// SPDX-License-Identifier: MIT
// SegmentDirectory: the directory that contains the segment, and the plain files in it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::shared {

// Owns the directory's descriptor. A later change of the path to the directory has no effect.
class SegmentDirectory {
public:
    // `key`: that names the directory, for the message.
    // Errors: not_found; denied: not a directory, a symlink, or writable by group or others.
    [[nodiscard]] static util::Result<SegmentDirectory> open(const std::filesystem::path& path,
                                                             std::string_view key = "runtime_directory");

    [[nodiscard]] uid_t owner() const noexcept { return m_owner; }

    // True for a tmpfs, in which every file is of this boot.
    [[nodiscard]] bool is_in_memory() const noexcept;

    // Opens a file for reading and writing. Missing::is_created: makes a missing one, with mode 0600. Follows no
    // symlink.
    // Errors: not_found; denied: not a plain file, or of another owner than the directory.
    enum class Missing { is_error, is_created };
    [[nodiscard]] util::Result<util::Fd> open_file(const char* name, Missing missing) const;

    // Opens a file for reading. Follows no symlink.
    // Errors: as openat(2).
    [[nodiscard]] util::Result<util::Fd> open_to_read(const char* name) const;

    // True when `name` is still the file behind `fd`.
    [[nodiscard]] bool names(const char* name, int fd) const noexcept;

    // rename(2) within the directory.
    // Errors: conflict: `to` exists and `existing` is Existing::kept.
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
