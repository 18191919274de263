// SPDX-License-Identifier: MIT
// VerifiedToken with several processes: a worker that stops or dies at any point.
#include <chrono>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/verified_token.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace std::chrono_literals;
using testing::ForkedChild;

struct Fixture {
    Fixture() {
        init_verified_lock(*storage);
        verified.remember(digest, verified.begin_question());
    }
    testing::SharedValue<VerifiedStorage> storage;
    VerifiedToken verified{*storage};
    util::Digest digest = util::sha256("token");
};

BOOST_FIXTURE_TEST_SUITE(verified_token_processes, Fixture)

BOOST_AUTO_TEST_CASE(a_stopped_responder_holds_up_no_revocation) {
    ForkedChild holder([this] {
        pthread_mutex_lock(&storage->lock);
        ::raise(SIGSTOP);
        pthread_mutex_unlock(&storage->lock);
        return 0;
    });
    holder.wait_until_stopped();
    BOOST_TEST(!verified.within_grace(digest, 300s));  // no answer without the lock

    const auto before = util::BootClock::now();
    verified.clear();
    BOOST_TEST((util::BootClock::now() - before < 50ms));

    holder.signal(SIGCONT);
    BOOST_TEST(holder.wait() == 0);
    BOOST_TEST(!verified.within_grace(digest, 300s));
}

BOOST_AUTO_TEST_CASE(a_dead_responder_hands_its_lock_on) {
    ForkedChild holder([this] {
        pthread_mutex_lock(&storage->lock);
        return ::raise(SIGKILL);
    });
    holder.wait();
    BOOST_TEST(verified.within_grace(digest, 300s));
}

BOOST_AUTO_TEST_CASE(no_revocation_is_outrun_by_a_crowd_that_remembers) {
    for (int round = 0; round < 300; ++round) {
        ForkedChild responder([this] {
            for (int i = 0; i < 50; ++i) {
                const auto question = verified.begin_question();
                if (question.epoch != 0) break;  // the database would say no from here on
                verified.remember(digest, question);
            }
            return 0;
        });
        verified.clear();
        BOOST_TEST_REQUIRE(!verified.within_grace(digest, 300s), "at once, round " << round);
        responder.wait();
        BOOST_TEST_REQUIRE(!verified.within_grace(digest, 300s), "later, round " << round);
        storage->epoch = 0;
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
