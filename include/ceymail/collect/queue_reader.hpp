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
#include "ceymail/collect/queue_directory.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

// The number of messages in each queue, at any hash depth.
struct QueueCounts {
    std::uint64_t active = 0;
    std::uint64_t deferred = 0;
    std::uint64_t bounce = 0;
    std::uint64_t hold = 0;
    std::uint64_t incoming = 0;
    std::uint64_t maildrop = 0;
};

struct QueueReaderOptions {
    EntryTypes types = EntryTypes::trusted;
    FileClock now = file_clock_now;
    bool (*has_local_timestamps)(int fd) noexcept = collect::has_local_timestamps;
    BirthReader birth_of = collect::birth_of;
    std::size_t max_births = 1U << 20U;         // remembered; 16 MiB
    std::size_t max_arrival_times = 1U << 22U;  // remembered; 16 MiB
    unsigned max_threads = 0;                   // 0: one for each processor that this process may use, up to 8
    // Threads are only started if st_size of the directories to be read is this much in total: about 20,000 files,
    // which one thread reads in some milliseconds.
    std::uintmax_t parallel_min_bytes = 512U << 10U;
    // Whether this process has CAP_DAC_READ_SEARCH, which decides the remedy in an error. Null: it has not.
    bool (*may_read_all)() noexcept = nullptr;
};

// Remembers one record for each directory, some 300 bytes, and no file names. It accepts 65536 directories at most
// (Postfix makes 17 for a queue at hash depth 1, 273 at depth 2). It remembers 4 bytes for each deferred message, up to
// max_arrival_times, and 16 bytes more where queue ids are short, up to max_births. Between two reads it holds no
// descriptor and no thread.
// Threads: one at a time.
class QueueReader {
public:
    // `queue_directory`: what `postconf -h queue_directory` prints. It need not exist yet.
    explicit QueueReader(std::filesystem::path queue_directory, QueueReaderOptions options = {});

    // Counts the messages at the moment of reading, by their names: in incoming and maildrop also those that Postfix
    // has not yet written to the end. A message that Postfix moves meanwhile may be counted in both directories or in
    // neither. The next read corrects that, since both directories have changed. A file, directory or queue that does
    // not exist, or not any more, is no error.
    //
    // Errors: nothing is counted; what was read is remembered for the next call. The path is in the message.
    //   not_found  the queue directory does not exist
    //   invalid    it has neither active nor deferred, bounce or hold; or a queue is no directory
    //   denied     reading needs CAP_DAC_READ_SEARCH or the user postfix
    //   timed_out  past the deadline; the next read continues where this one ended
    //   exhausted  more or deeper directories than Postfix makes
    //   others     the kind of the errno
    // Security: no symbolic link below the queue directory is followed.
    [[nodiscard]] util::Result<QueueCounts> read(util::BootTime deadline);

    // Returns: when the oldest deferred message arrived, since the epoch, as of the last read(): by its long queue id,
    // or else by the birth time of its file. None if nothing is deferred, if the file system has no birth times, if
    // more than `max_births` are needed, and until all are known.
    //
    // A birth time costs some 2 us of CPU time, seven times the counting of the file. So each is read once. One call
    // reads a quarter of all or k_min_births_per_call, whichever is more. It stops after 50 ms, or after half the time
    // to the deadline. The first call reads none if there are more than k_min_births_per_call files, so that the first
    // scrape is fast.
    [[nodiscard]] std::optional<std::chrono::microseconds> oldest_deferred(util::BootTime deadline);

    static constexpr std::size_t k_min_births_per_call = 256;

    // Returns: how many deferred messages arrived before `time`, since the epoch, as of the last read() and
    // oldest_deferred(), by the same arrivals rounded down to whole seconds. None if not all arrivals are known, or if
    // there are more than max_arrival_times.
    //
    // It reads no file: 20 us for a million messages.
    [[nodiscard]] std::optional<std::uint64_t> deferred_before(std::chrono::seconds time) const;

    // Returns: the number of directories listed since construction.
    [[nodiscard]] std::uint64_t directories_read() const noexcept { return m_directories_read; }

    // Returns: the CPU time of the last read() on threads other than the caller's.
    [[nodiscard]] std::chrono::nanoseconds helper_cpu_time() const noexcept {
        return std::chrono::nanoseconds(m_helper_cpu_time);
    }

private:
    struct Pass;
    struct BirthBudget;

    util::Result<void> examine(Pass& pass, int parent, QueueDirectory& directory) const;
    bool is_local(Pass& pass, int parent, const QueueDirectory& directory, dev_t device) const;
    util::Result<void> examine_subdirectories(Pass& pass, int fd, QueueDirectory& directory) const;
    util::Result<void> read_unread(Pass& pass);
    util::Result<void> read_directories(const Pass& pass, std::vector<QueueDirectory*> batch);
    util::Result<void> read_directory(const Pass& pass, QueueDirectory& directory, std::span<std::byte> buffer,
                                      ArrivalAllowance& allowance);
    void read_births(int queue_directory, QueueDirectory& directory, BirthBudget& budget) const;
    [[nodiscard]] std::size_t arrival_times_left() const;
    [[nodiscard]] std::size_t threads_for(const std::vector<QueueDirectory*>& batch) const;
    util::Result<void> on_unreachable(QueueDirectory& directory, int error) const;
    [[nodiscard]] std::unexpected<util::Error> failure(const QueueDirectory& directory, int error) const;

    std::filesystem::path m_queue_directory;
    QueueReaderOptions m_options;
    std::array<QueueDirectory, 6> m_queues;  // active, deferred, bounce, hold, incoming, maildrop
    std::atomic<std::uint64_t> m_directories_read = 0;
    bool m_births_requested = false;
    std::atomic<std::chrono::nanoseconds::rep> m_helper_cpu_time = 0;
};

}  // namespace ceymail::collect
