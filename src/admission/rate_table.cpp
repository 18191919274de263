// SPDX-License-Identifier: MIT
// The process may die between any two stores, and their order keeps the table valid: tests/model/limiter.pml proves it,
// and `model:` names its steps. Each store is a release, so none moves before an earlier one. The lock makes them
// visible to its next holder.
#include "ceymail/admission/rate_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <type_traits>

#include "ceymail/util/robust_lock.hpp"

namespace ceymail::admission {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr auto k_relaxed = std::memory_order_relaxed;
constexpr auto k_release = std::memory_order_release;

static_assert(std::is_standard_layout_v<RateStorage> && std::is_trivially_destructible_v<RateStorage>);
static_assert(std::atomic<std::int64_t>::is_always_lock_free && sizeof(std::atomic<std::int64_t>) == 8);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

std::uint32_t code_of(AddressFamily family) noexcept { return static_cast<std::uint32_t>(family); }

// IPv6: the /48. Every site has one free of charge; its 65,536 keys share a bucket and cannot fill the others.
// IPv4: the address. Addresses are few and expensive: a block of 4096 (/20) fills no bucket. With one bucket per
// block, 33 rented neighbours of a host would block it, and a botnet does not depend on blocks.
std::size_t bucket_index(const util::SipKey& seed, std::uint64_t network, std::uint32_t family) noexcept {
    const std::uint64_t site = family == code_of(AddressFamily::ipv6) ? network >> 16 : network;
    std::array<std::byte, sizeof site + sizeof family> message;
    std::memcpy(message.data(), &site, sizeof site);
    std::memcpy(message.data() + sizeof site, &family, sizeof family);
    return util::siphash(message, seed) % k_buckets;
}

std::optional<std::size_t> find(const RateBucket& bucket, const AddressKey& key) noexcept {
    for (std::size_t slot = 0; slot < k_slots_per_bucket; ++slot) {
        if (bucket.networks[slot].load(k_relaxed) == key.network &&
            bucket.families[slot].load(k_relaxed) == code_of(key.family))
            return slot;
    }
    return std::nullopt;
}

// 0 is never. A time in the future is not over.
bool is_over(std::int64_t time, nanoseconds span, std::int64_t now) noexcept {
    return time == 0 || now - time >= span.count();
}

// True when the slot can be reused without a change of any decision.
bool is_expired(const RateBucket& bucket, std::size_t slot, nanoseconds window, std::int64_t now) noexcept {
    return is_over(bucket.authenticated_at[slot].load(k_relaxed), k_authenticated_keep, now) &&
           std::ranges::all_of(bucket.admitted_at[slot],
                               [&](const auto& time) { return is_over(time.load(k_relaxed), window, now); });
}

std::optional<std::size_t> find_reusable(const RateBucket& bucket, nanoseconds window, std::int64_t now) noexcept {
    for (std::size_t slot = 0; slot < k_slots_per_bucket; ++slot)
        if (bucket.families[slot].load(k_relaxed) == code_of(AddressFamily::none)) return slot;
    for (std::size_t slot = 0; slot < k_slots_per_bucket; ++slot)
        if (is_expired(bucket, slot, window, now)) return slot;
    return std::nullopt;
}

// A slot without a family is empty. A process that dies in here leaves an empty slot, never a key with another key's
// log.
void install(RateBucket& bucket, std::size_t slot, const AddressKey& key) noexcept {
    bucket.families[slot].store(code_of(AddressFamily::none), k_release);  // model: limiter/clear-family
    for (auto& time : bucket.admitted_at[slot]) time.store(0, k_release);  // model: limiter/clear-times
    bucket.authenticated_at[slot].store(0, k_release);                     // model: limiter/clear-authenticated
    bucket.networks[slot].store(key.network, k_release);                   // model: limiter/store-network
    bucket.families[slot].store(code_of(key.family), k_release);           // model: limiter/store-family
}

seconds wait_of(nanoseconds left) noexcept { return std::max(std::chrono::ceil<seconds>(left), seconds{1}); }

RateDecision decide_by_log(AdmissionLog& log, nanoseconds window, std::int64_t now) noexcept {
    auto* oldest = &log.front();
    std::int64_t oldest_time = oldest->load(k_relaxed);
    std::int64_t newest_time = oldest_time;
    for (auto& entry : log) {
        const auto time = entry.load(k_relaxed);
        newest_time = std::max(newest_time, time);
        if (time < oldest_time) {
            oldest_time = time;
            oldest = &entry;
        }
    }
    if (!is_over(oldest_time, window, now))
        return {.admission = Admission::spent, .retry_after = wait_of(nanoseconds{oldest_time - now} + window)};
    // Not before the newest time, and not 0: the log stays in order even if the clock goes back.
    oldest->store(std::max({now, newest_time, std::int64_t{1}}), k_release);  // model: limiter/store-admission
    return {.admission = Admission::admitted};
}

bool is_address(std::uint64_t network, std::uint32_t family) noexcept {
    return family == code_of(AddressFamily::ipv6) ||
           (family == code_of(AddressFamily::ipv4) && std::bit_width(network) <= 32);
}

bool slot_is_plausible(const RateBucket& bucket, std::size_t slot, std::int64_t now) noexcept {
    const auto past = [now](const auto& time) { return time.load(k_relaxed) >= 0 && time.load(k_relaxed) <= now; };
    return past(bucket.authenticated_at[slot]) && std::ranges::all_of(bucket.admitted_at[slot], past);
}

}  // namespace

