// SPDX-License-Identifier: MIT
// TemporaryDirectory: a directory of one test's own, gone with all that is in it when the test ends.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ceymail::testing {

// Made under $TMPDIR or /tmp, mode 0755, so that servers under another user can get in. Throws std::system_error.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return m_path; }
    [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const { return m_path / name; }

    // Writes NAME under the directory, making the directories on the way, and returns its path.
    std::filesystem::path write(const std::filesystem::path& name, std::string_view text,
                                std::filesystem::perms mode = std::filesystem::perms{0644}) const;

private:
    std::filesystem::path m_path;
};

// The whole file; throws when it cannot be read.
[[nodiscard]] std::string slurp(const std::filesystem::path& file);

}  // namespace ceymail::testing
