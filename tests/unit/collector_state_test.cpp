// SPDX-License-Identifier: MIT
// The text form of collector states: what the gatherer writes and its readers accept.
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/snapshot/collector_state.hpp"

namespace {

using namespace ceymail::snapshot;

BOOST_AUTO_TEST_SUITE(collector_state)

BOOST_AUTO_TEST_CASE(parses_to_the_states_it_was_written_from) {
    const std::vector<CollectorState> states{{"cpu", Health::works, 3, {}},
                                             {"queue", Health::fails, 7200, "cannot list /x: no; give the right"},
                                             {"disk", Health::waits, 0, {}}};
    BOOST_TEST((from_text(to_text(states)).value() == states));
    BOOST_TEST(from_text("").value().empty());
}

BOOST_AUTO_TEST_CASE(any_error_becomes_one_line_within_the_limits) {
    const std::string words = "a\nb\tc\r\x1b[0m\x7f" + std::string(5000, 'x');
    const std::vector<CollectorState> states(k_most_collectors,
                                             {std::string(k_longest_name, 'q'), Health::fails, UINT64_MAX, words});
    const auto text = to_text(states);
    BOOST_TEST(text.size() <= k_longest_text);
    const auto taken = from_text(text);
    BOOST_TEST_REQUIRE(taken.has_value());
    BOOST_TEST(taken->at(0).trouble.starts_with("a b c  [0m xxx"));
    BOOST_TEST(taken->at(0).trouble.size() == k_longest_trouble);
    BOOST_TEST(taken->at(0).seconds == k_most_seconds);
    BOOST_TEST(from_text(to_text({{"cpu", Health::fails, 1, {}}, {"disk", Health::works, 1, "well"}})).has_value());
}

BOOST_AUTO_TEST_CASE(refuses_anything_else) {
    const struct {
        const char* label;
        std::string text;
    } cases[] = {
        {"no line feed", "cpu\tworks\t1\t"},
        {"an empty line", "\n"},
        {"a field short", "cpu\tworks\t1\n"},
        {"a tab in the trouble", "cpu\tfails\t1\ta\tb\n"},
        {"no name", "\tworks\t1\t\n"},
        {"a name with markup", "<b>\tworks\t1\t\n"},
        {"capitals", "CPU\tworks\t1\t\n"},
        {"a long name", std::string(33, 'a') + "\tworks\t1\t\n"},
        {"another health", "cpu\tsleeps\t1\t\n"},
        {"no health", "cpu\t\t1\t\n"},
        {"no seconds", "cpu\tworks\t\t\n"},
        {"a sign", "cpu\tworks\t-1\t\n"},
        {"a fraction", "cpu\tworks\t1.5\t\n"},
        {"more seconds than ten years", "cpu\tworks\t315360001\t\n"},
        {"more seconds than a number holds", "cpu\tworks\t99999999999999999999\t\n"},
        {"a failure without words", "cpu\tfails\t1\t\n"},
        {"words without a failure", "cpu\tworks\t1\twell\n"},
        {"long words", "cpu\tfails\t1\t" + std::string(1001, 'x') + "\n"},
        {"a NUL", std::string("cpu\tfails\t1\ta\0b\n", 16)},
        {"an escape", "cpu\tfails\t1\t\x1b[2J\n"},
        {"a good line and half of one", "cpu\tworks\t1\t\nmem"},
    };
    for (const auto& c : cases) BOOST_TEST(!from_text(c.text).has_value(), c.label);
    std::string many;
    for (std::size_t i = 0; i < k_most_collectors; ++i) many += "cpu\tworks\t1\t\n";
    BOOST_TEST(from_text(many).has_value());
    BOOST_TEST(!from_text(many + "cpu\tworks\t1\t\n").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
