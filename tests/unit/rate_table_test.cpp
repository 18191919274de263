// SPDX-License-Identifier: MIT
// RateTable: exactly twelve in any minute, and the behaviour of a full table.
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/rate_table.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace std::chrono_literals;

constexpr auto k_window = 60s;

util::BootTime hands;
std::chrono::nanoseconds step_per_look;  // between two readings of the clock
util::BootTime turned() noexcept {
    const auto now = hands;
    hands += step_per_look;
    return now;
}

AddressKey ipv4(std::uint64_t network) { return {network, AddressFamily::ipv4}; }
AddressKey ipv6(std::uint64_t network) { return {network, AddressFamily::ipv6}; }

struct Fixture {
    Fixture() {
        storage->seed = {1, 2};
        init_rate_locks(*storage);
        hands = util::BootTime{1000s};
        step_per_look = 0ns;
    }
    Admission admit(const AddressKey& whose) { return table.admit(whose).admission; }
    void spend(const AddressKey& whose) {
        for (std::size_t i = 0; i < k_admissions; ++i) BOOST_TEST_REQUIRE((admit(whose) == Admission::admitted));
    }
    // Uses more keys than there are slots, each of another /48, so that every bucket is full.
    // Returns: the number of admitted keys.
    std::size_t flood(std::uint64_t first = 0) {
        std::size_t admitted = 0;
        for (std::uint64_t i = 0; i < 4 * k_places; ++i)
            admitted += admit(ipv6((first + i) << 16)) == Admission::admitted ? 1U : 0U;
        return admitted;
    }
    // Uses new addresses, half of them IPv4.
    std::size_t refused_newcomers(std::uint64_t addresses = 2000) {
        std::size_t refused = 0;
        for (std::uint64_t i = 0; i < addresses / 2; ++i) {
            refused += admit(ipv4(0xC6000000 + i * 7919)) == Admission::full ? 1U : 0U;
            refused += admit(ipv6(0x2A00000000000000 + (i << 16))) == Admission::full ? 1U : 0U;
        }
        return refused;
    }

    static constexpr std::size_t k_places = k_slots_per_bucket * k_buckets;
    std::unique_ptr<RateStorage> storage = std::make_unique<RateStorage>();
    RateTable table{*storage, k_window, turned};
    AddressKey key = ipv4(0x01020304);
};

BOOST_FIXTURE_TEST_SUITE(rate_table, Fixture)

BOOST_AUTO_TEST_CASE(refuses_the_thirteenth_within_a_minute) {
    spend(key);
    for (int i = 0; i < 100; ++i) BOOST_TEST((admit(key) == Admission::spent));
}

BOOST_AUTO_TEST_CASE(admits_again_exactly_when_the_oldest_is_a_minute_old) {
    spend(key);
    hands += 60s - 1ns;
    BOOST_TEST((admit(key) == Admission::spent));
    hands += 1ns;
    spend(key);
    BOOST_TEST((admit(key) == Admission::spent));
}

BOOST_AUTO_TEST_CASE(a_steady_client_at_five_seconds_is_never_refused) {
    for (int i = 0; i < 1000; ++i, hands += 5s) BOOST_TEST_REQUIRE((admit(key) == Admission::admitted));
}

BOOST_AUTO_TEST_CASE(what_is_refused_does_not_count) {
    spend(key);
    for (int i = 0; i < 59; ++i, hands += 1s) BOOST_TEST_REQUIRE((admit(key) == Admission::spent));
    hands += 1s;
    BOOST_TEST((admit(key) == Admission::admitted));
}

BOOST_AUTO_TEST_CASE(says_after_how_many_seconds_a_request_passes) {
    struct Row {
        std::chrono::nanoseconds later;
        std::chrono::seconds want;
    };
    for (const auto& row :
         {Row{0ns, 60s}, Row{1ns, 60s}, Row{1s, 59s}, Row{1s + 1ns, 59s}, Row{59s, 1s}, Row{60s - 1ns, 1s}}) {
        const auto fresh = ipv6(static_cast<std::uint64_t>(row.later.count()));
        spend(fresh);
        hands += row.later;
        const auto decision = table.admit(fresh);
        BOOST_TEST((decision.admission == Admission::spent));
        BOOST_TEST(decision.retry_after.count() == row.want.count());
        hands += decision.retry_after;
        BOOST_TEST((admit(fresh) == Admission::admitted));
    }
}

