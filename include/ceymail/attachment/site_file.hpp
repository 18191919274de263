// SPDX-License-Identifier: MIT
// SiteFile: a site's file, read at once and replaced completely or not at all.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "ceymail/attachment/failure.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::attachment {

class SiteFile {
public:
    // Follows symbolic links: the file behind them is read and replaced, and the links stay.
    // Errors: EX_NOINPUT: it does not exist, is no regular file, has another hard link, is behind a loop of links, or
    // is longer than 4 MiB; EX_NOPERM.
    [[nodiscard]] static Outcome<SiteFile> open(const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return m_path; }  // of the file itself
    [[nodiscard]] const std::string& text() const noexcept { return m_text; }

    // Replaces the file by one with `text` and the same owner, group, mode and extended attributes, by rename(2).
    // Errors: EX_TEMPFAIL: the file changed since open(); EX_CANTCREAT: the directory cannot be written, the disk is
    // full. The file is then as before.
    [[nodiscard]] Outcome<void> replace(std::string_view text) const;

    // Returns: whether another program wrote to the file that open() opened, also after replace() took its name.
    [[nodiscard]] bool was_written_since() const noexcept;
    // Returns: when the file was written, owned or renamed last.
    [[nodiscard]] std::chrono::system_clock::time_point changed_at() const noexcept;

private:
    SiteFile(std::filesystem::path path, util::Fd fd, struct stat status) noexcept
        : m_path(std::move(path)), m_fd(std::move(fd)), m_status(status) {}

    std::filesystem::path m_path;
    util::Fd m_fd;
    struct stat m_status{};
    std::string m_text;
};

// Gives the file a second name, by which the file itself comes back after replace(): put_aside_back() needs no room on
// the disk. The name begins with a dot, so that no web server reads it. A name left by a killed process is taken over.
// Errors: EX_CANTCREAT.
[[nodiscard]] Outcome<void> set_aside(const std::filesystem::path& path);
[[nodiscard]] Outcome<void> put_aside_back(const std::filesystem::path& path);
void forget_aside(const std::filesystem::path& path) noexcept;
[[nodiscard]] std::filesystem::path aside_name(const std::filesystem::path& path);

// Writes `text` to `path` by a temporary file in its directory, fsync(2) and rename(2). Mode `mode` less the umask,
// owned by this process. Errors: EX_CANTCREAT.
[[nodiscard]] Outcome<void> write_file(const std::filesystem::path& path, std::string_view text, mode_t mode);

}  // namespace ceymail::attachment
