// SPDX-License-Identifier: MIT
// ReaderClient: opens the logs, has the log reader read them, and checks what it left in shared memory.
// Process: the gatherer.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/maillog/reader_protocol.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

// Returns: whether an honest reader can have left this: counters that a double holds exactly, and a sum of delays that
// fits the buckets.
// Security: the reader parses lines of strangers. What passes may still be false counts, but is safe to publish.
[[nodiscard]] bool is_plausible(const Reading& reading) noexcept;

enum class JournalUse { never, without_file, always };

struct LogPaths {
    std::filesystem::path mail;      // empty: off, or the journal
    std::filesystem::path fail2ban;  // empty: off
    JournalUse journal = JournalUse::never;
    // A file that was read and is missing for this long is not only being rotated.
    std::chrono::nanoseconds missing_for = std::chrono::minutes{5};
};

// The mail log is a file, or the journal. With JournalUse::without_file it is the journal while there is no file:
//   - A file that appears has lines that were read from the journal. So the journal is read to its end, k_settle passes
//     for syslog to write, and the file is read from its end on. A line of that moment may be missing, none counts
//     twice.
//   - A file that is gone is followed by the journal, from the time of the file's last line on.
// Threads: one at a time.
class ReaderClient {
public:
    static constexpr std::uint64_t k_most_bytes = 32U << 20U;  // in one read()
    static constexpr std::chrono::milliseconds k_time_to_read{500};
    static constexpr std::chrono::milliseconds k_time_to_answer{1000};
    static constexpr std::chrono::milliseconds k_settle{200};

    // `socket`: the gatherer's end. Requires: `kept` outlives it.
    ReaderClient(int socket, const KeptReading& kept, LogPaths paths);

    // Has the reader read on, at most k_most_bytes or for k_time_to_read. A log that has not changed since it was read
    // to its end costs one stat(2), and the reader is not asked.
    // Returns: what the reader has left; null where no log has been seen yet.
    // Errors: those of open_log_files() for the mail log (trouble with Fail2ban's is logged, and it is left out);
    // timed_out: the reader does not answer; unavailable: it cannot read; invalid: its counters are impossible, and
    // the next request resets them; not_found: there is no journal, with JournalUse::always.
    [[nodiscard]] util::Result<const Reading*> read(util::BootTime deadline);

    // Returns: whether Fail2ban's log was there at the last read().
    [[nodiscard]] bool has_fail2ban() const noexcept { return m_has_fail2ban; }

    // Returns: CPU time of the reader for the last read(), as far as it can be true.
    [[nodiscard]] std::chrono::nanoseconds reader_cpu_time() const noexcept { return m_reader_cpu_time; }

private:
    enum class Source { file, journal, file_after_journal };

    [[nodiscard]] Source choose_source();
    util::Result<ReadOutcome> read_from(Source source, util::BootTime deadline);
    util::Result<ReadOutcome> leave_journal(util::BootTime deadline);
    [[nodiscard]] bool is_idle(Log log, const std::filesystem::path& path) const;
    [[nodiscard]] bool is_idle() const;
    util::Result<ReadOutcome> read_file(util::BootTime deadline);
    util::Result<ReadOutcome> ask(Source source, util::BootTime deadline);
    util::Result<ReadOutcome> await(std::uint64_t number, util::BootTime deadline);
    [[nodiscard]] Position last_position(Log log) const;
    [[nodiscard]] std::vector<util::Fd> open_fail2ban();
    util::Result<void> load();

    int m_socket;
    const KeptReading& m_kept;
    LogPaths m_paths;
    std::unique_ptr<Reading> m_reading;
    std::uint64_t m_number;
    std::optional<util::BootTime> m_missing_since;
    bool m_reset = false;
    bool m_has_fail2ban = false;
    bool m_fail2ban_logged = false;
    std::chrono::nanoseconds m_reader_cpu_time{};
};

}  // namespace ceymail::maillog
