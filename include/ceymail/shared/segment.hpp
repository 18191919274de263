// SPDX-License-Identifier: MIT
// Segment: the one file in shared memory that all workers, restarts and ceymail-token share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>

#include "ceymail/admission/circuit_breaker.hpp"
#include "ceymail/admission/rate_table.hpp"
#include "ceymail/admission/verified_token.hpp"
#include "ceymail/shared/segment_header.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/kept_record.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::shared {

// Status codes that the endpoint answers, in the order of their counters.
inline constexpr std::array<int, 9> k_status_codes{200, 400, 401, 403, 404, 405, 429, 500, 503};

// The gatherer's, which can reach nothing else of the segment, and the workers not this: on a page of its own, at the
// end. Where pages are larger than 4 KiB the neighbours on the same page stay within reach.
struct alignas(4096) GathererStorage {
    pthread_mutex_t cgi_lock;  // RobustLock, for CGI alone, where each request is a gatherer. The one gatherer of a
                               // supervisor takes no lock: a worker could steer it by that
    util::KeptRecord cpu;
};

// The layout of the file. A change of any of it needs another k_segment_version.
struct SegmentLayout {
    SegmentHeader header;
    admission::RateStorage rate;
    admission::VerifiedStorage verified;
    std::array<std::atomic<std::uint64_t>, k_status_codes.size()> answers;
    std::atomic<std::int64_t> last_used_written_at;  // BootClock ns
    std::atomic<std::int64_t> keep_alive_seen_at;    // BootClock ns; 0: never
    admission::BreakerStorage database;              // of the workers' questions to MariaDB
    GathererStorage gatherer;                        // last
};

// What attach() found, for --check and the log.
enum class SegmentOrigin { found, made, replaced };

// Owns the mapping and a shared flock(2) on the file for as long as it lives; forked children share both.
// Whoever shares the lock may rely on it that nobody checks, remakes or replaces the file meanwhile.
// The lock's descriptor is read-only: no process that inherits it can cut the file short, which would be a SIGBUS to
// all.
class Segment {
public:
    // Opens or makes DIRECTORY/segment (0600). Whoever finds nobody else on it checks the whole and makes the
    // locks anew; a damaged, foreign, older or other boot's file is replaced by a fresh one, with a warning in the
    // log, and never used. Made as DIRECTORY/segment.new and then renamed, so that nobody maps half of it.
    // Requires that DIRECTORY belongs to this user and nobody else may write there.
    // Fails with: denied (DIRECTORY is not so; a symlink or other non-file, another owner's file), exhausted (no
    // room: all pages are allocated here, so that none is missing later), conflict (damaged while others use it),
    // not_found (no directory), timed_out (another process has kept it locked for 2 s, as when it is stopped).
    [[nodiscard]] static util::Result<Segment> attach(const std::filesystem::path& directory,
                                                      util::ClockFunction clock = util::BootClock::now);

    // For ceymail-token, also as root: the segment as it is, owned by whoever owns DIRECTORY. Fails as attach()
    // does; not_found: no responder has run since the boot, so that there is nothing to forget.
    // Of the layout root may use what is atomic and VerifiedToken::clear(), never a lock, see RobustLock.
    [[nodiscard]] static util::Result<Segment> open_existing(const std::filesystem::path& directory);

    [[nodiscard]] SegmentOrigin origin() const noexcept { return m_origin; }
    [[nodiscard]] SegmentLayout& layout() const noexcept;

    [[nodiscard]] GathererStorage& gatherer() const noexcept { return *m_gatherer; }

    // In a child, for good: it can reach its own part alone. After the first, layout() must not be called. The gatherer
    // lets the lock go too: a thread of its that hangs on a dead mount outlives the service, and the next version of
    // the program would have to wait for it.
    void keep_gatherer_only() noexcept;
    void drop_gatherer() noexcept;

    // Counts one answer; a code that is not in k_status_codes counts as 500. Any process.
    void count_answer(int status_code) noexcept;

private:
    Segment(util::Fd lock, util::MappedMemory memory, SegmentOrigin origin) noexcept;

    util::Fd m_lock;  // outlives the mapping
    util::MappedMemory m_memory;
    GathererStorage* m_gatherer;
    SegmentOrigin m_origin;
};

}  // namespace ceymail::shared
