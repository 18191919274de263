// SPDX-License-Identifier: MIT
// SegmentDirectory: the directory that contains the segment, and the plain files in it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/mapped_memory.hpp"
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

    // Returns: the id of this boot, for the header of a file; empty on a tmpfs, in which every file is of this boot.
    // Processes of one boot may see different ids: systemd-nspawn mounts an id for its machine, and a service with its
    // own /proc lacks that mount. So it is read only where a file can outlive the boot.
    [[nodiscard]] util::Result<std::string> boot_id() const;

    // Opens a file for reading and writing. Missing::is_created: makes a missing one, with mode 0600. Follows no
    // symlink.
    // Errors: not_found; denied: not a plain file, or of another owner than the directory.
    enum class Missing { is_error, is_created };
    [[nodiscard]] util::Result<util::Fd> open_file(const char* name, Missing missing) const;

    // Opens a file for reading. Follows no symlink.
    // Errors: as openat(2).
    [[nodiscard]] util::Result<util::Fd> open_to_read(const char* name) const;

    // Maps `size` bytes of the file `name` for reading and writing. Allocates all pages before, also in an existing
    // file: a hole raises SIGBUS when the file system is full. Errors: exhausted: no space.
    [[nodiscard]] util::Result<util::MappedMemory> map(const char* name, const util::Fd& file, std::size_t size) const;

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
