// SPDX-License-Identifier: MIT
// InitRecord: root's files in the state directory about `init` on this host.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::token {

// STATE_DIRECTORY/init says that init has succeeded here. Its presence is the condition of
// ceymail-metrics-init.service. STATE_DIRECTORY/init-message is the last message of `init --if-missing`. Security: only
// root may write to the directory.
class InitRecord {
public:
    struct Succeeded {
        bool settings = false;  // also with --settings
    };

    explicit InitRecord(std::filesystem::path state_directory) : m_directory(std::move(state_directory)) {}

    // Returns: no value if init has not succeeded here. Errors: those of reading the file.
    [[nodiscard]] util::Result<std::optional<Succeeded>> read() const;

    // Does nothing where the directory is missing, as without the package. Errors: those of writing.
    [[nodiscard]] util::Result<void> write(Succeeded succeeded) const;

    // Returns: whether `message` is another than that of the last call, in which case it is recorded.
    [[nodiscard]] bool is_new(const std::string& message) const;

private:
    std::filesystem::path m_directory;
};

}  // namespace ceymail::token
