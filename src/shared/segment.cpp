// SPDX-License-Identifier: MIT
// How any number of processes, which start, die and replace each other, agree on one file:
//   1. Every step is done under flock(2) on the file itself, and never waits for it. A process that cannot continue
//      releases all its locks and starts again.
//   2. After locking, the name must still be the file that was locked: it may have been replaced in between.
//   3. A process with the exclusive lock may check, initialize and replace the file. It then converts the lock to a
//      shared one. flock(2) releases the lock first, so another process may get the exclusive lock in between, before
//      this one uses anything: check 2 is repeated.
//   4. A process with the shared lock uses the file, and changes it only through the classes that own its parts.
#include "ceymail/shared/segment.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/shared/segment_directory.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/robust_lock.hpp"

namespace ceymail::shared {

static_assert(std::has_unique_object_representations_v<SegmentHeader>, "every byte is compared");

SegmentHeader make_header(std::uint64_t segment_size, std::string_view boot_id) noexcept {
    SegmentHeader header{.magic = {'C', 'E', 'Y', 'M', 'E', 'T', 'R', '\n'},
                         .version = k_segment_version,
                         .header_size = sizeof(SegmentHeader),
                         .segment_size = segment_size,
                         .boot_id = {}};
    std::ranges::copy(boot_id.substr(0, header.boot_id.size()), header.boot_id.begin());
    return header;
}

std::optional<std::string_view> header_fault(const SegmentHeader& found, const SegmentHeader& expected) noexcept {
    if (found == expected) return std::nullopt;
    if (found.magic != expected.magic) return "is no segment of ceymail-metrics";
    if (found.boot_id != expected.boot_id) return "is of another boot";
    return "is of another version of ceymail-metrics";
}

namespace {

using util::ErrorKind;
using util::Fd;
using util::MappedMemory;
using util::Result;

constexpr const char* k_name = "segment";
constexpr const char* k_draft = "segment.new";  // one name: the next process reuses what a dead one left
constexpr mode_t k_mode = 0600;
constexpr int k_attempts = 500;
constexpr std::chrono::milliseconds k_pause{4};

static_assert(std::is_standard_layout_v<SegmentLayout> && std::is_trivially_destructible_v<SegmentLayout>);

struct Attached {
    Fd lock;
    MappedMemory memory;
    SegmentOrigin origin;
};

// No value: another process was faster or is working on the file; try again.
using Attempt = Result<std::optional<Attached>>;
Attempt again() { return std::nullopt; }

using Fault = std::optional<std::string>;  // for "... it <fault>"

SegmentLayout& layout_of(const MappedMemory& memory) noexcept {
    return *std::launder(reinterpret_cast<SegmentLayout*>(memory.data()));
}

bool lock(const Fd& file, int operation) noexcept { return ::flock(file.get(), operation | LOCK_NB) == 0; }

// Reads the file before it is mapped, so that no file can raise SIGBUS.
Fault fault_of(const Fd& file, const SegmentHeader& expected) {
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return "cannot be looked at";
    if ((status.st_mode & 07777) != k_mode) return "has not mode 0600";
    if (status.st_nlink != 1) return "has a second name";
    if (status.st_size != sizeof(SegmentLayout)) return "has " + std::to_string(status.st_size) + " bytes";
    SegmentHeader found{};
    if (::pread(file.get(), &found, sizeof found, 0) != sizeof found) return "cannot be read";
    const auto fault = header_fault(found, expected);
    return fault ? Fault(*fault) : std::nullopt;
}

Fault fault_of(const SegmentLayout& layout, util::BootTime now) {
    const auto past = [now](std::int64_t time) { return time >= 0 && time <= now.time_since_epoch().count(); };
    const bool valid =
        admission::plausible(layout.rate, now) && admission::plausible(layout.verified, now) &&
        admission::plausible(layout.database, now) && past(layout.last_used_written_at) &&
        past(layout.keep_alive_seen_at) && past(layout.rest_key_seen_at) && past(layout.schema_missing_since) &&
        past(layout.schema_missing_at) &&
        past(layout.gatherer.cpu.load().value_or(util::KeptRecord::Content{}).at.time_since_epoch().count());
    return valid ? std::nullopt : Fault("holds times of the future or addresses out of place");
}

void init_locks(SegmentLayout& layout) {
    admission::init_rate_locks(layout.rate);
    admission::init_verified_lock(layout.verified);
    util::init_robust_mutex(layout.gatherer.cgi_lock);
}

// The steps by which one process attaches the segment.
class Attacher {
public:
    Attacher(const SegmentDirectory& segment_directory, const SegmentHeader& header, util::ClockFunction clock)
        : m_directory(segment_directory), m_header(header), m_clock(clock) {}

