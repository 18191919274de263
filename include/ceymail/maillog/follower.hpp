// SPDX-License-Identifier: MIT
// Follower: reads a log that grows and is rotated, each whole line once, and gives the lines to the parser.
// Process: the log reader, which opens no file: the caller hands in open ones.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/maillog/position.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

// Into which lines are read. A line that is longer, its LF included, is skipped.
using LineBlock = std::array<std::byte, 128U << 10U>;

// Rotation by rename: the file that is read stays open, and is read to its end after one that follows has its first
// byte. Before that, syslog still writes into it. Rotation by copytruncate: the file shrinks, or begins otherwise; the
// rest is read from the copy.
// Skipped, and counted in bytes: lines that are too long, a half line at the end of a file that was rotated, and what a
// file that is lost had unread when it was last looked at. What was written to it after that is not known, and neither
// is the copy of a file of which nothing was read yet.
// Threads: one at a time.
class Follower {
public:
    struct Progress {
        std::uint64_t unread_bytes = 0;  // in the files that were handed in; half a line at the end is among them
        bool lost_place = false;         // the file was truncated or replaced: hand_over() all files again
    };

    // Reads go through `block`, which other followers may use in between. Requires: kept.start() was called.
    Follower(KeptReading& kept, Log log, LineBlock& block) noexcept : m_kept(kept), m_log(log), m_block(block) {}

    // Takes files of the log, oldest first, none when there is none: at the start, when another file has the log's
    // name, after lost_place and after an error of read(). Files that it has are not taken twice. The newest eight are
    // kept.
    // `opened`: before_start where they may have been opened for a process that has died since, and be others than
    // those of now. Returns: false: the place is in none of them; they were not taken, and are to be opened again.
    // Errors: of fstat(2) or pread(2); the caller may try again.
    enum class Opened { before_start, since };
    util::Result<bool> hand_over(std::vector<util::Fd> files, Opened opened = Opened::since);

    // Reads on until it has read `limit` bytes, or less than a LineBlock more. Without news it is one fstat(2) a file.
    // Errors: of fstat(2) or pread(2). What was read before is kept, and the files are closed.
    util::Result<Progress> read(std::size_t limit, util::BootTime now);

private:
    enum class Outcome { at_end, at_limit, lost_place };

    util::Result<bool> take_up(std::vector<LogFile> files, Opened opened);
    util::Result<Progress> read_on(std::size_t limit, util::BootTime now);
    util::Result<void> append(std::vector<LogFile> files);
    [[nodiscard]] util::Result<std::size_t> first_newer(const std::vector<LogFile>& files);
    util::Result<void> note_older(const std::vector<LogFile>& files, std::size_t newest);
    [[nodiscard]] util::Result<std::size_t> count_older(const std::vector<LogFile>& files) const;
    util::Result<Outcome> read_files(std::size_t limit, util::BootTime now);
    util::Result<Outcome> read_file(std::size_t& left, util::BootTime now);
    [[nodiscard]] util::Result<bool> next_has_bytes() const;
    util::Result<void> go_on_to_next();
    [[nodiscard]] std::size_t consume(std::size_t filled, util::BootTime now);
    [[nodiscard]] std::size_t skip_rest_of_line(std::string_view text);
    [[nodiscard]] std::size_t skip_unending(std::string_view text);
    void parse_lines(std::string_view lines, util::BootTime now);

    [[nodiscard]] const Position& position() const noexcept;
    [[nodiscard]] Reading& draft() noexcept;
    void commit() noexcept;

    KeptReading& m_kept;
    Log m_log;
    LineBlock& m_block;
    std::vector<LogFile> m_files;  // the first is being read
    FileStatus m_read_up_to{};     // status of the first when it was last read to its end
    Position m_older{};            // of the file that stood before the newest of ours; none: there was none
    Reading* m_draft = nullptr;    // begun and not committed; none when a public function returns
};

}  // namespace ceymail::maillog
