// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/respawn_throttle.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;
using ceymail::supervisor::RespawnThrottle;
using ceymail::util::AwakeTime;

namespace {
constexpr AwakeTime k_t{1h};
}

BOOST_AUTO_TEST_SUITE(respawn_throttle)

BOOST_AUTO_TEST_CASE(replaces_at_once_a_process_that_lived_a_second) {
    RespawnThrottle throttle;
    for (int i = 0; i < 5; ++i) BOOST_TEST((throttle.due(k_t - 1s, k_t) == k_t));
}

BOOST_AUTO_TEST_CASE(replaces_the_first_early_exit_at_once) {
    BOOST_TEST((RespawnThrottle().due(k_t - 1ms, k_t) == k_t));
}

BOOST_AUTO_TEST_CASE(replaces_repeated_early_exits_once_a_second) {
    RespawnThrottle throttle;
    auto due = throttle.due(k_t - 1ms, k_t);
    for (int i = 1; i <= 10; ++i) {
        due = throttle.due(due, due + 1ms);
        BOOST_TEST((due == k_t + i * 1s));
    }
}

BOOST_AUTO_TEST_CASE(shares_the_second_among_all_processes_of_a_role) {
    RespawnThrottle throttle;
    const auto exited = k_t + 1ms;
    BOOST_TEST((throttle.due(k_t, exited) == exited));
    BOOST_TEST((throttle.due(k_t, exited) == exited + 1s));
    BOOST_TEST((throttle.due(k_t, exited) == exited + 2s));
}

BOOST_AUTO_TEST_CASE(forgets_once_a_second_has_passed) {
    RespawnThrottle throttle;
    BOOST_TEST((throttle.due(k_t - 1ms, k_t) == k_t));
    BOOST_TEST((throttle.due(k_t + 2s, k_t + 2s) == k_t + 2s));
}

BOOST_AUTO_TEST_SUITE_END()
