// SPDX-License-Identifier: MIT
// A segment with any bytes. header_fault() accepts only the one header. With every table that plausible() accepts, the
// limiter admits no thirteenth.
// The input: if the first byte is odd, the header; otherwise slots of a table, 20 bytes each, see Slot.
// fuzz: -max_len=512
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "ceymail/admission/rate_table.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/siphash.hpp"
#include "fuzz/fuzz.hpp"

using namespace ceymail::admission;
using namespace ceymail::shared;
using namespace ceymail::util;
using ceymail::fuzz::require;
using ceymail::util::BootTime;

namespace {

constexpr std::chrono::seconds k_window{60};

BootTime now() noexcept { return BootTime{std::chrono::hours{2}}; }

void check_header(std::string_view bytes) {
    const SegmentHeader expected = make_header(123456, "8a2f3c1e-0000-4000-8000-0123456789ab");
    SegmentHeader found = expected;
    std::memcpy(&found, bytes.data(), std::min(bytes.size(), sizeof found));
    const bool same = std::memcmp(&found, &expected, sizeof found) == 0;
    require(header_fault(found, expected).has_value() != same, "every byte counts");
}

struct Slot {
    std::uint8_t bucket;
    std::uint8_t slot;  // highest bit: in the address's own bucket, not in `bucket`
    std::uint8_t family;
    std::uint8_t entry;  // of the log; beyond it: the time of authentication
    std::uint64_t network;
    std::int64_t time;
};

std::vector<Slot> slots_of(std::string_view bytes) {
    std::vector<Slot> slots;
    for (; bytes.size() >= 20; bytes.remove_prefix(20)) {
        Slot slot{};
        std::memcpy(&slot.bucket, bytes.data(), 1);
        std::memcpy(&slot.slot, bytes.data() + 1, 1);
        std::memcpy(&slot.family, bytes.data() + 2, 1);
        std::memcpy(&slot.entry, bytes.data() + 3, 1);
        std::memcpy(&slot.network, bytes.data() + 4, 8);
        std::memcpy(&slot.time, bytes.data() + 12, 8);
        slots.push_back(slot);
    }
    return slots;
}

RateStorage& storage() {
    static const auto made = [] {
        auto fresh = std::make_unique<RateStorage>();
        init_rate_locks(*fresh);
        return fresh;
    }();
    return *made;
}

// As in rate_table.cpp: of the network and the family, in this order.
std::size_t home_of(const Slot& slot) {
    std::array<std::byte, 12> message;
    const std::uint32_t family = slot.family;
    std::memcpy(message.data(), &slot.network, 8);
    std::memcpy(message.data() + 8, &family, 4);
    return siphash(message, storage().seed) % k_buckets;
}

RateBucket& bucket_of(const Slot& slot) { return storage().buckets[slot.slot >= 128 ? home_of(slot) : slot.bucket]; }

std::size_t place_of(const Slot& slot) { return slot.slot % k_slots_per_bucket; }

void write(const Slot& slot) {
    RateBucket& bucket = bucket_of(slot);
    const auto at = place_of(slot);
    bucket.families[at] = slot.family;
    bucket.networks[at] = slot.network;
    (slot.entry < k_admissions ? bucket.admitted_at[at][slot.entry] : bucket.authenticated_at[at]) = slot.time;
}

void wipe(const Slot& slot) {
    RateBucket& bucket = bucket_of(slot);
    const auto at = place_of(slot);
    bucket.families[at] = 0;
    bucket.networks[at] = 0;
    bucket.authenticated_at[at] = 0;
    for (auto& time : bucket.admitted_at[at]) time = 0;
}

// The slot of an address: the first one counts.
std::ptrdiff_t admissions_of(const RateBucket& bucket, std::uint32_t family, std::uint64_t network) {
    for (std::size_t at = 0; at < k_slots_per_bucket; ++at) {
        if (bucket.families[at] != family || bucket.networks[at] != network) continue;
        return std::ranges::count_if(bucket.admitted_at[at], [](const auto& time) {
            return time != 0 && now().time_since_epoch() - std::chrono::nanoseconds(time.load()) < k_window;
        });
    }
    return 0;
}

void check_limit(const Slot& slot) {
    const RateBucket& bucket = bucket_of(slot);
    const std::uint32_t family = bucket.families[place_of(slot)];
    const std::uint64_t network = bucket.networks[place_of(slot)];
    if (family == 0) return;
    RateTable table(storage(), k_window, now);
    auto admissions = admissions_of(bucket, family, network);
    for (std::size_t i = 0; i <= k_admissions; ++i)
        if (table.admit({network, static_cast<AddressFamily>(family)}).admission == Admission::admitted) ++admissions;
    require(admissions == k_admissions, "twelve within a minute, and no thirteenth");
}

void check_table(std::string_view bytes) {
    const auto slots = slots_of(bytes);
    for (const Slot& slot : slots) write(slot);
    if (plausible(storage(), now())) {
        for (const Slot& slot : slots) check_limit(slot);
    }
    for (const Slot& slot : slots) wipe(slot);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = ceymail::fuzz::text_of(data, size);
    if (size > 0 && data[0] % 2 == 1) {
        check_header(bytes.substr(1));
    } else if (size > 0) {
        check_table(bytes.substr(1));
    }
    return 0;
}
