// SPDX-License-Identifier: MIT
// VerifiedToken: the digest that the database confirmed last, for the time when it cannot be asked.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include <pthread.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::gate {

// In shared memory; only VerifiedToken touches it.
struct VerifiedStorage {
    pthread_mutex_t lock;               // robust, process-shared
    std::atomic<std::uint64_t> epoch;   // grows with every clear()
    std::atomic<std::int64_t> verified_at;  // BootClock ns, 0: nothing remembered
    util::Digest digest;
};

void init_verified_lock(VerifiedStorage& storage);

// A view of storage that must outlive it. Any number of processes and threads.
// The order that keeps a revoked token revoked: a responder reads epoch() before it asks the database and
// remember()s under that epoch; revoking clear()s after its transaction. What was asked before the revocation
// then carries an old epoch, and is dropped.
class VerifiedToken {
public:
    explicit VerifiedToken(VerifiedStorage& storage, util::ClockFunction clock = util::BootClock::now) noexcept;

    [[nodiscard]] std::uint64_t epoch() const noexcept;
    void remember(const util::Digest& digest, std::uint64_t epoch) noexcept;
    // True when `digest` is the one remembered, not longer ago than `grace`. A lock that cannot be had: false.
    [[nodiscard]] bool within_grace(const util::Digest& digest, std::chrono::nanoseconds grace) noexcept;
    // Forgets. False when the lock could not be had within 1 s: then nothing may be reported as revoked.
    [[nodiscard]] bool clear() noexcept;

private:
    VerifiedStorage* m_storage;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::gate