BOOST_AUTO_TEST_CASE(returns_the_time_of_the_decision) {
    hands += 7ns;
    BOOST_TEST((table.admit(key).decided_at == hands));
}

BOOST_AUTO_TEST_CASE(counts_from_the_first_moment_after_boot) {
    hands = util::BootTime{};
    spend(key);
    BOOST_TEST((admit(key) == Admission::spent));
    hands += 60s;
    BOOST_TEST((admit(key) == Admission::spent));  // the moment 0 means never, so 1 ns was written
    hands += 1ns;
    BOOST_TEST((admit(key) == Admission::admitted));
}

BOOST_AUTO_TEST_CASE(keeps_keys_apart) {
    spend(ipv4(5));
    BOOST_TEST((admit(ipv6(5)) == Admission::admitted));
    BOOST_TEST((admit(ipv4(6)) == Admission::admitted));
    BOOST_TEST((admit(ipv4(5)) == Admission::spent));
}

BOOST_AUTO_TEST_CASE(ten_thousand_addresses_of_one_64_get_twelve_together) {
    std::size_t admitted = 0;
    for (int i = 0; i < 10'000; ++i) {
        std::array<char, 40> text{};
        std::snprintf(text.data(), text.size(), "2001:db8:1:2:%x::%x", static_cast<unsigned>(i % 7),
                      static_cast<unsigned>(i));
        admitted += admit(parse_address_key(text.data()).value()) == Admission::admitted ? 1U : 0U;
    }
    BOOST_TEST(admitted == k_admissions);
}

// The reference: a list of all admissions, counted for each request.
BOOST_AUTO_TEST_CASE(decides_like_a_list_of_all_admissions) {
    for (const unsigned seed : {1U, 2U, 3U, 20261122U}) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            std::mt19937_64 random(seed);
            std::map<std::uint64_t, std::vector<util::BootTime>> admitted_at;
            const std::array<std::chrono::nanoseconds, 8> steps{0ns, 1ns, 1ms, 400ms, 1s, 5s, 5s - 1ns, 61s};
            std::discrete_distribution<std::size_t> choose_step({40, 10, 15, 10, 10, 5, 5, 1});
            for (int i = 0; i < 20'000; ++i) {
                hands += steps[choose_step(random)];
                const std::uint64_t network = random() % 6;
                auto& times = admitted_at[network];
                const auto in_window = std::ranges::count_if(times, [](auto time) { return hands - time < k_window; });
                const auto want = in_window < 12 ? Admission::admitted : Admission::spent;
                BOOST_TEST_REQUIRE((admit(ipv4(network)) == want),
                                   "request " << i << " at " << hands.time_since_epoch().count());
                if (want == Admission::admitted) times.push_back(hands);
            }
            hands += 1h;
        }
    }
}

BOOST_AUTO_TEST_CASE(a_full_table_refuses_newcomers_and_counts_them) {
    BOOST_TEST(flood() == k_places);
    BOOST_TEST(storage->full_total == 3 * k_places);
    const auto decision = table.admit(key);
    BOOST_TEST((decision.admission == Admission::full));
    BOOST_TEST(decision.retry_after.count() == 60);
}

