// SPDX-License-Identifier: MIT
// How any number of processes that start, die and replace each other agree on one file:
//   1. Every step is taken under flock(2) on the file itself, never waiting for it; whoever cannot go on lets go of
//      all it holds and starts over.
//   2. After locking, the name must still lead to the file that was locked: it may have been replaced meanwhile.
//   3. Who has the lock alone may check, remake and replace. It then shares the lock. flock(2) converts by letting go
//      first, so another may come in between and be alone as well, before we use anything: 2 is asked again.
//   4. Who shares the lock uses the file and changes nothing but by the means of those who live in it.
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
#include "ceymail/util/file.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/robust_lock.hpp"

namespace ceymail::shared {
namespace {

using util::ErrorKind;
using util::Fd;
using util::MappedMemory;
using util::Result;

constexpr const char* k_name = "segment";
constexpr const char* k_draft = "segment.new";  // one name: what a death left there is what the next one works on
constexpr mode_t k_mode = 0600;
constexpr int k_attempts = 500;
constexpr std::chrono::milliseconds k_pause{4};

static_assert(std::is_standard_layout_v<SegmentLayout> && std::is_trivially_destructible_v<SegmentLayout>);

struct Attached {
    Fd lock;
    MappedMemory memory;
    SegmentOrigin origin;
};

// No value: another process was quicker or is at it; to be tried again.
using Attempt = Result<std::optional<Attached>>;
Attempt again() { return std::nullopt; }

using Fault = std::optional<std::string>;  // for "... it <fault>"

SegmentLayout& layout_of(const MappedMemory& memory) noexcept {
    return *std::launder(reinterpret_cast<SegmentLayout*>(memory.data()));
}

bool lock(const Fd& file, int operation) noexcept { return ::flock(file.get(), operation | LOCK_NB) == 0; }

// The boot's id is asked for only where a file could outlive the boot: not all processes of one boot need see the same.
// systemd-nspawn gives its machine one of its own, by a mount that a service with a /proc of its own lacks.
Result<SegmentHeader> expected_header(const SegmentDirectory& segment_directory) {
    if (segment_directory.is_in_memory()) return make_header(sizeof(SegmentLayout), {});
    auto boot_id = util::read_file("/proc/sys/kernel/random/boot_id");
    if (!boot_id) return std::unexpected(std::move(boot_id.error()));
    return make_header(sizeof(SegmentLayout), std::string_view(*boot_id).substr(0, boot_id->find('\n')));
}

// Without SIGBUS, whatever the file is.
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
    const bool good =
        admission::plausible(layout.rate, now) && admission::plausible(layout.verified, now) &&
        admission::plausible(layout.database, now) && past(layout.last_used_written_at) &&
        past(layout.keep_alive_seen_at) &&
        past(layout.gatherer.cpu.load().value_or(util::KeptRecord::Content{}).at.time_since_epoch().count());
    return good ? std::nullopt : Fault("holds times of the future or addresses out of place");
}

// Allocates before it maps, also what exists: a hole is a SIGBUS when the file system is full.
Result<MappedMemory> map(const Fd& file, const std::string& path) {
    if (const int error = ::posix_fallocate(file.get(), 0, sizeof(SegmentLayout)); error != 0)
        return util::fail_errno(error,
                                "cannot allocate " + std::to_string(sizeof(SegmentLayout)) + " bytes for " + path,
                                "make room on its file system");
    return MappedMemory::map(file.get(), sizeof(SegmentLayout), util::Access::read_write);
}

void init_locks(SegmentLayout& layout) {
    admission::init_rate_locks(layout.rate);
    admission::init_verified_lock(layout.verified);
    util::init_robust_mutex(layout.gatherer.cgi_lock);
}

// One process's way to the segment.
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
        auto file = m_directory.open_file(k_name, SegmentDirectory::Missing::is_error);
        if (!file) return std::unexpected(std::move(file.error()));
        if (lock(*file, LOCK_EX) && m_directory.names(k_name, file->get())) {
            if (const auto fault = fault_of(*file, m_header))
                return util::fail(ErrorKind::not_found, "there is no usable " + path() + ": it " + *fault +
                                                            "; ceymail-metrics makes another when it starts");
        }
        return join(std::move(*file));
    }

    [[nodiscard]] std::string path() const { return m_directory.path_of(k_name); }

