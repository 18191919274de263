// SPDX-License-Identifier: MIT
// MariaDB goes away and comes back.
#include <boost/test/unit_test.hpp>

#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

class MariadbStopped {
public:
    MariadbStopped() { Miniature::shared().control("stop", "mariadb"); }
    ~MariadbStopped() { end(); }
    void end() {
        if (!m_ended) Miniature::shared().control("start", "mariadb");
        m_ended = true;
    }

private:
    bool m_ended = false;
};

bool has(const std::string& exposition, const std::string& series, double value) {
    const auto found = value_of(exposition, series);
    return found && *found == value;
}

BOOST_AUTO_TEST_SUITE(mariadb_outage)

BOOST_AUTO_TEST_CASE(the_known_token_is_told_of_it_and_an_unknown_one_waits) {
    auto& miniature = Miniature::shared();
    const auto known = miniature.request();
    auto unknown = miniature.anonymous_request();
    unknown.headers.emplace_back("Authorization: Bearer ceymail_unknown_but_well_formed");
    BOOST_TEST(fetch(known).status == 200);

    MariadbStopped outage;
    HttpAnswer answer;
    // Services may come from a snapshot of up to cache_ttl before, accounts from one that the work budget stretches.
    const auto is_told = [&] {
        answer = fetch(miniature.request());
        return has(answer.body, R"(ceymail_service_up{name="mariadb"})", 0) &&
               has(answer.body, R"(ceymail_collector_success{collector="accounts"})", 0);
    };
    BOOST_TEST(eventually(is_told, 15s));
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(has(answer.body, "ceymail_database_up", 0));
    BOOST_TEST(has(answer.body, "ceymail_auth_stale", 1));
    BOOST_TEST(!value_of(answer.body, "ceymail_mailboxes_total"));
    BOOST_TEST(has(answer.body, "ceymail_queue_hold", 3));

    const auto refused = fetch(unknown);
    BOOST_TEST(refused.status == 503);
    BOOST_TEST(!refused.header("retry-after").empty());

    outage.end();
    const auto is_over = [&] { return has(fetch(miniature.request()).body, "ceymail_auth_stale", 0); };
    BOOST_TEST(eventually(is_over, 2s));
    BOOST_TEST(fetch(unknown).status == 401);
    const auto is_as_before = [&] {
        const auto body = fetch(miniature.request()).body;
        return has(body, R"(ceymail_service_up{name="mariadb"})", 1) && has(body, "ceymail_mailboxes_total", 12);
    };
    BOOST_TEST(eventually(is_as_before, 15s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