    Attempt attach() const {
        auto file = m_directory.open_file(k_name, SegmentDirectory::Missing::is_error);
        if (!file && file.error().kind == ErrorKind::not_found) return make(std::nullopt);
        if (!file) return std::unexpected(std::move(file.error()));
        if (lock(*file, LOCK_EX)) return m_directory.names(k_name, file->get()) ? take(std::move(*file)) : again();
        return join(std::move(*file));
    }

    Attempt open_existing() const {
        CEYMAIL_TRY_ASSIGN(Fd file, m_directory.open_file(k_name, SegmentDirectory::Missing::is_error));
        if (lock(file, LOCK_EX) && m_directory.names(k_name, file.get())) {
            if (const auto fault = fault_of(file, m_header))
                return util::fail(ErrorKind::not_found, "there is no usable " + path() + ": it " + *fault +
                                                            "; ceymail-metrics makes another when it starts");
        }
        return join(std::move(file));
    }

    [[nodiscard]] std::string path() const { return m_directory.path_of(k_name); }

private:
    Attempt join(Fd file) const {
        if (!lock(file, LOCK_SH) || !m_directory.names(k_name, file.get())) return again();
        if (const auto fault = fault_of(file, m_header)) {
            if (lock(file, LOCK_EX)) return again();  // no other process uses it any more
            return util::fail(ErrorKind::conflict,
                              "cannot use " + path() + ": it " + *fault +
                                  ", and others are using it; stop every ceymail-metrics, then start it again");
        }
        CEYMAIL_TRY_ASSIGN(MappedMemory memory, m_directory.map(k_name, file, sizeof(SegmentLayout)));
        return relock_read_only({std::move(file), std::move(memory), SegmentOrigin::found});
    }

    // Requires: the exclusive lock on `file`, which is the file of that name.
    Attempt take(Fd file) const {
        if (const auto fault = fault_of(file, m_header)) return make(fault);
        CEYMAIL_TRY_ASSIGN(MappedMemory memory, m_directory.map(k_name, file, sizeof(SegmentLayout)));
        if (const auto fault = fault_of(layout_of(memory), m_clock())) return make(fault);
        init_locks(layout_of(memory));
        return share({std::move(file), std::move(memory), SegmentOrigin::found});
    }

    // Makes a new file. With a fault it replaces the file that has the fault.
    // Requires: with a fault, the exclusive lock on that file, so that only one process replaces it.
    Attempt make(const Fault& fault) const {
        CEYMAIL_TRY_ASSIGN(Fd draft, m_directory.open_file(k_draft, SegmentDirectory::Missing::is_created));
        if (!lock(draft, LOCK_EX) || !m_directory.names(k_draft, draft.get())) return again();
        auto memory = fill(draft);
        if (!memory) return discard_draft(std::move(memory.error()));
        using enum SegmentDirectory::Existing;
        if (auto renamed = m_directory.rename(k_draft, k_name, fault ? replaced : kept); !renamed)
            return discard_draft(std::move(renamed.error()));
        if (fault)
            util::log(util::LogLevel::warning,
                      "replaced " + path() + ": it " + *fault + "; the limiter starts with an empty table");
        return share({std::move(draft), std::move(*memory), fault ? SegmentOrigin::replaced : SegmentOrigin::made});
    }

    // Requires: the exclusive lock on the draft.
    Attempt discard_draft(util::Error error) const {
        m_directory.remove(k_draft);
        if (error.kind == ErrorKind::conflict) return again();  // another process was faster
        return std::unexpected(std::move(error));
    }

    Result<MappedMemory> fill(const Fd& draft) const {
        if (::fchmod(draft.get(), k_mode) != 0 || ::ftruncate(draft.get(), 0) != 0)
            return util::fail_errno(errno, "cannot write " + m_directory.path_of(k_draft));
        auto memory = m_directory.map(k_draft, draft, sizeof(SegmentLayout));
        if (!memory) return memory;
        auto& layout = layout_of(*memory);
        if (::getrandom(&layout.rate.seed, sizeof layout.rate.seed, 0) != sizeof layout.rate.seed)
            return util::fail_errno(errno, "cannot get random bytes from the kernel");
        init_locks(layout);
        layout.header = m_header;
        return memory;
    }

