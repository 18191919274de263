// SPDX-License-Identifier: MIT
// SecretFile: a file for a secret that is there whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::token {

enum class Existing { refuse, replace };

// Written beside its target, as TARGET.new, and moved there by keep(): until then nothing else has changed. TARGET.new
// is removed by the destructor and by a signal that ends the process. SIGKILL and a crash of the host leave it. It also
// keeps two commands apart that write the same file: the second one is refused.
class SecretFile {
public:
    // `refuse`: conflict where anything of that name is there.
    // `replace`: the new file gets owner, group, mode and POSIX ACL of the one that is there; denied where it cannot,
    // conflict where that is no regular file. A new name is made with mode 0600.
    [[nodiscard]] static util::Result<SecretFile> make(const std::filesystem::path& path, Existing existing);
    SecretFile(SecretFile&& other) noexcept;
    SecretFile& operator=(SecretFile&&) = delete;
    ~SecretFile();

    // One after the other, then down to the disk.
    [[nodiscard]] util::Result<void> write(const std::vector<std::string_view>& parts);

    // Moves it to its target, and the directory's entry down to the disk. After an error TARGET.new stays where it
    // could not be moved, and the message names it.
    [[nodiscard]] util::Result<void> keep();

    // Leaves TARGET.new as it is. Returns its name.
    [[nodiscard]] std::filesystem::path leave() noexcept;

    // For the user that shall read it; needs root.
    [[nodiscard]] util::Result<void> give_to(unsigned uid, unsigned gid);

    [[nodiscard]] bool replaces() const noexcept { return m_replaces; }
    [[nodiscard]] bool open_to_others() const noexcept;

private:
    SecretFile(std::filesystem::path target, std::filesystem::path written, util::Fd fd) noexcept;
    [[nodiscard]] util::Result<void> be_like_target();

    std::filesystem::path m_target;
    std::filesystem::path m_written;  // empty once kept or left
    util::Fd m_fd;
    bool m_replaces = false;
};

// All parts to `fd`, without a copy that would have to be wiped.
[[nodiscard]] util::Result<void> write_all(int fd, const std::vector<std::string_view>& parts, std::string_view what);

}  // namespace ceymail::token
