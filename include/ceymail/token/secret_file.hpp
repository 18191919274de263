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

// Mode 0600 from the first moment. What was written is taken away again by the destructor, unless keep() succeeded.
// `refuse`: the file itself is made at once, so that nobody else can take its name; conflict where it is there.
// `replace`: written beside it under another name, and moved over it by keep(), so that until then the old one stays.
class SecretFile {
public:
    [[nodiscard]] static util::Result<SecretFile> make(const std::filesystem::path& path, Existing existing);
    SecretFile(SecretFile&& other) noexcept;
    SecretFile& operator=(SecretFile&&) = delete;
    ~SecretFile();

    // One after the other, then down to the disk.
    [[nodiscard]] util::Result<void> write(const std::vector<std::string_view>& parts);
    [[nodiscard]] util::Result<void> keep();

    // For the user that shall read it; needs root.
    [[nodiscard]] util::Result<void> give_to(unsigned uid, unsigned gid);

private:
    SecretFile(std::filesystem::path target, std::filesystem::path written, util::Fd fd) noexcept;

    std::filesystem::path m_target;
    std::filesystem::path m_written;  // empty once kept
    util::Fd m_fd;
};

// All parts to `fd`, without a copy that would have to be wiped.
[[nodiscard]] util::Result<void> write_all(int fd, const std::vector<std::string_view>& parts, std::string_view what);

}  // namespace ceymail::token
