// SPDX-License-Identifier: MIT
// SecretFile: writes a secret to a file completely or not at all.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include <pwd.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::token {

enum class Existing { refuse, replace };

// Writes TARGET.new; keep() renames it to TARGET. The destructor removes TARGET.new, and so does a signal that ends the
// process: SIGINT, SIGTERM, SIGHUP, SIGQUIT. SIGKILL and a crash of the host leave it. While it exists, a second
// command for the same target is refused.
class SecretFile {
public:
    // `refuse`: the target must not exist. `replace`: the new file gets owner, group, mode and POSIX ACL of the target.
    // A new target gets mode 0600.
    // Errors: conflict: the target exists (refuse), is no regular file (replace), or TARGET.new exists; denied: the
    // attributes cannot be copied.
    [[nodiscard]] static util::Result<SecretFile> make(const std::filesystem::path& path, Existing existing);

    // Makes `path` of `parts`. `reader`: the user who gets the file, which requires root; null: this one.
    // Errors: conflict: `path` exists; those of the other functions.
    [[nodiscard]] static util::Result<void> write_new(const std::filesystem::path& path,
                                                      const std::vector<std::string_view>& parts,
                                                      const passwd* reader = nullptr);

    SecretFile(SecretFile&& other) noexcept;
    SecretFile& operator=(SecretFile&&) = delete;
    ~SecretFile();

    // Writes the parts in order, then calls fsync(2).
    [[nodiscard]] util::Result<void> write(const std::vector<std::string_view>& parts);

    // Renames TARGET.new to TARGET and syncs the directory.
    // Errors: TARGET.new remains if the rename failed, and the message names it.
    [[nodiscard]] util::Result<void> keep();

    // Keeps TARGET.new in place. Returns: its name.
    [[nodiscard]] std::filesystem::path release() noexcept;

    [[nodiscard]] bool replaces() const noexcept { return m_replaces; }
    [[nodiscard]] bool open_to_others() const noexcept;

private:
    SecretFile(std::filesystem::path target, std::filesystem::path written, util::Fd fd) noexcept;
    [[nodiscard]] util::Result<void> copy_target_attributes();

    std::filesystem::path m_target;
    std::filesystem::path m_written;  // empty after keep() or release()
    util::Fd m_fd;
    bool m_replaces = false;
};

// Blocks the signals that remove TARGET.new until the process exits, because the rest must not be interrupted.
void hold_signals() noexcept;

// Writes all parts to `fd` without a copy, which would have to be wiped. `what`: the name for the error message.
[[nodiscard]] util::Result<void> write_all(int fd, const std::vector<std::string_view>& parts, std::string_view what);

}  // namespace ceymail::token
