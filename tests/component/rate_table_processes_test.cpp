// SPDX-License-Identifier: MIT
// RateTable with several processes, which are stopped and killed at every point of a decision.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <sys/ptrace.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/rate_table.hpp"
#include "support/admission_history.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace ceymail::util;
using namespace std::chrono_literals;
using testing::ForkedChild;
using testing::in_window_before;
using testing::most_in_a_window;
using testing::SharedValue;
using testing::Times;

constexpr std::size_t k_processes = 4;

AddressKey ipv4(std::uint64_t network) { return {network, AddressFamily::ipv4}; }
AddressKey ipv6(std::uint64_t network) { return {network, AddressFamily::ipv6}; }

using History = testing::AdmissionHistory<1U << 20>;

struct Fixture {
    Fixture() {
        storage->seed = {3, 4};
        init_rate_locks(*storage);
    }
    [[nodiscard]] RateTable table(std::chrono::nanoseconds window) const {
        return {*storage, window, util::BootClock::now};
    }
    SharedValue<RateStorage> storage;
};

BOOST_FIXTURE_TEST_SUITE(rate_table_processes, Fixture)

BOOST_AUTO_TEST_CASE(the_history_checker_sees_a_thirteenth) {
    Times times(12, 1000);
    BOOST_TEST(most_in_a_window(times, 60ns) == 12U);
    times.push_back(1060);
    BOOST_TEST(most_in_a_window(times, 60ns) == 12U);
    times.push_back(1059);
    std::ranges::sort(times);
    BOOST_TEST(most_in_a_window(times, 60ns) == 13U);
    BOOST_TEST(in_window_before(times, 1059, 60ns) == 13U);
    BOOST_TEST(in_window_before(times, 1060, 60ns) == 2U);
}

BOOST_AUTO_TEST_CASE(a_crowd_gets_exactly_twelve_in_any_window) {
    constexpr auto k_window = 20ms;
    const SharedValue<History> admitted, spent;
    const auto end = util::BootClock::now() + 500ms;
    std::vector<ForkedChild> crowd;
    for (std::size_t i = 0; i < k_processes; ++i) {
        crowd.emplace_back([&] {
            auto shared = table(k_window);
            while (util::BootClock::now() < end) {
                const auto decision = shared.admit(ipv4(1));
                if (decision.admission == Admission::admitted) admitted->add(decision.decided_at);
                if (decision.admission == Admission::spent) spent->add(decision.decided_at);
            }
            return 0;
        });
    }
    for (auto& child : crowd) BOOST_TEST(child.wait() == 0);

    const auto admissions = admitted->sorted();
    const auto refusals = spent->sorted();
    const std::size_t undecided = storage->undecided_total;
    BOOST_TEST_MESSAGE(admissions.size() << " admitted, " << refusals.size() << " refused, " << undecided
                                         << " undecided");
    BOOST_TEST(admissions.size() > 2 * 12U);
    BOOST_TEST(refusals.size() > 1000U);
    BOOST_TEST(most_in_a_window(admissions, k_window) == 12U);
    const auto enough = [&](auto moment) { return in_window_before(admissions, moment, k_window) + undecided >= 12; };
    BOOST_TEST(std::ranges::all_of(refusals, enough));
}

BOOST_AUTO_TEST_CASE(a_series_of_kills_admits_no_thirteenth_and_blocks_no_process) {
    constexpr auto k_window = 20ms;
    constexpr std::size_t k_keys = 3;
    const SharedValue<std::array<History, k_keys>> admitted;
    const auto worker = [&] {
        auto shared = table(k_window);
        for (std::uint64_t i = 0;; ++i) {
            const auto decision = shared.admit(ipv4(i % k_keys));
            if (decision.admission == Admission::admitted) (*admitted)[i % k_keys].add(decision.decided_at);
        }
        return 0;
    };
    std::vector<ForkedChild> workers;
    for (std::size_t i = 0; i < k_processes; ++i) workers.emplace_back(worker);
    std::mt19937 random(20261122);
    std::size_t kills = 0;
    for (const auto end = util::BootClock::now() + 1s; util::BootClock::now() < end; ++kills) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 1000));
        auto& victim = workers[random() % workers.size()];
        victim.signal(SIGKILL);
        victim.wait();
        victim = ForkedChild(worker);
    }
    workers.clear();

    for (std::uint64_t key = 0; key < k_keys; ++key) {
        const auto admissions = (*admitted)[key].sorted();
        BOOST_TEST_MESSAGE("key " << key << ": " << admissions.size() << " admitted, " << kills << " kills");
        BOOST_TEST(admissions.size() > 2 * 12U);
        BOOST_TEST(most_in_a_window(admissions, k_window) <= 12U);
        BOOST_TEST((table(1ns).admit(ipv4(key)).admission == Admission::admitted));
    }
    BOOST_TEST(plausible(*storage, util::BootClock::now()));
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_with_the_lock_releases_it) {
    ForkedChild holder([this] {
        for (auto& bucket : storage->buckets) pthread_mutex_lock(&bucket.lock);
        return ::raise(SIGKILL);
    });
    BOOST_TEST(holder.wait() == -SIGKILL);
    auto shared = table(60s);
    for (std::uint64_t i = 0; i < 4 * k_buckets; ++i)
        BOOST_TEST((shared.admit(ipv4(i)).admission == Admission::admitted));
    BOOST_TEST(storage->undecided_total == 0U);
}

