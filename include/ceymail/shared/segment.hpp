// SPDX-License-Identifier: MIT
// Segment: the one file in shared memory that all processes, restarts and ceymail-token share.
//
// Main header of the room "shared": the layout of the segment, and how processes attach it.
// Processes: supervisor, worker, gatherer, plain CGI, --once, ceymail-token, --check. ceymail-settings has a segment of
// its own.
// May touch: the files segment and segment.new in the runtime directory.
// Attackers: a process of the service's user, which can write to the file; another user, where the directory allows it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "ceymail/admission/circuit_breaker.hpp"
#include "ceymail/admission/rate_table.hpp"
#include "ceymail/admission/token_history.hpp"
#include "ceymail/admission/verified_token.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/kept_record.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::shared {

// Every change of SegmentLayout needs a new one.
inline constexpr std::uint32_t k_segment_version = 7;

// The first bytes of the segment. They identify its program, version and boot. A reader knows every byte in advance,
// and compares it with the header that it would write itself. No padding.
struct SegmentHeader {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t header_size;
    std::uint64_t segment_size;
    std::array<char, 40> boot_id;  // /proc/sys/kernel/random/boot_id, padded with NUL; empty on a tmpfs

    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// `boot_id`: at most 40 characters are used.
[[nodiscard]] SegmentHeader make_header(std::uint64_t segment_size, std::string_view boot_id) noexcept;

// Returns: the difference between the two, for the message "... it <fault>"; no value where they are equal.
// Security: `found` is untrusted.
[[nodiscard]] std::optional<std::string_view> header_fault(const SegmentHeader& found,
                                                           const SegmentHeader& expected) noexcept;

// The status codes of the endpoint, in the order of their counters.
inline constexpr std::array<int, 9> k_status_codes{200, 400, 401, 403, 404, 405, 429, 500, 503};

// The gatherer's part: it maps only this, and the workers map only the rest. So it is on its own page, at the end.
// Where pages are larger than 4 KiB, both also map what is on the same page.
struct alignas(4096) GathererStorage {
    pthread_mutex_t cgi_lock;  // RobustLock, for plain CGI only, where each request is a gatherer. The gatherer of a
                               // supervisor takes no lock, so that a worker cannot block it
    util::KeptRecord cpu;
};

// The layout of the file.
struct SegmentLayout {
    SegmentHeader header;
    admission::RateStorage rate;
    admission::VerifiedStorage verified;
    std::array<std::atomic<std::uint64_t>, k_status_codes.size()> answers;
    std::atomic<std::int64_t> last_used_written_at;  // BootClock ns
    std::atomic<std::int64_t> keep_alive_seen_at;    // BootClock ns; 0: never
    admission::BreakerStorage database;              // for the workers' token checks
    std::atomic<std::int64_t> rest_key_seen_at;      // BootClock ns of the last one that was refused; 0: never
    // BootClock ns of the first and the last token check that found no table or no account. 0: the last one found them.
    std::atomic<std::int64_t> schema_missing_since;
    std::atomic<std::int64_t> schema_missing_at;
    admission::TokenHistoryStorage tokens;
    std::atomic<std::uint64_t> last_used_token;  // id of the token whose use was noted last; 0: none
    GathererStorage gatherer;                    // last
};

// How attach() got the segment.
enum class SegmentOrigin { found, made, replaced };

// Owns the mapping and a shared flock(2) on the file. Forked children share both. While a process holds the lock, no
// other process checks, initializes or replaces the file.
// Security: the lock's descriptor is read-only. A process that inherits it cannot truncate the file, which would raise
// SIGBUS in all processes.
class Segment {
public:
    // Opens or makes DIRECTORY/segment (0600). If no other process uses the file, checks all of it and initializes its
    // locks. A file that is damaged, or of another program, version or boot, is never used: it is replaced by a new
    // one, with a warning in the log. A new file is made as DIRECTORY/segment.new and then renamed, so that no process
    // maps an incomplete one.
    // Errors: denied: DIRECTORY does not meet the requirement, or the file is no plain file or of another owner;
    // exhausted: no space (all pages are allocated here, so that none is missing later); conflict: damaged while other
    // processes use it; not_found: no directory; timed_out: another process, such as a stopped one, has kept it locked
    // for 2 s.
    // Requires: DIRECTORY belongs to this user, and no other user may write there. `key`: that names it, for messages.
    [[nodiscard]] static util::Result<Segment> attach(const std::filesystem::path& directory,
                                                      util::ClockFunction clock = util::BootClock::now,
                                                      std::string_view key = "runtime_directory");

    // For ceymail-token, also as root: opens the existing segment, whose owner is the owner of DIRECTORY.
    // Errors: those of attach(); not_found: the service has not run since the boot, so there is nothing to clear.
    // Security: root uses only atomic members of the layout and VerifiedToken::clear(), never a lock, see RobustLock.
    [[nodiscard]] static util::Result<Segment> open_existing(const std::filesystem::path& directory);

    [[nodiscard]] SegmentOrigin origin() const noexcept { return m_origin; }
    [[nodiscard]] SegmentLayout& layout() const noexcept;

    [[nodiscard]] GathererStorage& gatherer() const noexcept { return *m_gatherer; }

    // Unmaps all but the process's own part, for good. After keep_gatherer_only() layout() must not be called. It also
    // releases the lock: a thread that hangs on a dead mount outlives the service, and the next version of the program
    // would wait for the lock.
    // Processes: a child after fork(2).
    void keep_gatherer_only() noexcept;
    void drop_gatherer() noexcept;
    void drop_all() noexcept;  // layout() and gatherer() must not be called after it

    // Counts one answer. A code that is not in k_status_codes counts as 500.
    void count_answer(int status_code) noexcept;

private:
    Segment(util::Fd lock, util::MappedMemory memory, SegmentOrigin origin) noexcept;

    util::Fd m_lock;  // outlives the mapping
    util::MappedMemory m_memory;
    GathererStorage* m_gatherer;
    SegmentOrigin m_origin;
};

}  // namespace ceymail::shared
