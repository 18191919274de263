// SPDX-License-Identifier: MIT
// SnapshotBuffer: two buffers, and the number of the last publication, which selects the current one.
//
// Publication n goes to buffer n % 2, so the writer never changes the current one:
//   1. buffer.number = 0         readers that still copy its old content (n - 2) notice this
//   2. times, size, words
//   3. buffer.number = n
//   4. layout.current = n        only now readers find it
// If a writer dies before 4, readers use the last publication, and the next writer finds n - 1 and publishes n again.
// A reader loads n from layout.current and copies. The copy is whole if buffer.number was n before and after.
// Every word is stored with release and loaded with acquire: a reader that has seen one word of a later publication
// has also seen 1. tests/model/snapshot.pml proves it; `model:` names its steps. On x86 that costs the same as relaxed
// words between fences, and ThreadSanitizer understands it.
#include "ceymail/snapshot/snapshot_buffer.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "ceymail/util/fd.hpp"

namespace ceymail::snapshot {

namespace {

using Word = std::uint64_t;
using AtomicWord = std::atomic<Word>;
static_assert(AtomicWord::is_always_lock_free, "a lock in shared memory would stay locked when its holder dies");

constexpr std::size_t k_words = k_snapshot_capacity / sizeof(Word);
constexpr int k_attempts = 16;

struct alignas(64) Buffer {
    AtomicWord number;
    std::atomic<std::int64_t> taken_at_ns;
    std::atomic<std::int64_t> good_until_ns;
    AtomicWord finished;  // 0: no
    AtomicWord size;
    std::array<AtomicWord, k_words> words;
};

struct Layout {
    alignas(64) AtomicWord current;  // 0: nothing has been published
    std::array<Buffer, 2> buffers;
};

Layout& layout_of(const util::MappedMemory& memory) noexcept {
    // New pages of a memfd are zeros, which are valid atomics with the value 0.
    return *reinterpret_cast<Layout*>(memory.data());
}

util::BootTime time_of(std::int64_t ns) noexcept { return util::BootTime(std::chrono::nanoseconds(ns)); }

std::int64_t ns_of(util::BootTime time) noexcept { return time.time_since_epoch().count(); }

void store_words(Buffer& buffer, std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); at += sizeof(Word)) {
        Word word = 0;
        std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
        buffer.words[at / sizeof(Word)].store(word, std::memory_order_release);  // model: snapshot/store-words
    }
    buffer.size.store(text.size(), std::memory_order_release);  // model: snapshot/store-size
}

// The copy may be torn: the caller compares buffer.number.
void load_words(const Buffer& buffer, std::string& text) {
    // model: snapshot/load-size
    const std::size_t size = std::min<std::size_t>(buffer.size.load(std::memory_order_acquire), k_snapshot_capacity);
    const std::size_t count = (size + sizeof(Word) - 1) / sizeof(Word);
    text.resize_and_overwrite(count * sizeof(Word), [&](char* to, std::size_t) {
        for (std::size_t i = 0; i < count; ++i, to += sizeof(Word)) {
            const Word word = buffer.words[i].load(std::memory_order_acquire);  // model: snapshot/load-words
            std::memcpy(to, &word, sizeof word);
        }
        return size;
    });
}

// Calls take(buffer) until it was not overwritten meanwhile.
// Returns: its times; SnapshotTimes{} if there is no snapshot, or after k_attempts, which only a gatherer under an
// attacker's control causes.
template <class Take>
SnapshotTimes read_whole(const Layout& layout, Take take) {
    for (int attempt = 0; attempt < k_attempts; ++attempt) {
        const Word number = layout.current.load(std::memory_order_acquire);  // model: snapshot/load-current
        if (number == 0) break;
        const Buffer& buffer = layout.buffers[number % 2];
        // model: snapshot/compare-number-before
        if (buffer.number.load(std::memory_order_acquire) != number) continue;
        // model: snapshot/load-times
        const SnapshotTimes times{time_of(buffer.taken_at_ns.load(std::memory_order_acquire)),
                                  time_of(buffer.good_until_ns.load(std::memory_order_acquire)),
                                  buffer.finished.load(std::memory_order_acquire) != 0};
        take(buffer);
        // model: snapshot/compare-number-after
        if (buffer.number.load(std::memory_order_acquire) == number) return times;
    }
    return {};
}

}  // namespace

util::Result<SnapshotBuffer> SnapshotBuffer::make() {
    const util::Fd fd(memfd_create("ceymail-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) return util::fail_errno(errno, "cannot make the snapshot's shared memory");
    // fallocate, not ftruncate: access to a page that cannot be allocated would raise SIGBUS.
    if (fallocate(fd.get(), 0, 0, sizeof(Layout)) != 0)
        return util::fail_errno(errno, "cannot allocate the snapshot's shared memory", "give the service more memory");
    SnapshotBuffer buffer;
    CEYMAIL_TRY_ASSIGN(buffer.m_writable, util::MappedMemory::map(fd.get(), sizeof(Layout), util::Access::read_write));
    // After the writable mapping, which stays writable, and before the other, which can then never become writable.
    if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0)
        return util::fail(util::ErrorKind::unavailable,
                          "cannot seal the snapshot's shared memory: the kernel refuses; Linux 5.1 or newer is needed",
                          errno);
    CEYMAIL_TRY_ASSIGN(buffer.m_readable, util::MappedMemory::map(fd.get(), sizeof(Layout), util::Access::read_only));
    return buffer;
}

util::Result<void> SnapshotBuffer::publish(std::string_view text, SnapshotTimes times) {
    if (!m_writable) return util::fail(util::ErrorKind::denied, "cannot publish a snapshot: this process only reads");
    if (text.size() > k_snapshot_capacity)
        return util::fail(util::ErrorKind::exhausted, "cannot publish a snapshot of " + std::to_string(text.size()) +
                                                          " bytes: there is room for " +
                                                          std::to_string(k_snapshot_capacity));
    Layout& layout = layout_of(m_writable);
    const Word number = layout.current.load(std::memory_order_acquire) + 1;  // model: snapshot/next-number
    Buffer& buffer = layout.buffers[number % 2];
    buffer.number.store(0, std::memory_order_release);                           // model: snapshot/take-back-number
    buffer.taken_at_ns.store(ns_of(times.taken_at), std::memory_order_release);  // model: snapshot/store-times
    buffer.good_until_ns.store(ns_of(times.good_until), std::memory_order_release);
    buffer.finished.store(times.finished ? 1 : 0, std::memory_order_release);
    store_words(buffer, text);
    buffer.number.store(number, std::memory_order_release);   // model: snapshot/store-number
    layout.current.store(number, std::memory_order_release);  // model: snapshot/announce
    return {};
}

SnapshotTimes SnapshotBuffer::read(std::string& text) const {
    const auto times = read_whole(layout_of(m_readable), [&](const Buffer& buffer) { load_words(buffer, text); });
    if (times.taken_at == util::BootTime{}) text.clear();
    return times;
}

SnapshotTimes SnapshotBuffer::times() const noexcept {
    return read_whole(layout_of(m_readable), [](const Buffer&) {});
}

}  // namespace ceymail::snapshot
