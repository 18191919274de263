// SPDX-License-Identifier: MIT
// RateTable: at most 12 admissions per key in any window, exact, over all processes of the host.
//
// Main header of the room "admission", which decides whether a request may pass: address key, rate table, bearer token,
// grace; for the settings page gateway secret and session cookie.
// Processes: worker and plain CGI; ceymail-settings has a rate table of its own. ceymail-token clears the grace and
// makes tokens.
// May touch: its parts of the shared segment, and MariaDB through the given ActiveTokenSource; ceymail-settings and
// ceymail-token: the files of the two secrets.
// Attackers: every client of the web server, and a compromised worker, which can write to the shared segment.
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
inline constexpr std::size_t k_buckets = 256;  // room for 8192 keys
inline constexpr std::chrono::hours k_authenticated_keep{1};
inline constexpr std::chrono::milliseconds k_longest_decision{250};

enum class Admission {
    admitted,
    spent,      // 12 within the window
    full,       // no slot for a new key in its bucket: refused, counted
    undecided,  // the lock was not acquired in time, or the decision took too long: refused, counted
};

struct RateDecision {
    Admission admission = Admission::undecided;
    std::chrono::seconds retry_after{0};  // at least 1 unless admitted; if `spent`, the key's next request after it
                                          // passes
    util::BootTime decided_at{};          // read under the lock; epoch if undecided
};

// The layout in shared memory. Only RateTable uses it. It is plain data, valid as zeroes after init_rate_locks().
// A slot's log has no cursor: the oldest time is replaced. So one 8-byte store is the whole admission. A process that
// dies at any point has either admitted or not.
// Units: nanoseconds of BootClock; 0: never.
using AdmissionLog = std::array<std::atomic<std::int64_t>, k_admissions>;

struct alignas(64) RateBucket {
    pthread_mutex_t lock;                                                 // RobustLock
    std::array<std::atomic<std::uint32_t>, k_slots_per_bucket> families;  // AddressFamily; written last
    std::array<std::atomic<std::uint64_t>, k_slots_per_bucket> networks;
    std::array<std::atomic<std::int64_t>, k_slots_per_bucket> authenticated_at;
    std::array<AdmissionLog, k_slots_per_bucket> admitted_at;
};

// A hash of the IPv4 address, or of the /48 that contains the IPv6 key, selects the bucket. One /48 can fill only one
// bucket of k_buckets, whatever it sends. It blocks its own new keys and 0.4 % of all others.
struct RateStorage {
    util::SipKey seed;  // of the hash; random, so that a client cannot select a bucket
    std::atomic<std::uint64_t> full_total;
    std::atomic<std::uint64_t> undecided_total;
    std::array<RateBucket, k_buckets> buckets;
};

// Initializes the locks.
// Requires: no other process uses the storage.
void init_rate_locks(RateStorage& storage);

// False when the storage is of another boot or damaged: a time is after `now`, an address is invalid, or an address is
// in a bucket that its hash does not select.
[[nodiscard]] bool plausible(const RateStorage& storage, util::BootTime now) noexcept;

// Returns: at most `most` of the keys that were admitted since `since`, for --check.
// Threads: takes no lock, so the result is no consistent view.
[[nodiscard]] std::vector<AddressKey> admitted_since(const RateStorage& storage, util::BootTime since,
                                                     std::size_t most);

// A view of the storage, which must outlive it.
// Threads: any number, also of several processes.
class RateTable {
public:
    // `window`: 60 s by contract.
    RateTable(RateStorage& storage, std::chrono::nanoseconds window, util::ClockFunction clock) noexcept;

    // Counts one request of `key` and decides whether it may pass. Reads the clock under the lock. Waits at most 100 ms
    // for a lock. A decision that took longer than k_longest_decision, because the process was stopped, is undecided.
    // An admission that it has counted stays counted.
    // Requires: the key's family is not none.
    [[nodiscard]] RateDecision admit(const AddressKey& key) noexcept;

    // Call it when a client with `key` has sent a valid token. The key then keeps its slot for k_authenticated_keep,
    // even when the table is full.
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
