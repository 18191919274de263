// SPDX-License-Identifier: MIT
// The start of a service, from the properties of its unit.
#include <boost/test/unit_test.hpp>

#include "ceymail/collect/unit_start_times.hpp"

using ceymail::collect::start_of;
using ceymail::collect::StartTime;
using ceymail::collect::UnitProcess;

BOOST_AUTO_TEST_SUITE(unit_start_times)

BOOST_AUTO_TEST_CASE(the_start_is_that_of_the_main_process_else_that_of_the_unit) {
    struct Case {
        const char* label;
        UnitProcess unit;
        std::optional<StartTime> want;
    };
    for (const auto& [label, unit, want] : std::vector<Case>{
             {"a main process", {100, 5, 7, true}, StartTime{5}},
             {"no main process is known", {0, 0, 7, true}, StartTime{7}},
             {"the main process has just ended", {0, 5, 7, true}, std::nullopt},
             {"a main process without a time", {100, 0, 7, true}, std::nullopt},
             {"never active", {0, 0, 0, true}, std::nullopt},
             {"an answer is missing", {100, 5, 0, false}, std::nullopt},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST((start_of(unit) == want)); }
    }
}

BOOST_AUTO_TEST_SUITE_END()
