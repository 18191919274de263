// SPDX-License-Identifier: MIT
// VerifiedToken: the digest that the database confirmed last, for use during an outage of the database.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include <pthread.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// The layout in shared memory. Only VerifiedToken uses it. All zeroes: empty, after init_verified_lock().
struct VerifiedStorage {
    pthread_mutex_t lock;                    // RobustLock; guards the next three members
    std::atomic<std::uint64_t> under_epoch;  // the digest counts only while this equals `epoch`
    std::atomic<std::int64_t> verified_at;   // BootClock ns; 0: empty
    std::array<std::atomic<std::uint8_t>, std::tuple_size_v<util::Digest>> digest;
    std::atomic<std::uint64_t> epoch;  // incremented by every clear(); this alone revokes
};

// Initializes the lock.
// Requires: no other process uses the storage.
void init_verified_lock(VerifiedStorage& storage);

// False when the storage is of another boot or damaged: its time is after `now`.
[[nodiscard]] bool plausible(const VerifiedStorage& storage, util::BootTime now) noexcept;

// A view of the storage, which must outlive it.
// A revoked token stays revoked by this order: a worker reads epoch() before it asks the database, and calls remember()
// with that epoch. A revocation calls clear() after its transaction. An answer from before the revocation then has an
// old epoch, and does not count.
// Threads: any number, also of several processes.
class VerifiedToken {
public:
    explicit VerifiedToken(VerifiedStorage& storage, util::ClockFunction clock = util::BootClock::now) noexcept;

    [[nodiscard]] std::uint64_t epoch() const noexcept;

    // Stores `digest`, which the database confirmed in a question of `epoch`. Does nothing when the epoch has changed,
    // or when the lock is not acquired in time.
    void remember(const util::Digest& digest, std::uint64_t epoch) noexcept;

    // Removes every digest except `active`, which is the database's answer to a question of `epoch`; no value: no token
    // is active. So a token that was revoked by hand in SQL does not pass after the first answer that shows it.
    void forget_unless(const std::optional<util::Digest>& active, std::uint64_t epoch) noexcept;

    // Returns: true when `digest` was stored within the last `grace`; 0: never. False when the lock is not acquired in
    // time.
    // Security: takes the same time for every digest.
    [[nodiscard]] bool within_grace(const util::Digest& digest, std::chrono::nanoseconds grace) noexcept;

    // Removes the digest, and invalidates every answer of an earlier epoch.
    // Security: takes no lock, so a stopped, dead or compromised worker cannot block a revocation. So root may call it
    // on memory that the workers' user can write.
    void clear() noexcept;

private:
    VerifiedStorage* m_storage;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::admission
