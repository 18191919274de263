// SPDX-License-Identifier: MIT
// Heartbeat slots, and which workers count as stuck.
#include "ceymail/supervisor/worker_heartbeats.hpp"

#include <boost/test/unit_test.hpp>

#include "support/forked_child.hpp"

using namespace ceymail::supervisor;
using namespace std::chrono_literals;
using ceymail::testing::ForkedChild;
using ceymail::util::AwakeTime;
namespace fastcgi = ceymail::fastcgi;

namespace {
constexpr AwakeTime k_now{1h};
}

BOOST_AUTO_TEST_SUITE(worker_heartbeats)

BOOST_AUTO_TEST_CASE(a_slot_begins_without_a_request_and_keeps_its_value) {
    auto heartbeats = WorkerHeartbeats::make(64);
    BOOST_TEST_REQUIRE(heartbeats.has_value());
    auto& slot = heartbeats->slot(63);
    BOOST_TEST((slot.load() == AwakeTime{}));
    slot = k_now;
    const auto moved = std::move(*heartbeats);  // the slot stays valid
    BOOST_TEST((slot.load() == k_now));
}

BOOST_AUTO_TEST_CASE(a_slot_that_is_kept_alone_is_still_shared) {
    auto heartbeats = WorkerHeartbeats::make(4);
    auto& slot = heartbeats->slot(2);
    const auto write = [&](fastcgi::BusySince& which) {
        return ForkedChild([&] {
                   heartbeats->keep_only(&slot);
                   which = k_now;
                   return 0;
               })
            .wait();
    };
    BOOST_TEST(write(slot) == 0);
    BOOST_TEST((slot.load() == k_now));
    for (const std::size_t other : {0U, 1U, 3U}) BOOST_TEST(write(heartbeats->slot(other)) == -SIGSEGV, other);
    const auto none = ForkedChild([&] {
                          heartbeats->keep_only(nullptr);
                          slot = AwakeTime{};
                          return 0;
                      }).wait();
    BOOST_TEST(none == -SIGSEGV);
}

BOOST_AUTO_TEST_CASE(a_worker_that_waits_for_requests_is_never_stuck) { BOOST_TEST(!is_overdue({}, k_now)); }

BOOST_AUTO_TEST_CASE(a_worker_with_the_longest_request_is_not_stuck) {
    BOOST_TEST(!is_overdue(k_now - k_longest_request, k_now));
    BOOST_TEST(!is_overdue(k_now - k_stuck_after, k_now));
}

BOOST_AUTO_TEST_CASE(a_worker_that_takes_twice_as_long_is_stuck) {
    BOOST_TEST(is_overdue(k_now - k_stuck_after - 1ms, k_now));
}

BOOST_AUTO_TEST_SUITE_END()
