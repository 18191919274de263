// SPDX-License-Identifier: MIT
// CircuitBreaker between processes.
#include <atomic>
#include <chrono>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/circuit_breaker.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace std::chrono_literals;
using testing::ForkedChild;

struct Shared {
    BreakerStorage storage;
    std::atomic<int> asked;
    std::atomic<std::int64_t> now;
};

// All processes use the same clock value.
testing::SharedValue<Shared>& shared() {
    static testing::SharedValue<Shared> s_shared;
    return s_shared;
}
util::BootTime turned() noexcept { return util::BootTime{std::chrono::nanoseconds(shared()->now)}; }

BOOST_AUTO_TEST_SUITE(circuit_breaker_processes)

BOOST_AUTO_TEST_CASE(of_many_processes_one_asks_in_each_pause_and_its_death_changes_nothing) {
    shared()->now = std::chrono::nanoseconds(1000s).count();
    CircuitBreaker breaker(shared()->storage, turned);
    breaker.timed_out();
    constexpr int k_pauses = 50;
    for (int pause = 0; pause < k_pauses; ++pause) {
        shared()->now += std::chrono::nanoseconds(k_breaker_pause).count();
        std::vector<ForkedChild> children;
        for (int i = 0; i < 8; ++i)
            children.emplace_back([] {
                CircuitBreaker own(shared()->storage, turned);
                for (int j = 0; j < 1000; ++j) shared()->asked += own.may_ask() ? 1 : 0;
                return 0;  // without a report
            });
        for (auto& child : children) BOOST_TEST(child.wait() == 0);
        BOOST_TEST(shared()->asked == pause + 1);
    }
    breaker.answered();
    ForkedChild other([] { return CircuitBreaker(shared()->storage, turned).may_ask() ? 0 : 1; });
    BOOST_TEST(other.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
