// SPDX-License-Identifier: MIT
#include "ceymail/collect/galera_collector.hpp"

#include <map>

#include <boost/test/unit_test.hpp>

using namespace ceymail;
using namespace std::chrono_literals;
using collect::GaleraState;

namespace {

util::BootTime s_now{1000s};
util::BootTime now() noexcept { return s_now; }

// A server that answers as the test says.
struct Fixture {
    Fixture() { s_now = util::BootTime{1000s}; }
    std::map<std::string, std::uint64_t> collected() {
        const auto families = collector.collect(s_now + 4s);
        BOOST_TEST_REQUIRE(families.has_value());
        std::map<std::string, std::uint64_t> values;
        for (const auto& family : *families) values[family.name] = std::get<std::uint64_t>(family.samples[0].value);
        return values;
    }
    util::Result<std::optional<GaleraState>> answer = std::optional<GaleraState>();
    int asked = 0;
    util::BootTime deadline{};
    collect::GaleraCollector collector{[this](util::BootTime until) {
                                           ++asked;
                                           deadline = until;
                                           return answer;
                                       },
                                       now};
};

const util::Error k_away{util::ErrorKind::unavailable, 2002, "MariaDB is away"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(galera_collector, Fixture)

BOOST_AUTO_TEST_CASE(shows_the_state_of_a_node) {
    answer = GaleraState{.ready = true, .primary = true, .state = 4, .cluster_size = 3, .cluster = "a-b"};
    const std::map<std::string, std::uint64_t> want{{"ceymail_galera_ready", 1},
                                                    {"ceymail_galera_primary", 1},
                                                    {"ceymail_galera_state", 4},
                                                    {"ceymail_galera_cluster_size", 3},
                                                    {"ceymail_galera_cluster_info", 1}};
    BOOST_TEST((collected() == want));
    const auto families = collector.collect(s_now + 4s);
    BOOST_TEST(families->back().samples[0].labels[0].second == "a-b");
    answer = GaleraState{.ready = false, .primary = false, .state = 0, .cluster_size = 1, .cluster = ""};
    const std::map<std::string, std::uint64_t> cut{{"ceymail_galera_ready", 0},
                                                   {"ceymail_galera_primary", 0},
                                                   {"ceymail_galera_state", 0},
                                                   {"ceymail_galera_cluster_size", 1}};
    BOOST_TEST((collected() == cut));
}

BOOST_AUTO_TEST_CASE(shows_nothing_without_a_cluster_and_looks_once_a_minute) {
    for (int n = 0; n < 3; ++n) BOOST_TEST(collected().empty());
    BOOST_TEST(asked == 1);
    BOOST_TEST((deadline == s_now + 1s));
    s_now += 61s;
    answer = GaleraState{.ready = true, .primary = true, .state = 4, .cluster_size = 1, .cluster = "a"};
    BOOST_TEST(collected().size() == 5U);
    s_now += 1s;
    answer = std::optional<GaleraState>();  // it left the cluster
    BOOST_TEST(collected().empty());
}

BOOST_AUTO_TEST_CASE(reports_a_server_that_is_away_only_where_it_was_a_node) {
    answer = std::unexpected(k_away);
    for (int n = 0; n < 2; ++n) BOOST_TEST(collected().empty());
    BOOST_TEST(asked == 2);  // it may start as a node
    answer = GaleraState{.ready = true, .primary = true, .state = 4, .cluster_size = 3, .cluster = "a"};
    BOOST_TEST(collected().size() == 5U);
    answer = std::unexpected(k_away);
    BOOST_TEST(!collector.collect(s_now + 4s).has_value());
    BOOST_TEST((deadline == s_now + 4s));
}

BOOST_AUTO_TEST_SUITE_END()
