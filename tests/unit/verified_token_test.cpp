// SPDX-License-Identifier: MIT
// VerifiedToken: the stored digest, and its removal by a revocation.
#include <chrono>
#include <memory>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/verified_token.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace ceymail::util;
using namespace std::chrono_literals;

util::BootTime hands;
util::BootTime turned() noexcept { return hands; }

struct Fixture {
    Fixture() {
        init_verified_lock(*storage);
        hands = util::BootTime{1000s};
    }
    std::unique_ptr<VerifiedStorage> storage = std::make_unique<VerifiedStorage>();
    VerifiedToken verified{*storage, turned};
    util::Digest mine = util::sha256("mine");
    util::Digest other = util::sha256("other");
};

BOOST_FIXTURE_TEST_SUITE(verified_token, Fixture)

BOOST_AUTO_TEST_CASE(remembers_nothing_at_first) {
    BOOST_TEST(!verified.within_grace(mine, 300s));
    BOOST_TEST(!verified.within_grace(util::Digest{}, 300s));
}

BOOST_AUTO_TEST_CASE(accepts_only_the_digest_remembered_last) {
    verified.remember(other, verified.begin_question());
    verified.remember(mine, verified.begin_question());
    BOOST_TEST(verified.within_grace(mine, 300s));
    BOOST_TEST(!verified.within_grace(other, 300s));
    for (std::size_t i = 0; i < mine.size(); ++i) {
        auto near = mine;
        near[i] ^= 1;
        BOOST_TEST(!verified.within_grace(near, 300s), i);
    }
}

BOOST_AUTO_TEST_CASE(accepts_it_until_the_grace_is_over) {
    verified.remember(mine, verified.begin_question());
    hands += 300s;
    BOOST_TEST(verified.within_grace(mine, 300s));
    hands += 1ns;
    BOOST_TEST(!verified.within_grace(mine, 300s));
}

// The answer was true when it was asked for. A worker that is stopped before it stores it must not prolong the grace.
BOOST_AUTO_TEST_CASE(the_grace_begins_with_the_question) {
    const auto question = verified.begin_question();
    hands += 200s;
    verified.remember(mine, question);
    hands += 100s;
    BOOST_TEST(verified.within_grace(mine, 300s));
    hands += 1ns;
    BOOST_TEST(!verified.within_grace(mine, 300s));
}

// On a node of a cluster where another one has made a new token, nothing is cleared.
BOOST_AUTO_TEST_CASE(an_answer_to_an_earlier_question_replaces_no_newer_one) {
    const auto earlier = verified.begin_question();
    hands += 1s;
    verified.remember(mine, verified.begin_question());
    verified.remember(other, earlier);
    BOOST_TEST(verified.within_grace(mine, 300s));
    BOOST_TEST(!verified.within_grace(other, 300s));
}

BOOST_AUTO_TEST_CASE(a_grace_of_zero_is_none) {
    verified.remember(mine, verified.begin_question());
    BOOST_TEST(!verified.within_grace(mine, 0s));
}

BOOST_AUTO_TEST_CASE(a_time_in_the_future_does_not_count) {
    verified.remember(mine, verified.begin_question());
    hands -= 1s;
    BOOST_TEST(!verified.within_grace(mine, 300s));
    BOOST_TEST(!plausible(*storage, hands));
    BOOST_TEST(plausible(*storage, hands + 1s));
}

BOOST_AUTO_TEST_CASE(what_was_asked_before_a_clear_is_dropped) {
    const auto before = verified.begin_question();
    verified.clear();
    verified.remember(mine, before);
    BOOST_TEST(!verified.within_grace(mine, 300s));
    verified.remember(mine, verified.begin_question());
    BOOST_TEST(verified.within_grace(mine, 300s));
}

BOOST_AUTO_TEST_CASE(what_is_dropped_leaves_what_is_newer) {
    const auto before = verified.begin_question();
    verified.clear();
    verified.remember(mine, verified.begin_question());
    verified.remember(other, before);
    BOOST_TEST(verified.within_grace(mine, 300s));
}

BOOST_AUTO_TEST_CASE(a_clear_forgets_and_wipes) {
    verified.remember(mine, verified.begin_question());
    verified.clear();
    BOOST_TEST(!verified.within_grace(mine, 300s));
    for (const auto& byte : storage->digest) BOOST_TEST(byte == 0);
}

// A worker that was stopped between the check of the epoch and the store leaves the old epoch with its digest.
BOOST_AUTO_TEST_CASE(what_is_written_late_under_an_old_epoch_does_not_count) {
    verified.remember(mine, verified.begin_question());
    ++storage->epoch;
    BOOST_TEST(!verified.within_grace(mine, 300s));
}

BOOST_AUTO_TEST_CASE(a_clear_needs_no_lock) {
    verified.remember(mine, verified.begin_question());
    const auto before = verified.begin_question();
    pthread_mutex_lock(&storage->lock);
    verified.clear();
    pthread_mutex_unlock(&storage->lock);
    BOOST_TEST(storage->epoch > before.epoch);
    BOOST_TEST(!verified.within_grace(mine, 300s));
}

BOOST_AUTO_TEST_CASE(forgets_what_the_database_no_longer_knows) {
    struct Answer {
        const char* label;
        std::optional<util::Digest> active;
        bool still_remembered;
    };
    for (const auto& answer :
         {Answer{"the same", mine, true}, Answer{"another", other, false}, Answer{"none", std::nullopt, false}}) {
        verified.remember(mine, verified.begin_question());
        verified.forget_unless(answer.active, verified.begin_question());
        BOOST_TEST(verified.within_grace(mine, 300s) == answer.still_remembered, answer.label);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_of_an_old_epoch_forgets_nothing) {
    const auto before = verified.begin_question();
    verified.clear();
    verified.remember(mine, verified.begin_question());
    verified.forget_unless(other, before);
    BOOST_TEST(verified.within_grace(mine, 300s));
}

BOOST_AUTO_TEST_CASE(forgetting_also_drops_what_is_under_way) {
    const auto asked = verified.begin_question();
    verified.forget_unless(std::nullopt, verified.begin_question());
    verified.remember(mine, asked);
    BOOST_TEST(!verified.within_grace(mine, 300s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
