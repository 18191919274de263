// SPDX-License-Identifier: MIT
#include "ceymail/admission/verified_token.hpp"

#include <algorithm>

#include "ceymail/util/robust_lock.hpp"

namespace ceymail::admission {
namespace {

util::Digest load(const VerifiedStorage& storage) noexcept {
    util::Digest digest;
    std::ranges::transform(storage.digest, digest.begin(), [](const auto& byte) { return byte.load(); });
    return digest;
}

void wipe(VerifiedStorage& storage) noexcept {
    storage.verified_at = 0;                     // model: revoke/wipe-time
    for (auto& byte : storage.digest) byte = 0;  // model: revoke/wipe-digest
}

}  // namespace

void init_verified_lock(VerifiedStorage& storage) { util::init_robust_mutex(storage.lock); }

bool plausible(const VerifiedStorage& storage, util::BootTime now) noexcept {
    const std::int64_t verified_at = storage.verified_at;
    return verified_at >= 0 && verified_at <= now.time_since_epoch().count();
}

VerifiedToken::Question VerifiedToken::begin_question() const noexcept {
    return {.epoch = m_storage->epoch, .asked_at = m_clock()};  // model: revoke/read-epoch
}

void VerifiedToken::remember(const util::Digest& digest, const Question& question) noexcept {
    const util::RobustLock lock(m_storage->lock);
    const std::int64_t asked_at = question.asked_at.time_since_epoch().count();
    if (!lock || m_storage->epoch != question.epoch) return;  // model: revoke/compare-epoch
    if (m_storage->under_epoch == question.epoch && m_storage->verified_at > asked_at)
        return;  // model: revoke/keep-newer
    // The time is cleared first and set last: a death in between leaves an empty storage.
    m_storage->verified_at = 0;                            // model: revoke/clear-time
    std::ranges::copy(digest, m_storage->digest.begin());  // model: revoke/store-digest
    m_storage->under_epoch = question.epoch;               // model: revoke/store-epoch
    m_storage->verified_at = asked_at;                     // model: revoke/store-time
}

void VerifiedToken::forget_unless(const std::optional<util::Digest>& active, const Question& question) noexcept {
    const util::RobustLock lock(m_storage->lock);
    // With an older epoch this answer may be older than the stored digest.
    if (!lock || m_storage->epoch != question.epoch) return;
    if (active && util::equal_in_constant_time(*active, load(*m_storage))) return;
    clear();  // not wipe(): another worker may hold an answer from before the change
}

bool VerifiedToken::within_grace(const util::Digest& digest, std::chrono::nanoseconds grace) noexcept {
    const util::RobustLock lock(m_storage->lock);
    if (!lock) return false;
    const std::int64_t verified_at = m_storage->verified_at;                   // model: revoke/load-time
    const bool same = util::equal_in_constant_time(digest, load(*m_storage));  // model: revoke/load-digest
    const auto age = m_clock().time_since_epoch() - std::chrono::nanoseconds{verified_at};
    const bool fresh = grace.count() > 0 && verified_at > 0 && age.count() >= 0 && age <= grace;
    // The epoch is read last, so that a revocation that returned before this line counts.
    return same && fresh && m_storage->under_epoch == m_storage->epoch;  // model: revoke/load-epoch
}

void VerifiedToken::clear() noexcept {
    // This revokes; the rest only removes the digest from memory.
    ++m_storage->epoch;  // model: revoke/next-epoch
    wipe(*m_storage);
}

}  // namespace ceymail::admission
