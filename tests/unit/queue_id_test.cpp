// SPDX-License-Identifier: MIT
// Arrival times out of Postfix's long queue ids.
#include "ceymail/collect/queue_id.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

namespace {

using ceymail::collect::arrival_of;
using ceymail::collect::is_message_name;

BOOST_AUTO_TEST_SUITE(queue_id)

BOOST_AUTO_TEST_CASE(tells_the_arrival_of_a_long_id) {
    const struct {
        const char* label;
        const char* in;
        std::int64_t want_microseconds;
    } table[] = {
        {"the epoch", "0000000000z0", 0},
        {"one second and one microsecond", "0000010001z1", 1'000'001},
        {"the last digit of each", "00000z000yzy", 51'000'050},
        {"the highest microsecond", "00000075plz0", 999'999},
        {"z among the digits of the time", "zzzzzz000zzy", 19'770'609'663'000'051},
        {"seven digits of seconds, from the year 2596 on", "10000000000zB", 19'770'609'664'000'000},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = arrival_of(row.in);
            BOOST_TEST_REQUIRE(got.has_value());
            BOOST_TEST(got->count() == row.want_microseconds);
        }
    }
}

BOOST_AUTO_TEST_CASE(knows_the_example_of_the_manual) {
    const auto got = arrival_of("3Pt2mN2VXxznjll");
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(got->count() == 1'300'631'508'353'025);  // 20 March 2011, when long ids were being written
}

BOOST_AUTO_TEST_CASE(a_message_has_a_name_of_letters_digits_and_underscores) {
    for (const std::string name : {"C3CD21F3E90", "3Pt2mN2VXxznjll", "example_com", "00", "__"}) {
        BOOST_TEST(is_message_name(name), name);
    }
    for (const std::string& name : {std::string{}, std::string{"A"}, std::string{".nfs0012"}, std::string{"#12345"},
                                    std::string{"lost+found"}, std::string{"1234.567"}, std::string{"A-B"},
                                    std::string{"A B"}, std::string{"\xc4\xb0"}, std::string("A\0B", 3)}) {
        BOOST_TEST(!is_message_name(name), name);
    }
}

BOOST_AUTO_TEST_CASE(tells_nothing_of_another_name) {
    const struct {
        const char* label;
        std::string in;
    } table[] = {
        {"empty", ""},
        {"a short id", "C3CD21F3E90"},
        {"a short id of digits alone", "123451234567"},
        {"z alone", "z"},
        {"five digits of seconds", "000000000z0"},
        {"eight digits of seconds", "000000000000z0"},
        {"eight digits of seconds, beyond all microseconds", "zzzzzzzz000zzy"},
        {"no inode", "0000000000z"},
        {"a vowel in the time", "00000A0000z0"},
        {"a vowel in the inode", "0000000000zA"},
        {"a whole second in microseconds", "00000075pmz0"},
        {"a blank", "000000 000z0"},
        {"a byte beyond ASCII",
         "00000\xff"
         "0000z0"},
        {"a zero byte", std::string("00000\0"
                                    "0000z0",
                                    12)},
        {"a hidden file", ".0000000000z0"},
        {"a very long name", std::string(255, 'z')},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) { BOOST_TEST(!arrival_of(row.in).has_value()); }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
