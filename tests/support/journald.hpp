// SPDX-License-Identifier: MIT
// Journald: a real systemd-journald in a mount namespace of its own, which writes into a directory of the test.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// Requires: root. Without a limit on the rate of lines. Throws std::runtime_error where it does not come up.
class Journald {
public:
    enum class Storage { persistent, volatile_only, volatile_until_flush };

    explicit Journald(Storage storage = Storage::persistent);
    ~Journald();

    // The directory with the files, as journald names it below /var/log/journal or /run/log/journal.
    [[nodiscard]] std::filesystem::path persistent() const;
    [[nodiscard]] std::filesystem::path runtime() const;
    [[nodiscard]] std::filesystem::path directory() const;  // the one of the storage

    // Writes a line of syslog, facility mail, as a process of `user`. Returns when journald has stored it.
    void log(const std::string& identifier, const std::string& text, uid_t user = 0) const;
    // The same with another facility than mail.
    void log_other(const std::string& identifier, const std::string& text) const;
    // The same by journald's own protocol: MESSAGE may have any bytes.
    void log_natively(const std::string& identifier, const std::string& message) const;
    // The lines of a text as a service that prints them at once.
    void log_by_stream(const std::string& identifier, const std::string& lines) const;
    // Many lines, without waiting.
    void log_many(const std::string& identifier, const std::string& text, int count) const;
    void sync() const;  // waits until all that was sent is stored

    void rotate() const;  // closes the files and begins others
    void flush();         // from the volatile to the persistent files
    void vacuum() const;  // deletes all files but those that are written to
    [[nodiscard]] int files() const;

private:
    [[nodiscard]] std::filesystem::path socket(const char* name) const;

    TemporaryDirectory m_directory;
    Storage m_storage;
    std::optional<ChildProcess> m_process;
};

}  // namespace ceymail::testing
