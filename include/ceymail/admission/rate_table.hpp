// SPDX-License-Identifier: MIT
// RateTable: at most 12 admissions per key in any window, exact, over all processes of the host.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pthread.h>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/siphash.hpp"

namespace ceymail::admission {

inline constexpr std::size_t k_admissions = 12;  // per key and window
inline constexpr std::size_t k_slots_per_bucket = 32;
inline constexpr std::size_t k_buckets = 256;  // 8192 addresses at once
inline constexpr std::chrono::hours k_authenticated_keep{1};
inline constexpr std::chrono::milliseconds k_longest_decision{250};

enum class Admission {
    admitted,
    spent,      // 12 within the window
    full,       // no place for a new key in its bucket: refused, counted
    undecided,  // the lock could not be had in time, or the decision took too long: refused, counted
};

struct RateDecision {
    Admission admission = Admission::undecided;
    std::chrono::seconds retry_after{0};  // whole seconds, at least 1 unless admitted; after them, if `spent`, the
                                          // key's next request passes
    util::BootTime decided_at{};          // the time that counts, read under the lock; epoch if undecided
};

// The layout in shared memory. Only RateTable touches it; all plain data, valid as zeroes after init_rate_locks.
// Times are nanoseconds of BootClock, 0 is never. A slot's log has no cursor: the oldest time is the one to
// replace, so that one 8-byte store is the whole admission, and a process that dies anywhere has either
// admitted or not.
using AdmissionLog = std::array<std::atomic<std::int64_t>, k_admissions>;

struct alignas(64) RateBucket {
    pthread_mutex_t lock;                                                 // RobustLock
    std::array<std::atomic<std::uint32_t>, k_slots_per_bucket> families;  // AddressFamily; written last
    std::array<std::atomic<std::uint64_t>, k_slots_per_bucket> networks;
    std::array<std::atomic<std::int64_t>, k_slots_per_bucket> authenticated_at;
    std::array<AdmissionLog, k_slots_per_bucket> admitted_at;
};

// A key's bucket is chosen by a hash, of an IPv4 address or of the /48 around an IPv6 key: one /48 fills one bucket of
// k_buckets, whatever it sends, so it keeps out new keys of its own and 0.4 % of all others.
struct RateStorage {
    util::SipKey seed;  // of the hash; from the kernel, so that nobody can choose a bucket
    std::atomic<std::uint64_t> full_total;
    std::atomic<std::uint64_t> undecided_total;
    std::array<RateBucket, k_buckets> buckets;
};

// Makes the locks (anew). Requires that no other process uses the storage.
void init_rate_locks(RateStorage& storage);

// False when a time in it lies after `now`, an address is none, or one stands where its hash does not lead:
// then it is another boot's or damaged.
[[nodiscard]] bool plausible(const RateStorage& storage, util::BootTime now) noexcept;

// The keys that were admitted since `since`, at most `most`. Takes no lock: a glance, for --check.
[[nodiscard]] std::vector<AddressKey> admitted_since(const RateStorage& storage, util::BootTime since,
                                                     std::size_t most);

// A view of storage that must outlive it. Any number of processes and threads.
class RateTable {
public:
    // `window`: 60 s by contract.
    RateTable(RateStorage& storage, std::chrono::nanoseconds window, util::ClockFunction clock) noexcept;

    // Counts one request of `key` and says whether it may pass. The clock is read inside the lock.
    // Never waits longer than 100 ms for a lock. A decision that took longer than k_longest_decision, because the
    // process was stopped in it, is undecided; what it may have counted stays counted.
    // Requires: the key's family is not none.
    [[nodiscard]] RateDecision admit(const AddressKey& key) noexcept;

    // `key` has shown a right token: it keeps its place for k_authenticated_keep, even when the table is full.
    void keep(const AddressKey& key) noexcept;

private:
    [[nodiscard]] RateBucket& bucket_of(const AddressKey& key) const noexcept;
    [[nodiscard]] RateDecision decide(RateBucket& bucket, const AddressKey& key, std::int64_t now) noexcept;
    [[nodiscard]] RateDecision undecided() noexcept;

    RateStorage* m_storage;
    std::chrono::nanoseconds m_window;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::admission
