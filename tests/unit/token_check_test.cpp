// SPDX-License-Identifier: MIT
// TokenCheck: the verdict for each answer of the database, and when the grace applies.
#include <array>
#include <chrono>
#include <functional>
#include <memory>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/token_check.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace std::chrono_literals;
using Answer = util::Result<std::optional<ActiveToken>>;

util::BootTime hands;
util::BootTime turned() noexcept { return hands; }

Answer broken(util::ErrorKind kind) { return util::fail(kind, "MariaDB is broken", 2002); }
Answer active(std::string_view token, std::uint64_t id = 7) { return ActiveToken{id, util::sha256(token)}; }
const Answer none = std::optional<ActiveToken>{};

struct Fixture {
    Fixture() {
        init_verified_lock(*storage);
        hands = util::BootTime{1000s};
    }
    TokenVerdict check(std::string_view token, std::chrono::milliseconds wanted = 1200ms) {
        return checker.check(token, {hands + wanted, hands + 1200ms});
    }
    TokenVerdict check(std::string_view token, Answer next) {
        answer = std::move(next);
        return check(token);
    }

    std::unique_ptr<VerifiedStorage> storage = std::make_unique<VerifiedStorage>();
    VerifiedToken verified{*storage, turned};
    Answer answer = none;
    std::function<void()> meanwhile = [] {};
    int questions = 0;
    BreakerStorage breaker{};
    util::BootTime deadline;
    TokenCheck checker{verified, CircuitBreaker(breaker, turned), 300s, [this](util::BootTime until) {
                           ++questions;
                           deadline = until;
                           meanwhile();
                           return answer;
                       }};
};

BOOST_FIXTURE_TEST_SUITE(token_check, Fixture)

BOOST_AUTO_TEST_CASE(the_active_token_is_valid) {
    const auto verdict = check("secret", active("secret", 42));
    BOOST_TEST((verdict.standing == TokenStanding::valid));
    BOOST_TEST(verdict.token_id == 42U);
    BOOST_TEST(!verdict.database_error.has_value());
}