private:
    Attempt join(Fd file) const {
        if (!lock(file, LOCK_SH) || !m_directory.names(k_name, file.get())) return again();
        if (const auto fault = fault_of(file, m_header)) {
            if (lock(file, LOCK_EX)) return again();  // the last of the others has just left
            return util::fail(ErrorKind::conflict,
                              "cannot use " + path() + ": it " + *fault +
                                  ", and others are using it; stop every ceymail-metrics, then start it again");
        }
        auto memory = map(file, path());
        if (!memory) return std::unexpected(std::move(memory.error()));
        return by_read_only_lock({std::move(file), std::move(*memory), SegmentOrigin::found});
    }

    // `file` is ours alone, and is the one that counts.
    Attempt take(Fd file) const {
        if (const auto fault = fault_of(file, m_header)) return make(fault);
        auto memory = map(file, path());
        if (!memory) return std::unexpected(std::move(memory.error()));
        if (const auto fault = fault_of(layout_of(*memory), m_clock())) return make(fault);
        init_locks(layout_of(*memory));
        return share({std::move(file), std::move(*memory), SegmentOrigin::found});
    }

    // With a fault: in place of the file that has it, which must be locked, so that only one does this.
    Attempt make(const Fault& fault) const {
        auto draft = m_directory.open_file(k_draft, SegmentDirectory::Missing::is_created);
        if (!draft) return std::unexpected(std::move(draft.error()));
        if (!lock(*draft, LOCK_EX) || !m_directory.names(k_draft, draft->get())) return again();
        auto memory = fill(*draft);
        if (!memory) return log_and_exit_code(std::move(memory.error()));
        using enum SegmentDirectory::Existing;
        if (auto renamed = m_directory.rename(k_draft, k_name, fault ? replaced : kept); !renamed)
            return log_and_exit_code(std::move(renamed.error()));
        if (fault)
            util::log(util::LogLevel::warning,
                      "replaced " + path() + ": it " + *fault + "; the limiter starts with an empty table");
        return share({std::move(*draft), std::move(*memory), fault ? SegmentOrigin::replaced : SegmentOrigin::made});
    }

    // Requires the draft's lock.
    Attempt log_and_exit_code(util::Error error) const {
        m_directory.remove(k_draft);
        if (error.kind == ErrorKind::conflict) return again();  // somebody else's has got its name first
        return std::unexpected(std::move(error));
    }

    Result<MappedMemory> fill(const Fd& draft) const {
        if (::fchmod(draft.get(), k_mode) != 0 || ::ftruncate(draft.get(), 0) != 0)
            return util::fail_errno(errno, "cannot write " + m_directory.path_of(k_draft));
        auto memory = map(draft, m_directory.path_of(k_draft));
        if (!memory) return memory;
        auto& layout = layout_of(*memory);
        if (::getrandom(&layout.rate.seed, sizeof layout.rate.seed, 0) != sizeof layout.rate.seed)
            return util::fail_errno(errno, "cannot get random bytes from the kernel");
        init_locks(layout);
        layout.header = m_header;
        return memory;
    }

    // From alone to among others; see 3 at the top.
    Attempt share(Attached attached) const {
        if (!lock(attached.lock, LOCK_SH) || !m_directory.names(k_name, attached.lock.get())) return again();
        return by_read_only_lock(std::move(attached));
    }

    // Requires the shared lock. Shares it once more, by a descriptor that cannot write, before the other lets go; which
    // it must by word, since a mapping keeps what it was made by open, and locked.
    Attempt by_read_only_lock(Attached attached) const {
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
    const SegmentHeader& m_header;
    util::ClockFunction m_clock;
};

template <class Step>
Result<Attached> with_patience(const std::string& path, Step step) {
    for (int attempt = 0; attempt < k_attempts; ++attempt) {
        Attempt attached = step();
        if (!attached) return std::unexpected(std::move(attached.error()));
        if (*attached) return std::move(**attached);
        std::this_thread::sleep_for(k_pause);
    }
    return util::fail(ErrorKind::timed_out, "cannot use " + path +
                                                ": another process keeps it locked, perhaps a stopped one; end that "
                                                "process (fuser names it), then start again");
}

}  // namespace

Segment::Segment(Fd lock, MappedMemory memory, SegmentOrigin origin) noexcept
    : m_lock(std::move(lock)),
      m_memory(std::move(memory)),
      m_gatherer(&layout_of(m_memory).gatherer),
      m_origin(origin) {}

Result<Segment> Segment::attach(const std::filesystem::path& directory, util::ClockFunction clock) {
    const auto segment_directory = SegmentDirectory::open(directory);
    if (!segment_directory) return std::unexpected(segment_directory.error());
    if (segment_directory->owner() != ::geteuid())
        return util::fail(ErrorKind::denied, "cannot use the runtime directory " + segment_directory->path() +
                                                 ": it belongs to user " + std::to_string(segment_directory->owner()) +
                                                 ", not to user " + std::to_string(::geteuid()) +
                                                 ", as whom this runs; chown it");
    const auto header = expected_header(*segment_directory);
    if (!header) return std::unexpected(header.error());
    const Attacher attacher(*segment_directory, *header, clock);
    auto attached = with_patience(attacher.path(), [&] { return attacher.attach(); });
    if (!attached) return std::unexpected(std::move(attached.error()));
    return Segment(std::move(attached->lock), std::move(attached->memory), attached->origin);
}

Result<Segment> Segment::open_existing(const std::filesystem::path& directory) {
    const auto segment_directory = SegmentDirectory::open(directory);
    if (!segment_directory) return std::unexpected(segment_directory.error());
    const auto header = expected_header(*segment_directory);
    if (!header) return std::unexpected(header.error());
    const Attacher attacher(*segment_directory, *header, util::BootClock::now);
    auto attached = with_patience(attacher.path(), [&] { return attacher.open_existing(); });
    if (!attached) return std::unexpected(std::move(attached.error()));
    return Segment(std::move(attached->lock), std::move(attached->memory), attached->origin);
}

SegmentLayout& Segment::layout() const noexcept { return layout_of(m_memory); }

void Segment::keep_gatherer_only() noexcept {
    m_memory.keep_only(offsetof(SegmentLayout, gatherer), sizeof(GathererStorage));
    m_lock.reset();
}

void Segment::drop_gatherer() noexcept { m_memory.keep_only(0, offsetof(SegmentLayout, gatherer)); }

void Segment::count_answer(int status_code) noexcept {
    const auto index_of = [](int code) { return std::ranges::find(k_status_codes, code) - k_status_codes.begin(); };
    constexpr auto k_size = static_cast<std::ptrdiff_t>(k_status_codes.size());
    const auto index = index_of(status_code) < k_size ? index_of(status_code) : index_of(500);
    layout().answers[static_cast<std::size_t>(index)].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace ceymail::shared
