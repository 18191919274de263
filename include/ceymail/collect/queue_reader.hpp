// SPDX-License-Identifier: MIT
// QueueReader: counts the messages of Postfix's queues and reads only the directories that changed since the last time.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "ceymail/collect/directory_listing.hpp"
#include "ceymail/collect/directory_stamp.hpp"
#include "ceymail/collect/queue_subdirectory.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

// Messages under each queue's directory, at any hash depth.
struct QueueCounts {
    std::uint64_t active = 0;
    std::uint64_t deferred = 0;
    std::uint64_t bounce = 0;
    std::uint64_t hold = 0;
};

struct QueueReaderOptions {
    EntryTypes types = EntryTypes::believed;
    FileClock now = file_clock_now;
    bool (*stamped_here)(int fd) noexcept = is_stamped_here;
    AskBirth birth_of = collect::birth_of;
    std::size_t most_births = 1U << 20U;  // remembered; 16 MiB
    unsigned threads = 0;                 // at most; 0: one a core that we may run on, no more than 8
    // Together the directories that are to be read must be of this size, as stat(2) tells it, to be worth threads:
    // about 20,000 files, which one thread reads in some milliseconds.
    std::uintmax_t parallel_from_bytes = 512U << 10U;
    // Whether this process holds CAP_DAC_READ_SEARCH, for the words of an error; none: it does not.
    bool (*may_read_all)() noexcept = nullptr;
};

// Remembers a record a directory, never a name of a file: some 300 bytes and eight for every 2,000 files, at most 65536
// directories (Postfix makes 17 a queue at hash depth 1, 273 at depth 2). Where queue ids are short, 16 bytes a
// deferred message besides, for most_births at most. Holds no descriptor and no thread between two reads. One thread at
// a time.
class QueueReader {
public:
    // queue_directory: what `postconf -h queue_directory` prints. It need not be there yet.
    explicit QueueReader(std::filesystem::path queue_directory, QueueReaderOptions options = {});

    // What is there at the moment of reading. A message that Postfix moves from one directory to another meanwhile may
    // be counted in both or in neither, as with any reader of a directory; the next read puts that right, since the
    // directories have changed. Files, directories and queues that come and go are no errors; a queue whose directory
    // Postfix has not made yet is empty. No symbolic link below the queue directory is followed.
    //
    // Fails, with nothing counted, and with what was read remembered for the next time:
    //   not_found  there is no queue directory
    //   invalid    it holds none of the four queues, or something of that name that is no directory
    //   denied     it may not be read, which takes CAP_DAC_READ_SEARCH or the user postfix
    //   timed_out  past the deadline: the next read goes on where this one ended
    //   exhausted  more or deeper directories than Postfix makes
    // or with the errno's kind, the path in the message.
    [[nodiscard]] util::Result<QueueCounts> read(util::BootTime deadline);

    // When the oldest deferred message arrived, since the epoch, as of the last read(): by its long queue id, or else
    // by the birth of its file. None while nothing is deferred, where the file system tells no births, and above
    // `most_births` of them.
    //
    // A birth takes some 2 us of CPU time, seven times what counting the file took, so each is asked for once, and no
    // more than a quarter of all, or k_fewest_births, in one call, nor for longer than 50 ms or half the time to the
    // deadline. Until all are known there is no value. The first call asks for none where there are more than
    // k_fewest_births, since the first scrape is to be fast.
    [[nodiscard]] std::optional<std::chrono::microseconds> oldest_deferred(util::BootTime deadline);

    static constexpr std::size_t k_fewest_births = 256;

    // Directories whose entries were read since the reader was made.
    [[nodiscard]] std::uint64_t directories_read() const noexcept { return m_directories_read; }

    // CPU time that the last read() cost on threads other than the caller's.
    [[nodiscard]] std::chrono::nanoseconds helpers_time() const noexcept {
        return std::chrono::nanoseconds(m_helpers_time);
    }

private:
    struct Round;
    struct Stretch;
    struct BirthBudget;

    util::Result<void> examine(Round& round, int parent, QueueDirectory& directory) const;
    bool is_local(Round& round, int parent, const QueueDirectory& directory, dev_t device) const;
    util::Result<void> examine_subdirectories(Round& round, int fd, QueueDirectory& directory) const;
    util::Result<void> read_unread(Round& round);
    util::Result<void> read_directories(const Round& round, std::vector<QueueDirectory*> batch);
    void read_stretches(const Round& round, std::span<Stretch> stretches, std::size_t threads);
    [[nodiscard]] std::expected<DirectoryListing, int> read_stretch(const Round& round, const Stretch& stretch,
                                                                    std::span<std::byte> buffer) const;
    util::Result<void> take_over(const Round& round, std::span<Stretch> stretches);
    void ask_births(int queue_directory, QueueDirectory& directory, BirthBudget& budget) const;
    [[nodiscard]] std::size_t threads_for(const std::vector<QueueDirectory*>& batch) const;
    util::Result<void> lost(QueueDirectory& directory, int error) const;
    [[nodiscard]] std::unexpected<util::Error> failure(const QueueDirectory& directory, int error) const;

    std::filesystem::path m_queue_directory;
    QueueReaderOptions m_options;
    std::array<QueueDirectory, 4> m_queues;  // active, deferred, bounce, hold
    std::uint64_t m_directories_read = 0;
    bool m_births_begun = false;
    std::atomic<std::chrono::nanoseconds::rep> m_helpers_time = 0;
};

}  // namespace ceymail::collect