BOOST_AUTO_TEST_CASE(tells_when_a_valid_token_was_made_and_of_no_other) {
    const Answer made = ActiveToken{7, util::sha256("secret"), 1'800'000'000};
    BOOST_TEST((check("secret", made).created_at == 1'800'000'000));
    BOOST_TEST(!check("other", made).created_at.has_value());
    BOOST_TEST(!check("secret", active("secret")).created_at.has_value());
    (void)check("secret", made);
    BOOST_TEST(!check("secret", broken(util::ErrorKind::unavailable)).created_at.has_value());
}

BOOST_AUTO_TEST_CASE(any_other_token_is_wrong) {
    for (const auto* token : {"", "secre", "secret ", "Secret", "other"})
        BOOST_TEST((check(token, active("secret")).standing == TokenStanding::wrong), token);
}

BOOST_AUTO_TEST_CASE(without_an_active_token_every_token_is_wrong) {
    const auto verdict = check("secret", none);
    BOOST_TEST((verdict.standing == TokenStanding::wrong));
    BOOST_TEST(verdict.token_id == 0U);
}

BOOST_AUTO_TEST_CASE(asks_the_database_every_time) {
    for (int i = 0; i < 3; ++i) (void)check("secret", active("secret"));
    BOOST_TEST(questions == 3);
}

BOOST_AUTO_TEST_CASE(the_grace_stands_in_only_while_the_database_is_out_of_reach) {
    struct Row {
        util::ErrorKind kind;
        TokenStanding want;
    };
    constexpr std::array rows{
        Row{util::ErrorKind::unavailable, TokenStanding::valid_stale},
        Row{util::ErrorKind::timed_out, TokenStanding::valid_stale},
        Row{util::ErrorKind::denied, TokenStanding::unknown},
        Row{util::ErrorKind::not_found, TokenStanding::unknown},
        Row{util::ErrorKind::invalid, TokenStanding::unknown},
        Row{util::ErrorKind::exhausted, TokenStanding::unknown},
        Row{util::ErrorKind::conflict, TokenStanding::unknown},
        Row{util::ErrorKind::internal, TokenStanding::unknown},
    };
    (void)check("secret", active("secret"));
    for (const auto& row : rows) {
        breaker.next_trial_at = 0;
        const auto verdict = check("secret", broken(row.kind));
        BOOST_TEST((verdict.standing == row.want), static_cast<int>(row.kind));
        BOOST_TEST_REQUIRE(verdict.database_error.has_value());
        BOOST_TEST((verdict.database_error->kind == row.kind));
        BOOST_TEST(verdict.token_id == 0U);
    }
}

BOOST_AUTO_TEST_CASE(the_grace_knows_one_token_and_for_so_long) {
    (void)check("secret", active("secret"));
    const auto down = broken(util::ErrorKind::unavailable);
    BOOST_TEST((check("other", down).standing == TokenStanding::unknown));
    hands += 300s;
    BOOST_TEST((check("secret", down).standing == TokenStanding::valid_stale));
    hands += 1s;  // the pass above has not prolonged it
    BOOST_TEST((check("secret", down).standing == TokenStanding::unknown));
}

BOOST_AUTO_TEST_CASE(a_wrong_token_leaves_the_grace_of_the_right_one) {
    (void)check("secret", active("secret"));
    (void)check("other", active("secret"));
    BOOST_TEST((check("secret", broken(util::ErrorKind::unavailable)).standing == TokenStanding::valid_stale));
}

BOOST_AUTO_TEST_CASE(what_the_database_no_longer_calls_active_has_no_grace) {
    for (const auto& change : {none, active("newer")}) {
        (void)check("secret", active("secret"));
        (void)check("whatever", change);
        BOOST_TEST((check("secret", broken(util::ErrorKind::unavailable)).standing == TokenStanding::unknown));
    }
}

BOOST_AUTO_TEST_CASE(only_a_client_with_a_known_token_can_have_a_shorter_deadline) {
    (void)check("secret", active("secret"));
    (void)check("secret", 100ms);
    BOOST_TEST((deadline == hands + 100ms));
    (void)check("other", 100ms);
    BOOST_TEST((deadline == hands + 1200ms));
    (void)check("secret", none);  // forgets it
    (void)check("secret", 100ms);
    BOOST_TEST((deadline == hands + 1200ms));
}

BOOST_AUTO_TEST_CASE(after_a_time_out_one_request_in_two_seconds_asks_and_the_others_are_answered_at_once) {
    (void)check("secret", active("secret"));
    questions = 0;
    BOOST_TEST((check("other", broken(util::ErrorKind::timed_out)).standing == TokenStanding::unknown));
    BOOST_TEST((check("secret").standing == TokenStanding::valid_stale));
    const auto refused = check("other");
    BOOST_TEST((refused.standing == TokenStanding::unknown));
    BOOST_TEST((refused.database_error.value().kind == util::ErrorKind::timed_out));
    BOOST_TEST(questions == 1);
    hands += 2s;
    BOOST_TEST((check("other").standing == TokenStanding::unknown));  // the trial, in vain
    BOOST_TEST((check("secret").standing == TokenStanding::valid_stale));
    BOOST_TEST(questions == 2);
    hands += 2s;
    BOOST_TEST((check("other", active("secret")).standing == TokenStanding::wrong));
    BOOST_TEST((check("secret").standing == TokenStanding::valid));
    BOOST_TEST(questions == 4);
}

BOOST_AUTO_TEST_CASE(no_other_error_and_no_shorter_deadline_keeps_the_next_request_from_asking) {
    using enum util::ErrorKind;
    for (const auto kind : {not_found, denied, unavailable, invalid, exhausted, conflict, internal}) {
        (void)check("other", broken(kind));
        BOOST_TEST(breaker.next_trial_at == 0, static_cast<int>(kind));
    }
    (void)check("secret", active("secret"));
    answer = broken(timed_out);
    BOOST_TEST((check("secret", 100ms).standing == TokenStanding::valid_stale));
    BOOST_TEST(breaker.next_trial_at == 0);
    (void)check("secret", 1200ms);
    BOOST_TEST(breaker.next_trial_at != 0);
}

BOOST_AUTO_TEST_CASE(a_token_revoked_while_the_breaker_is_open_is_not_valid) {
    (void)check("secret", active("secret"));
    (void)check("other", broken(util::ErrorKind::timed_out));
    BOOST_TEST((check("secret").standing == TokenStanding::valid_stale));
    verified.clear();
    BOOST_TEST((check("secret").standing == TokenStanding::unknown));
}

BOOST_AUTO_TEST_CASE(a_revocation_while_the_database_is_asked_leaves_no_grace) {
    meanwhile = [this] { verified.clear(); };
    BOOST_TEST((check("secret", active("secret")).standing == TokenStanding::valid));
    BOOST_TEST((check("secret", broken(util::ErrorKind::unavailable)).standing == TokenStanding::unknown));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
