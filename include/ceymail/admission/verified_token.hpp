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
    std::atomic<std::int64_t> verified_at;   // when the database was asked, BootClock ns; 0: empty
    std::array<std::atomic<std::uint8_t>, std::tuple_size_v<util::Digest>> digest;
    std::atomic<std::uint64_t> epoch;  // incremented by every clear(); this alone revokes
};

// Initializes the lock.
// Requires: no other process uses the storage.
void init_verified_lock(VerifiedStorage& storage);

// False when the storage is of another boot or damaged: its time is after `now`.
[[nodiscard]] bool plausible(const VerifiedStorage& storage, util::BootTime now) noexcept;

// A view of the storage, which must outlive it.
// A revoked token stays revoked by this order: a worker calls begin_question() before it asks the database, and calls
// remember() with what it got. A revocation calls clear() after its transaction. An answer from before the revocation
// then has an old epoch, and does not count. tests/model/revoke.pml proves it; `model:` in the code names its steps.
// A revocation on another node of a cluster clears nothing here. There the grace ends it, which begins with the
// question: the answer was true then, and may be old when it comes.
// Threads: any number, also of several processes.
class VerifiedToken {
public:
    explicit VerifiedToken(VerifiedStorage& storage, util::ClockFunction clock = util::BootClock::now) noexcept
        : m_storage(&storage), m_clock(clock) {}

    struct Question {
        std::uint64_t epoch = 0;
        util::BootTime asked_at{};
    };

    [[nodiscard]] Question begin_question() const noexcept;

    // Stores `digest`, which the database confirmed as the answer to `question`. Does nothing when the epoch has
    // changed, when the stored digest is the answer to a later question, or when the lock is not acquired in time.
    void remember(const util::Digest& digest, const Question& question) noexcept;

    // Removes every digest except `active`, which is the database's answer to `question`; no value: no token is active.
    // So a token that was revoked by hand in SQL does not pass after the first answer that shows it.
    void forget_unless(const std::optional<util::Digest>& active, const Question& question) noexcept;

    // Returns: true when the database was asked about `digest` within the last `grace`; 0: never. False when the lock
    // is not acquired in time. Security: takes the same time for every digest.
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
