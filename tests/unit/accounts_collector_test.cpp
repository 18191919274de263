// SPDX-License-Identifier: MIT
// The accounts' families, from whatever counts them.
#include <optional>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/accounts_collector.hpp"

using namespace ceymail::collect;
using namespace std::chrono_literals;
using ceymail::util::BootTime;
using ceymail::util::ErrorKind;

BOOST_AUTO_TEST_SUITE(accounts_collector)

BOOST_AUTO_TEST_CASE(tells_the_three_counts_exactly) {
    constexpr std::uint64_t k_beyond_doubles = (1ULL << 53U) + 1;
    AccountsCollector collector{[](BootTime) { return AccountCounts{3, k_beyond_doubles, 0}; }};
    const auto families = collector.collect(BootTime{1s});
    BOOST_TEST_REQUIRE(families.has_value());
    const std::vector<std::pair<std::string, std::uint64_t>> want{
        {"ceymail_domains_total", 3}, {"ceymail_mailboxes_total", k_beyond_doubles}, {"ceymail_aliases_total", 0}};
    BOOST_TEST_REQUIRE(families->size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
        const auto& family = (*families)[i];
        BOOST_TEST(family.name == want[i].first);
        BOOST_TEST((family.type == ceymail::exposition::MetricType::gauge));
        BOOST_TEST(family.samples.size() == 1U);
        BOOST_TEST(family.samples.at(0).labels.empty());
        BOOST_TEST(std::get<std::uint64_t>(family.samples.at(0).value) == want[i].second);
    }
}

BOOST_AUTO_TEST_CASE(fails_as_the_counting_fails_and_hands_it_the_deadline) {
    BootTime handed{};
    AccountsCollector collector{[&](BootTime deadline) -> ceymail::util::Result<AccountCounts> {
        handed = deadline;
        return ceymail::util::fail(ErrorKind::unavailable, "cannot reach MariaDB: why; what to do", 2002);
    }};
    const auto families = collector.collect(BootTime{7s});
    BOOST_TEST_REQUIRE(!families.has_value());
    BOOST_TEST((families.error().kind == ErrorKind::unavailable));
    BOOST_TEST(families.error().message == "cannot reach MariaDB: why; what to do");
    BOOST_TEST((handed == BootTime{7s}));
    BOOST_TEST(collector.name() == "accounts");
}

BOOST_AUTO_TEST_CASE(charges_the_time_of_a_count_that_ended_well_or_ill_but_not_a_wait) {
    std::optional<ErrorKind> failure;
    AccountsCollector collector{[&](BootTime) -> ceymail::util::Result<AccountCounts> {
        for (const auto until = ceymail::util::BootClock::now() + 1ms; ceymail::util::BootClock::now() < until;)
            continue;
        if (!failure) return AccountCounts{};
        return ceymail::util::fail(*failure, "late");
    }};
    BOOST_TEST((collector.extra_cpu_time() == 0ms));
    (void)collector.collect(BootTime{7s});
    BOOST_TEST((collector.extra_cpu_time() >= 1ms));
    for (const auto waited : {ErrorKind::timed_out, ErrorKind::unavailable, ErrorKind::conflict}) {
        failure = waited;
        (void)collector.collect(BootTime{7s});
        BOOST_TEST((collector.extra_cpu_time() == 0ms));
    }
    failure = ErrorKind::internal;  // given up by the server, after so long
    (void)collector.collect(BootTime{7s});
    BOOST_TEST((collector.extra_cpu_time() >= 1ms));
}

BOOST_AUTO_TEST_SUITE_END()