BOOST_AUTO_TEST_CASE(a_process_that_is_stopped_with_the_lock_costs_others_100_ms) {
    ForkedChild holder([this] {
        for (auto& bucket : storage->buckets) pthread_mutex_lock(&bucket.lock);
        ::raise(SIGSTOP);
        for (auto& bucket : storage->buckets) pthread_mutex_unlock(&bucket.lock);
        return 0;
    });
    holder.wait_until_stopped();
    auto shared = table(60s);
    const auto before = util::BootClock::now();
    const auto decision = shared.admit(ipv4(1));
    const auto waited = util::BootClock::now() - before;
    BOOST_TEST((decision.admission == Admission::undecided));
    BOOST_TEST(decision.retry_after.count() == 1);
    BOOST_TEST(storage->undecided_total == 1U);
    BOOST_TEST((waited >= 100ms && waited < 1s), waited.count());

    holder.signal(SIGCONT);
    BOOST_TEST(holder.wait() == 0);
    BOOST_TEST((shared.admit(ipv4(1)).admission == Admission::admitted));
}

// A child that reuses an expired slot is single-stepped. After each instruction the table is as the child's death would
// leave it, and is checked.
namespace step_by_step {

constexpr util::BootTime k_start{10'000s};
util::BootTime hands = k_start;
util::BootTime turned() noexcept { return hands; }

const AddressKey k_newcomer = ipv4(0x01020304);
const AddressKey k_spent = ipv6(0x20010db800000000);

bool is_spent(RateStorage& storage, const AddressKey& key) {
    return RateTable(storage, 60s, turned).admit(key).admission == Admission::spent;
}

void fill_with_dead_keys_and_one_spent(RateStorage& storage) {
    RateTable shared(storage, 60s, turned);
    hands = k_start;
    for (std::uint64_t i = 1; i <= 40'000; ++i) {
        (void)shared.admit(ipv6(i << 33));
        shared.keep(ipv6(i << 33));
    }
    hands = k_start + 2h - 10s;
    for (std::size_t i = 0; i < k_admissions; ++i) (void)shared.admit(k_spent);
    hands = k_start + 2h;
}

// Returns: how many more requests of the new key pass after a death at this point.
std::size_t left_for_newcomer(const RateStorage& live) {
    const auto copy = std::make_unique<RateStorage>();
    std::memcpy(static_cast<void*>(copy.get()), &live, sizeof live);
    BOOST_TEST_REQUIRE(plausible(*copy, hands));
    init_rate_locks(*copy);
    BOOST_TEST_REQUIRE(is_spent(*copy, k_spent));
    RateTable shared(*copy, 60s, turned);
    std::size_t left = 0;
    while (left <= 100 && shared.admit(k_newcomer).admission == Admission::admitted) ++left;
    return left;
}

}  // namespace step_by_step

BOOST_AUTO_TEST_CASE(a_death_at_any_instruction_has_either_admitted_or_not) {
    using namespace step_by_step;
    fill_with_dead_keys_and_one_spent(*storage);
    const SharedValue<std::atomic<bool>> done;
    ForkedChild child([&] {
        RateTable shared(*storage, 60s, turned);
        if (::ptrace(PTRACE_TRACEME) != 0) return 1;
        ::raise(SIGSTOP);
        *done = shared.admit(k_newcomer).admission == Admission::admitted;
        return 0;
    });
    child.wait_until_stopped();

    std::vector<std::size_t> seen{left_for_newcomer(*storage)};
    const auto last = std::make_unique<RateStorage>();
    std::size_t instructions = 0, states = 0;
    for (; !*done && instructions < 1'000'000; ++instructions) {
        BOOST_TEST_REQUIRE(::ptrace(PTRACE_SINGLESTEP, child.pid(), 0, 0) == 0);
        child.wait_until_stopped();
        if (std::memcmp(static_cast<void*>(last.get()), &*storage, sizeof *storage) == 0) continue;
        std::memcpy(static_cast<void*>(last.get()), &*storage, sizeof *storage);
        ++states;
        if (const auto left = left_for_newcomer(*storage); left != seen.back()) seen.push_back(left);
    }
    BOOST_TEST_MESSAGE(instructions << " instructions, " << states << " states");
    BOOST_TEST(*done);
    BOOST_TEST(states > 5U);
    BOOST_TEST((seen == std::vector<std::size_t>{12, 11}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