    // Converts the exclusive lock to a shared one; see 3 at the top.
    Attempt share(Attached attached) const {
        if (!lock(attached.lock, LOCK_SH) || !m_directory.names(k_name, attached.lock.get())) return again();
        return relock_read_only(std::move(attached));
    }

    // Takes the shared lock a second time, on a read-only descriptor, and then releases the first. LOCK_UN is needed:
    // the mapping keeps the first open file description alive, with its lock.
    // Requires: the shared lock.
    Attempt relock_read_only(Attached attached) const {
        auto file = m_directory.open_to_read(k_name);
        if (!file && file.error().kind == ErrorKind::not_found) return again();
        if (!file) return std::unexpected(std::move(file.error()));
        const bool same = m_directory.names(k_name, file->get()) && m_directory.names(k_name, attached.lock.get());
        if (!lock(*file, LOCK_SH) || !same) return again();
        lock(attached.lock, LOCK_UN);
        attached.lock = std::move(*file);
        return attached;
    }

    const SegmentDirectory& m_directory;
    const SegmentHeader m_header;
    util::ClockFunction m_clock;
};

Result<Attached> retry(Attempt (Attacher::*step)() const, const SegmentDirectory& directory,
                       util::ClockFunction clock) {
    CEYMAIL_TRY_ASSIGN(const std::string boot_id, directory.boot_id());
    const Attacher attacher(directory, make_header(sizeof(SegmentLayout), boot_id), clock);
    for (int attempt = 0; attempt < k_attempts; ++attempt) {
        CEYMAIL_TRY_ASSIGN(std::optional<Attached> attached, (attacher.*step)());
        if (attached) return std::move(*attached);
        std::this_thread::sleep_for(k_pause);
    }
    return util::fail(ErrorKind::timed_out, "cannot use " + attacher.path() +
                                                ": another process keeps it locked, perhaps a stopped one; end that "
                                                "process (fuser names it), then start again");
}

}  // namespace

Segment::Segment(Fd lock, MappedMemory memory, SegmentOrigin origin) noexcept
    : m_lock(std::move(lock)),
      m_memory(std::move(memory)),
      m_gatherer(&layout_of(m_memory).gatherer),
      m_origin(origin) {}

Result<Segment> Segment::attach(const std::filesystem::path& directory, util::ClockFunction clock,
                                std::string_view key) {
    CEYMAIL_TRY_ASSIGN(const SegmentDirectory opened, SegmentDirectory::open(directory, key));
    if (opened.owner() != ::geteuid())
        return util::fail(ErrorKind::denied, "cannot use the runtime directory " + opened.path() +
                                                 ": it belongs to user " + std::to_string(opened.owner()) +
                                                 ", not to user " + std::to_string(::geteuid()) +
                                                 ", the user of this process; chown it");
    CEYMAIL_TRY_ASSIGN(Attached attached, retry(&Attacher::attach, opened, clock));
    return Segment(std::move(attached.lock), std::move(attached.memory), attached.origin);
}

Result<Segment> Segment::open_existing(const std::filesystem::path& directory) {
    CEYMAIL_TRY_ASSIGN(const SegmentDirectory opened, SegmentDirectory::open(directory));
    CEYMAIL_TRY_ASSIGN(Attached attached, retry(&Attacher::open_existing, opened, util::BootClock::now));
    return Segment(std::move(attached.lock), std::move(attached.memory), attached.origin);
}

SegmentLayout& Segment::layout() const noexcept { return layout_of(m_memory); }

void Segment::keep_gatherer_only() noexcept {
    m_memory.keep_only(offsetof(SegmentLayout, gatherer), sizeof(GathererStorage));
    m_lock.reset();
}

void Segment::drop_gatherer() noexcept { m_memory.keep_only(0, offsetof(SegmentLayout, gatherer)); }

void Segment::drop_all() noexcept {
    m_memory.keep_only(0, 0);
    m_lock.reset();
}

void Segment::count_answer(int status_code) noexcept {
    const auto* found = std::ranges::find(k_status_codes, status_code);
    if (found == k_status_codes.end()) found = std::ranges::find(k_status_codes, 500);
    const auto index = static_cast<std::size_t>(found - k_status_codes.begin());
    layout().answers[index].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace ceymail::shared
