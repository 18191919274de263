// SPDX-License-Identifier: MIT
// BackupsCollector: time and size of the newest archive in the directory of backups.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "ceymail/collect/collector.hpp"
#include "ceymail/collect/directory_stamp.hpp"

namespace ceymail::collect {

struct Backup {
    FileTime modified{};
    std::uint64_t bytes = 0;
};

// tar writes an archive under its final name. Its time of modification moves until it is complete.
inline constexpr std::chrono::minutes k_archive_rests{2};

// Whether it is the name of an archive or a dump: it ends in .tar, .sql, .zip or one of their kin, also compressed or
// encrypted. It does not begin with a dot, as CeyMail's leftovers do.
[[nodiscard]] bool is_archive_name(std::string_view name) noexcept;

// Looks at the regular files directly in `directory` that is_archive_name(). Opens none of them. One that was changed
// within the last k_archive_rests, or after `now`, is not finished. An empty one does not count.
// Returns: the last that was changed; none: there is none.
// Errors: exhausted: more than 20,000 names; timed_out; the kind of the errno. The message has the remedy.
[[nodiscard]] util::Result<std::optional<Backup>> newest_backup(const std::filesystem::path& directory, FileTime now,
                                                                util::BootTime deadline);

// ceymail_backup_last_timestamp_seconds, ceymail_backup_last_bytes. No family where there is no such directory, or no
// archive in it. The directory is read once a minute.
class BackupsCollector final : public Collector {
public:
    // `directory` empty: there is no family.
    explicit BackupsCollector(std::filesystem::path directory, util::ClockFunction now = util::BootClock::now,
                              FileClock file_clock = file_clock_now);

    [[nodiscard]] std::string_view name() const noexcept override { return "backups"; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;
    [[nodiscard]] std::vector<Finding> findings() const override;

private:
    std::filesystem::path m_directory;
    util::ClockFunction m_now;
    FileClock m_file_clock;
    std::optional<util::BootTime> m_read_at{};  // of the last success
    std::optional<Backup> m_newest{};
    bool m_is_there = false;  // the directory, at the last look
};

}  // namespace ceymail::collect
