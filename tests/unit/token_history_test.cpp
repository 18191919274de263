// SPDX-License-Identifier: MIT
// TokenHistory: which token came back, and which answers of the database count.
#include "ceymail/admission/token_history.hpp"

#include <boost/test/unit_test.hpp>

using namespace ceymail::admission;

namespace {

constexpr std::uint64_t k_now = 1'800'000'000;
constexpr std::uint64_t k_old = k_now - 5000;
constexpr std::uint64_t k_new = k_now - 100;

struct Fixture {
    TokenHistoryStorage storage{};
    TokenHistory history{storage};

    bool active(std::uint64_t created_at, std::uint64_t now = k_now) {
        return history.saw_active(created_at, history.newest(), now);
    }
    void none() { history.saw_none(history.newest()); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(token_history, Fixture)

BOOST_AUTO_TEST_CASE(a_newer_token_is_remembered_and_did_not_come_back) {
    BOOST_TEST(!active(k_old));
    BOOST_TEST(!active(k_old));
    BOOST_TEST(!active(k_new));
    BOOST_TEST((history.newest() == TokenMark{k_new, false}));
}

BOOST_AUTO_TEST_CASE(an_older_token_came_back_and_that_is_told_once) {
    active(k_new);
    BOOST_TEST(active(k_old));
    BOOST_TEST(!active(k_old));
    BOOST_TEST((history.newest() == TokenMark{k_new, false}), "it is still the newest that was seen");
    BOOST_TEST(active(k_old - 1), "another one");
    BOOST_TEST(!active(k_now - 1));
    BOOST_TEST(active(k_new), "the history goes on");
}

BOOST_AUTO_TEST_CASE(a_revoked_token_that_is_active_again_came_back) {
    active(k_new);
    none();
    none();
    BOOST_TEST((history.newest() == TokenMark{k_new, true}));
    BOOST_TEST(active(k_new));
    BOOST_TEST(!active(k_new + 1), "a new one did not");
}

BOOST_AUTO_TEST_CASE(without_any_token_there_is_nothing_to_remember) {
    none();
    BOOST_TEST((history.newest() == TokenMark{}));
    BOOST_TEST(!active(0));
    BOOST_TEST(!active(UINT64_MAX));
    BOOST_TEST((history.newest() == TokenMark{}));
}

// Another process asked later and was answered earlier.
BOOST_AUTO_TEST_CASE(an_answer_from_before_a_newer_one_changes_nothing) {
    active(k_old);
    const auto before = history.newest();
    active(k_new);
    BOOST_TEST(!history.saw_active(k_old, before, k_now), "it was active when it was asked for");
    history.saw_none(before);
    BOOST_TEST((history.newest() == TokenMark{k_new, false}));
}

BOOST_AUTO_TEST_CASE(a_mark_of_the_future_does_not_count_and_is_replaced) {
    active(k_now + 9999, k_now + 9999);  // the clock was wrong
    BOOST_TEST(!active(k_new));
    BOOST_TEST((history.newest() == TokenMark{k_new, false}));
    BOOST_TEST(active(k_old));
}

BOOST_AUTO_TEST_CASE(a_clock_before_the_tokens_replaces_no_mark) {
    active(k_new);
    BOOST_TEST(!active(k_old, 1000));
    BOOST_TEST((history.newest() == TokenMark{k_new, false}));
}

BOOST_AUTO_TEST_CASE(recalls_what_is_later_only) {
    history.recall({k_new, false});
    BOOST_TEST((history.newest() == TokenMark{k_new, false}));
    history.recall({k_old, true});
    BOOST_TEST((history.newest() == TokenMark{k_new, false}));
    history.recall({k_new, true});
    BOOST_TEST((history.newest() == TokenMark{k_new, true}));
    BOOST_TEST(active(k_new));
}

BOOST_AUTO_TEST_CASE(the_latest_time_that_a_mark_can_hold_counts_and_no_later_one) {
    constexpr std::uint64_t k_latest = UINT64_MAX / 2;
    BOOST_TEST(!active(k_latest + 1, UINT64_MAX));
    BOOST_TEST((history.newest() == TokenMark{}));
    BOOST_TEST(!active(k_latest, UINT64_MAX));
    BOOST_TEST((history.newest() == TokenMark{k_latest, false}));
    const auto read = parse_token_mark(to_text({k_latest, true}));
    BOOST_TEST_REQUIRE(read.has_value());
    BOOST_TEST((*read == TokenMark{k_latest, true}));
    BOOST_TEST(!parse_token_mark(to_text({k_latest + 1, true})).has_value());
}

BOOST_AUTO_TEST_CASE(a_mark_of_this_second_counts) {
    active(k_now);
    BOOST_TEST(active(k_old), "the token of this second is newer");
    BOOST_TEST((history.newest() == TokenMark{k_now, false}));
}

BOOST_AUTO_TEST_CASE(a_mark_is_one_line_of_text) {
    for (const TokenMark mark : {TokenMark{}, TokenMark{k_new, false}, TokenMark{k_new, true}}) {
        const auto read = parse_token_mark(to_text(mark));
        BOOST_TEST_REQUIRE(read.has_value(), to_text(mark));
        BOOST_TEST((*read == mark), to_text(mark));
    }
    for (const auto* text : {"", "\n", "12", "-1\n", "1 2\n", "x\n", "12 gone\n", " revoked\n", "12\n\n", "12 revoked",
                             "18446744073709551615\n", "99999999999999999999999\n"})
        BOOST_TEST(!parse_token_mark(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