BOOST_AUTO_TEST_CASE(one_48_keeps_out_one_newcomer_in_two_hundred_at_most) {
    std::size_t admitted = 0;
    for (std::uint64_t i = 0; i < 65'536; ++i)
        admitted += admit(ipv6(0x20010DB800010000 + i)) == Admission::admitted ? 1U : 0U;
    BOOST_TEST(admitted == k_slots_per_bucket);
    BOOST_TEST(refused_newcomers() <= 10U);
    BOOST_TEST(refused_newcomers() <= 10U, "the same, once they have a place");
}

// The effect of 256 /48s, for SECURITY.md: each fills a bucket, and 1/e of the buckets stay free.
BOOST_AUTO_TEST_CASE(many_48s_fill_many_buckets) {
    for (std::uint64_t site = 0; site < k_buckets; ++site)
        for (std::uint64_t i = 0; i < 100; ++i) (void)admit(ipv6(0x20010DB800000000 + (site << 16) + i));
    const auto refused = refused_newcomers();
    BOOST_TEST(refused > 1000U);
    BOOST_TEST(refused < 1500U);
}

BOOST_AUTO_TEST_CASE(the_64s_of_a_48_stay_keys_of_their_own) {
    spend(ipv6(0x20010DB800010000));
    spend(ipv6(0x20010DB800010001));
    BOOST_TEST((admit(ipv6(0x20010DB800010000)) == Admission::spent));
    table.keep(ipv6(0x20010DB800010001));
    BOOST_TEST(plausible(*storage, hands));
}

// With one bucket per block of addresses, a few customers of a cloud could block all others of their block.
BOOST_AUTO_TEST_CASE(the_addresses_of_an_ipv4_block_do_not_fill_a_bucket) {
    for (std::uint64_t i = 0; i < 4096; ++i) BOOST_TEST_REQUIRE((admit(ipv4(0xCB007000 + i)) == Admission::admitted));
    BOOST_TEST(refused_newcomers(200) <= 1U);
}

BOOST_AUTO_TEST_CASE(a_flood_frees_no_spent_key_and_takes_no_place) {
    const auto half_spent = ipv4(0x05060708);
    spend(key);
    for (int i = 0; i < 5; ++i) (void)admit(half_spent);
    for (std::uint64_t minute_part = 0; minute_part < 59; ++minute_part, hands += 1s) {
        if (minute_part % 20 == 0) (void)flood(minute_part << 32);
        BOOST_TEST_REQUIRE((admit(key) == Admission::spent));
    }
    for (int i = 0; i < 7; ++i) BOOST_TEST((admit(half_spent) == Admission::admitted));
    BOOST_TEST((admit(half_spent) == Admission::spent));
    hands += 1s;
    BOOST_TEST((admit(key) == Admission::admitted));
}

BOOST_AUTO_TEST_CASE(a_slot_is_reused_when_its_key_has_expired) {
    (void)flood();
    hands += 60s - 1ns;
    BOOST_TEST((admit(key) == Admission::full));
    hands += 1ns;
    BOOST_TEST(flood(1ULL << 40) == k_places);
}

BOOST_AUTO_TEST_CASE(who_authenticated_keeps_its_place_for_an_hour) {
    (void)admit(key);
    table.keep(key);
    for (std::uint64_t minute = 1; minute < 60; ++minute) {
        hands += 60s;
        if (minute % 10 == 9) (void)flood(minute << 32);
    }
    BOOST_TEST((admit(key) == Admission::admitted));

    hands += 60s;  // the hour is over, and so is the last admission's minute
    (void)flood(1ULL << 44);
    BOOST_TEST((admit(key) == Admission::full));
}

BOOST_AUTO_TEST_CASE(keeping_an_unknown_key_makes_no_place) {
    table.keep(key);
    BOOST_TEST(flood() == k_places);
    BOOST_TEST((admit(key) == Admission::full));
}

BOOST_AUTO_TEST_CASE(shows_who_was_admitted_since) {
    const auto since = [&](std::chrono::seconds ago) { return admitted_since(*storage, hands - ago, 10).size(); };
    BOOST_TEST(since(60s) == 0U);
    BOOST_TEST_REQUIRE((admit(key) == Admission::admitted));
    hands += 50s;
    BOOST_TEST_REQUIRE((admit(ipv6(1)) == Admission::admitted));
    BOOST_TEST((admitted_since(*storage, hands - 20s, 10) == std::vector{ipv6(1)}));
    BOOST_TEST(since(60s) == 2U);
    BOOST_TEST(since(24h) == 2U);  // before the boot: all
    BOOST_TEST(admitted_since(*storage, hands - 60s, 1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_decision_that_took_too_long_is_none_but_counts) {
    step_per_look = k_longest_decision + 1ns;
    const auto decision = table.admit(key);
    BOOST_TEST((decision.admission == Admission::undecided));
    BOOST_TEST(decision.retry_after.count() == 1);
    BOOST_TEST(storage->undecided_total == 1U);
    step_per_look = 0ns;
    for (int i = 0; i < 11; ++i) BOOST_TEST((admit(key) == Admission::admitted));
    BOOST_TEST((admit(key) == Admission::spent));
}

BOOST_AUTO_TEST_CASE(a_decision_just_in_time_stands) {
    step_per_look = k_longest_decision;
    BOOST_TEST((admit(key) == Admission::admitted));
}

BOOST_AUTO_TEST_CASE(a_clock_that_steps_back_admits_no_key_early) {
    spend(key);
    hands -= 100s;
    BOOST_TEST((admit(key) == Admission::spent));
    hands += 160s - 1ns;
    BOOST_TEST((admit(key) == Admission::spent));
    hands += 1ns;
    BOOST_TEST((admit(key) == Admission::admitted));
}

// A process that dies while it installs a key leaves a slot without a family and with any log.
BOOST_AUTO_TEST_CASE(a_half_installed_slot_is_an_empty_one) {
    for (auto& bucket : storage->buckets) {
        for (auto& log : bucket.admitted_at)
            for (auto& time : log) time = hands.time_since_epoch().count();
        for (auto& network : bucket.networks) network = key.network;
        for (auto& time : bucket.authenticated_at) time = hands.time_since_epoch().count();
    }
    BOOST_TEST(plausible(*storage, hands));
    spend(key);
    BOOST_TEST((admit(key) == Admission::spent));
    BOOST_TEST(flood() == k_places - 1);
}

// Otherwise one client would have the table thrown away at the next start.
BOOST_AUTO_TEST_CASE(an_address_of_all_ones_is_its_own) {
    BOOST_TEST((admit(ipv4(0xFFFFFFFF)) == Admission::admitted));
    BOOST_TEST((admit(ipv6(UINT64_MAX)) == Admission::admitted));
    BOOST_TEST(plausible(*storage, hands));
}

BOOST_AUTO_TEST_CASE(knows_storage_that_cannot_be_its_own) {
    (void)flood();
    BOOST_TEST(plausible(*storage, hands));
    BOOST_TEST(!plausible(*storage, hands - 1ns));

    auto& bucket = storage->buckets[17];
    struct Damage {
        const char* label;
        std::function<void()> do_it, undo_it;
    };
    const auto at = hands.time_since_epoch().count();
    const auto network = bucket.networks[3].load();
    const std::array damages{
        Damage{"seed", [&] { storage->seed[1] ^= 1; }, [&] { storage->seed[1] ^= 1; }},
        Damage{"family", [&] { bucket.families[3] = 5; }, [&] { bucket.families[3] = 6; }},
        Damage{"other family", [&] { bucket.families[3] = 4; }, [&] { bucket.families[3] = 6; }},
        Damage{"network", [&] { bucket.networks[3] = network ^ (1ULL << 63); }, [&] { bucket.networks[3] = network; }},
        Damage{"future admission", [&] { bucket.admitted_at[3][11] = at + 1; }, [&] { bucket.admitted_at[3][11] = 0; }},
        Damage{"negative admission", [&] { bucket.admitted_at[3][11] = -1; }, [&] { bucket.admitted_at[3][11] = 0; }},
        Damage{"future login", [&] { bucket.authenticated_at[3] = at + 1; }, [&] { bucket.authenticated_at[3] = 0; }},
    };
    for (const auto& damage : damages) {
        damage.do_it();
        BOOST_TEST(!plausible(*storage, hands), damage.label);
        damage.undo_it();
        BOOST_TEST(plausible(*storage, hands), damage.label);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
