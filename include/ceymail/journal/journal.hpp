// SPDX-License-Identifier: MIT
// Journal: the lines of the mail facility in systemd's journal, each once.
// Process: the journal reader, and `--check` to see whether the journal can be read. It parses no line. It may open the
// journal's files.
// Attackers: every program of the host writes entries; journald writes the files and adds who wrote an entry. A log
// reader under an attacker's control asks for any position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/journal/position.hpp"
#include "ceymail/util/result.hpp"

struct sd_journal;

namespace ceymail::journal {

// Longer messages are cut, as rsyslog does.
inline constexpr std::size_t k_longest_message = 8U << 10U;
inline constexpr std::size_t k_longest_identifier = 256;

// Returns: whether an entry counts as one of the mail system. `uid`: _UID, the kernel's word on who sent the line.
// `unit`: _SYSTEMD_UNIT, empty where journald did not know it. It is
//   - of a unit of Postfix, Dovecot, SpamAssassin or OpenDKIM, whatever its user is;
//   - of root;
//   - of a system account (below 1000), but not from the service of another program: of a scope, because an
//     administrator may start Postfix by hand, or of a process that had ended before journald looked at it.
[[nodiscard]] bool is_of_mail_system(std::optional<std::uint64_t> uid, std::string_view unit) noexcept;

// What one read() found, besides the lines. Plain data without padding, for the message to the log reader.
struct Findings {
    Position position;                // behind the lines
    std::uint64_t scanned_bytes = 0;  // work that was done, also for entries that do not count
    std::uint64_t foreign = 0;        // entries that do not count, see is_of_mail_system()
    std::uint64_t gaps = 0;           // places where an unknown number of entries is missing
    std::uint64_t behind_us = 0;      // from the position to the newest entry; 0 at the end
    std::uint64_t at_end = 0;         // 1: no entry follows
};

// The lines are in the caller's memory, each as next_line() takes it.
struct Batch : Findings {
    std::size_t size = 0;  // bytes of the lines
};

struct Line {
    std::string_view identifier;
    std::string_view message;  // any bytes
};

// Takes the first line from `lines`. Returns: no value at the end, and where the bytes are none of a Batch.
[[nodiscard]] std::optional<Line> next_line(std::span<const std::byte>& lines) noexcept;

// Threads: one. Closes the files when they were read to the end, because what was read stays mapped while they are
// open. It opens no file again that was read to its end and is written no more.
class Journal {
public:
    enum class Files { closed_at_end, kept_open };

    // `directory`: with journal files; empty: this host's, in /var/log/journal and /run/log/journal.
    // Of both, only the files of the system: those of a user have nothing of the mail system in them.
    // `files`: kept_open for a process that gives up the right to open them after open().
    explicit Journal(std::string directory, Files files = Files::closed_at_end)
        : m_directory(std::move(directory)), m_files(files) {}

    // Opens the files, if they are not open. read() does it too. Errors: as of read().
    util::Result<void> open();

    // Reads entries that follow `from`, until `space` is nearly full, k_most_entries were looked at or there are no
    // more. With State::none it begins at the end of the journal. `now_us`: the wall clock.
    // A position that the journal no longer has is a gap where entries may have been deleted that were not read.
    // Errors: not_found: there is no journal, or none that this process may read; else of libsystemd. The next call
    // opens the journal again.
    // Requires: `space` has room for k_space bytes.
    [[nodiscard]] util::Result<Batch> read(const Position& from, std::span<std::byte> space, std::uint64_t now_us);

    // Closes the files. The next read() opens them again.
    void close() noexcept { m_journal.reset(); }
    [[nodiscard]] bool is_open() const noexcept { return m_journal != nullptr; }

    static constexpr std::size_t k_space = 64U << 10U;
    static constexpr std::uint64_t k_most_entries = 2000;

private:
    struct Close {
        void operator()(sd_journal* journal) const noexcept;
    };

    util::Result<bool> open_unread(const std::vector<std::string>& files);
    void close_if_due(const Batch& batch) noexcept;
    util::Result<void> seek(const Position& from);
    util::Result<Batch> begin_at_end(std::uint64_t now_us);
    util::Result<void> read_entries(const Position& from, std::span<std::byte> space, Batch& batch);
    util::Result<Position> position_of_entry();
    util::Result<std::string_view> field(const char* name);  // empty: it has none
    util::Result<void> take_entry(std::span<std::byte> space, Batch& batch);
    [[nodiscard]] std::unexpected<util::Error> no_journal() const;
    std::unexpected<util::Error> failed(const char* what, int error);

    std::string m_directory;
    Files m_files;
    std::unique_ptr<sd_journal, Close> m_journal;
    std::vector<std::string> m_archived;  // files to which nothing is written any more, when the journal was opened
    std::vector<std::string> m_read;      // of those, the ones that were read to the end, for m_position
    bool m_has_read_file = false;         // one of m_read was still there when the journal was opened
    Position m_position{};                // where the last read() ended
    bool m_is_sought = false;             // the open files are at m_position
    bool m_passing = false;               // behind a seek: entries up to m_position may come again
    std::uint64_t m_scanned_bytes = 0;    // since the files were opened
    std::uint64_t m_end_seen_us = 0;      // when the last read() that got there began
};

}  // namespace ceymail::journal