void init_rate_locks(RateStorage& storage) {
    for (auto& bucket : storage.buckets) util::init_robust_mutex(bucket.lock);
}

bool plausible(const RateStorage& storage, util::BootTime now) noexcept {
    for (std::size_t index = 0; index < k_buckets; ++index) {
        const auto& bucket = storage.buckets[index];
        for (std::size_t slot = 0; slot < k_slots_per_bucket; ++slot) {
            const auto family = bucket.families[slot].load(k_relaxed);
            const auto network = bucket.networks[slot].load(k_relaxed);
            if (family == code_of(AddressFamily::none)) continue;  // install() clears the rest
            if (!is_address(network, family) || bucket_index(storage.seed, network, family) != index ||
                !slot_is_plausible(bucket, slot, now.time_since_epoch().count()))
                return false;
        }
    }
    return true;
}

std::vector<AddressKey> admitted_since(const RateStorage& storage, util::BootTime since, std::size_t most) {
    std::vector<AddressKey> keys;
    const auto is_recent = [since](const auto& time) {
        return time.load(k_relaxed) > std::max<std::int64_t>(since.time_since_epoch().count(), 0);
    };
    for (const auto& bucket : storage.buckets) {
        for (std::size_t slot = 0; slot < k_slots_per_bucket && keys.size() < most; ++slot) {
            const auto family = static_cast<AddressFamily>(bucket.families[slot].load(k_relaxed));
            if (family != AddressFamily::none && std::ranges::any_of(bucket.admitted_at[slot], is_recent))
                keys.push_back({bucket.networks[slot].load(k_relaxed), family});
        }
    }
    return keys;
}

RateTable::RateTable(RateStorage& storage, nanoseconds window, util::ClockFunction clock) noexcept
    : m_storage(&storage), m_window(window), m_clock(clock) {}

RateDecision RateTable::admit(const AddressKey& key) noexcept {
    RateBucket& bucket = bucket_of(key);
    RateDecision decision;
    {
        const util::RobustLock lock(bucket.lock);  // model: limiter/lock
        if (!lock) return undecided();
        const auto now = m_clock();  // model: limiter/read-clock
        decision = decide(bucket, key, now.time_since_epoch().count());
        decision.decided_at = now;
    }  // model: limiter/unlock
    // A process that was stopped under the lock must not act on an old decision: others may have been admitted since.
    if (m_clock() - decision.decided_at > k_longest_decision) return undecided();
    if (decision.admission == Admission::full) m_storage->full_total.fetch_add(1, k_relaxed);
    return decision;
}

RateDecision RateTable::decide(RateBucket& bucket, const AddressKey& key, std::int64_t now) noexcept {
    auto slot = find(bucket, key);
    if (!slot) {
        slot = find_reusable(bucket, m_window, now);
        if (!slot) return {.admission = Admission::full, .retry_after = wait_of(m_window)};
        install(bucket, *slot, key);
    }
    return decide_by_log(bucket.admitted_at[*slot], m_window, now);
}

RateDecision RateTable::undecided() noexcept {
    m_storage->undecided_total.fetch_add(1, k_relaxed);
    return {.admission = Admission::undecided, .retry_after = seconds{1}};
}

void RateTable::keep(const AddressKey& key) noexcept {
    RateBucket& bucket = bucket_of(key);
    const util::RobustLock lock(bucket.lock);
    if (!lock) return;                        // the next request with a valid token does it
    if (const auto slot = find(bucket, key))  // model: limiter/keep
        bucket.authenticated_at[*slot].store(m_clock().time_since_epoch().count(), k_release);
}

RateBucket& RateTable::bucket_of(const AddressKey& key) const noexcept {
    return m_storage->buckets[bucket_index(m_storage->seed, key.network, code_of(key.family))];
}

}  // namespace ceymail::admission
