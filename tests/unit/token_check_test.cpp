// SPDX-License-Identifier: MIT
// TokenCheck: what each answer of the database comes to, and when the grace steps in.
#include <array>
#include <chrono>
#include <functional>
#include <memory>

#include <boost/test/unit_test.hpp>

#include "ceymail/gate/token_check.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::gate;
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
    TokenVerdict check(std::string_view token) { return checker.check(token, hands + 1s); }
    TokenVerdict check(std::string_view token, Answer next) {
        answer = std::move(next);
        return check(token);
    }

    std::unique_ptr<VerifiedStorage> storage = std::make_unique<VerifiedStorage>();
    VerifiedToken verified{*storage, turned};
    Answer answer = none;
    std::function<void()> meanwhile = [] {};
    int questions = 0;
    TokenCheck checker{verified, 300s, [this](util::BootTime) {
                           ++questions;
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

BOOST_AUTO_TEST_CASE(a_revocation_while_the_database_is_asked_leaves_no_grace) {
    meanwhile = [this] { verified.clear(); };
    BOOST_TEST((check("secret", active("secret")).standing == TokenStanding::valid));
    BOOST_TEST((check("secret", broken(util::ErrorKind::unavailable)).standing == TokenStanding::unknown));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
