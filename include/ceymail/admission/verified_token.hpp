// SPDX-License-Identifier: MIT
// VerifiedToken: the digest that the database confirmed last, for the time when it cannot be asked.
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

// In shared memory; only VerifiedToken touches it. All zeroes is an empty one, once init_verified_lock has run.
struct VerifiedStorage {
    pthread_mutex_t lock;                    // RobustLock; guards the three below against other responders
    std::atomic<std::uint64_t> under_epoch;  // what is remembered counts only while this is the epoch
    std::atomic<std::int64_t> verified_at;   // BootClock ns, 0: nothing is remembered
    std::array<std::atomic<std::uint8_t>, std::tuple_size_v<util::Digest>> digest;
    std::atomic<std::uint64_t> epoch;  // grows with every clear(); the one word that revokes
};

// Requires that no other process uses the storage.
void init_verified_lock(VerifiedStorage& storage);

// False when something in it lies after `now`: then it is another boot's or damaged.
[[nodiscard]] bool plausible(const VerifiedStorage& storage, util::BootTime now) noexcept;

// A view of storage that must outlive it. Any number of processes and threads.
// The order that keeps a revoked token revoked: a responder reads epoch() before it asks the database and
// remember()s under that epoch; revoking clear()s after its transaction. What was asked before the revocation
// then carries an old epoch, and never counts.
class VerifiedToken {
public:
    explicit VerifiedToken(VerifiedStorage& storage, util::ClockFunction clock = util::BootClock::now) noexcept;

    [[nodiscard]] std::uint64_t epoch() const noexcept;

    // The database confirmed `digest`, asked under `epoch`. Dropped when the epoch is over or the lock cannot be had.
    void remember(const util::Digest& digest, std::uint64_t epoch) noexcept;

    // The database said, asked under `epoch`, that `active` is the active token (none: no value): forgets any other,
    // so that a row revoked by hand in SQL does not live on from the first answer that shows it.
    void forget_unless(const std::optional<util::Digest>& active, std::uint64_t epoch) noexcept;

    // True when `digest` is the one remembered, not longer ago than `grace`; 0 is never. A lock that cannot be had:
    // false. Takes the same time for every digest.
    [[nodiscard]] bool within_grace(const util::Digest& digest, std::chrono::nanoseconds grace) noexcept;

    // Forgets, at once and for all. Takes no lock, so that no stopped, dead or hostile responder can stand in the way
    // of a revocation, and so that root may call it on memory that the responders' user can write.
    void clear() noexcept;

private:
    VerifiedStorage* m_storage;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::admission
