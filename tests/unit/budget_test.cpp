// SPDX-License-Identifier: MIT
// WorkBudget: what all collectors cost together, as a rule and over a day of the model.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/scheduler/work_budget.hpp"

namespace {

using namespace std::chrono_literals;
using ceymail::scheduler::WorkAccount;
using ceymail::scheduler::WorkBudget;
using ceymail::util::BootTime;
using std::chrono::nanoseconds;

double in_seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

struct Case {
    const char* label;
    std::vector<nanoseconds> costs;
};

const std::vector<Case> k_cases{
    {"one", {100ms}},
    {"a million messages and a million mailboxes", {50us, 40us, 20us, 160ms, 2ms, 65ms}},
    {"all alike", {1ms, 1ms, 1ms, 1ms, 1ms, 1ms}},
    {"some that cost nothing", {0ns, 0ns, 1s}},
};

// How long each collector pauses after all have run at once.
std::vector<nanoseconds> rests(const std::vector<nanoseconds>& costs, const WorkBudget& budget = {}) {
    std::vector<nanoseconds> all;
    const BootTime start(1h);
    for (std::size_t i = 0; i < costs.size(); ++i) {
        WorkAccount account(budget, costs.size());
        for (std::size_t j = 0; j < costs.size(); ++j) account.charge(j, costs[j], start);
        nanoseconds rest{};
        while (!account.clear(i, start + rest)) rest += 1ms;
        all.push_back(rest);
    }
    return all;
}

// A day of `collectors` whose costs change at random over four powers of ten from run to run.
// Returns: their cost beyond the share, in units of the costliest run.
double overdraft(unsigned seed, std::size_t collectors, nanoseconds between_scrapes) {
    constexpr nanoseconds k_day = 24h;
    constexpr double k_share = 0.01;
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> exponent(-5, -0.3);  // 10 us to 0.5 s
    WorkAccount account({.share = k_share}, collectors);
    nanoseconds total{};
    nanoseconds costliest{};
    for (BootTime now{}; now.time_since_epoch() < k_day; now += between_scrapes) {
        for (std::size_t i = 0; i < collectors; ++i) {
            if (!account.clear(i, now)) continue;
            const nanoseconds cost(static_cast<nanoseconds::rep>(1e9 * std::pow(10, exponent(random))));
            account.charge(i, cost, now);
            total += cost;
            costliest = std::max(costliest, cost);
        }
    }
    return (in_seconds(total) - k_share * in_seconds(k_day)) / in_seconds(costliest);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(work_budget)

BOOST_AUTO_TEST_CASE(all_collectors_together_cost_the_share) {
    for (const auto& [label, costs] : k_cases) {
        BOOST_TEST_CONTEXT(label) {
            const auto rest = rests(costs);
            double spent = 0;
            for (std::size_t i = 0; i < costs.size(); ++i) {
                if (costs[i] > 0ns) spent += in_seconds(costs[i]) / in_seconds(rest[i]);
            }
            BOOST_TEST(spent <= 0.01);
            BOOST_TEST(spent > 0.0099);
        }
    }
}

BOOST_AUTO_TEST_CASE(each_collector_pauses_for_its_cost_over_the_share_at_least) {
    for (const auto& [label, costs] : k_cases) {
        BOOST_TEST_CONTEXT(label) {
            const auto rest = rests(costs);
            for (std::size_t i = 0; i < costs.size(); ++i)
                BOOST_TEST(in_seconds(rest[i]) >= in_seconds(costs[i]) * 100);
        }
    }
}

BOOST_AUTO_TEST_CASE(cheap_collectors_pause_briefly_next_to_costly_ones) {
    const auto rest = rests(k_cases[1].costs);
    BOOST_TEST(in_seconds(rest[0]) < 1);   // processor
    BOOST_TEST(in_seconds(rest[3]) < 40);  // queue
    BOOST_TEST(in_seconds(rest[5]) < 25);  // accounts
}

BOOST_AUTO_TEST_CASE(lets_all_run_without_a_share_or_a_cost_or_a_run) {
    BOOST_TEST((rests({10s}, {.share = 0})[0] == 0ns));
    BOOST_TEST((rests({0ns})[0] == 0ns));
    BOOST_TEST(WorkAccount({}, 1).clear(0, BootTime(1h)));
}

BOOST_AUTO_TEST_CASE(pays_a_debt_only_from_its_begin_on) {
    WorkAccount account({}, 2);
    account.charge(0, 1s, BootTime(1h));
    account.charge(1, 1s, BootTime(1h + 50s));  // half of the first is paid; now both are paid
    BOOST_TEST(!account.clear(0, BootTime(1h + 149s)));
    BOOST_TEST(account.clear(0, BootTime(1h + 151s)));
    BOOST_TEST(!account.clear(1, BootTime(1h + 249s)));
    BOOST_TEST(account.clear(1, BootTime(1h + 251s)));
}

BOOST_AUTO_TEST_CASE(holds_over_a_day_of_changing_costs_at_any_scrape_rate) {
    for (const auto between : {nanoseconds(100ms), nanoseconds(1s), nanoseconds(15s)}) {
        for (unsigned seed = 1; seed <= 3; ++seed) {
            const double beyond = overdraft(seed, 6, between);
            BOOST_TEST_MESSAGE("a scrape every " << in_seconds(between) << " s: " << beyond
                                                 << " runs beyond the share");
            BOOST_TEST(beyond < 6);  // the last run of each is not paid yet
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
