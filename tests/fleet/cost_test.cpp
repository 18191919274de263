// SPDX-License-Identifier: MIT
// What the causal read of the token costs beside a plain one. `make bench` reads the line that it prints.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/database/statement.hpp"
#include "ceymail/util/clock.hpp"
#include "fleet/galera_cluster.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t k_reads = 3000;

// One of each in turn, so that both meet the same load.
class Reader {
public:
    Reader(const ClusterNode& node, database::Reads reads) : m_connection(with(node.address(), reads)) {}

    void read() {
        const auto began = util::BootClock::now();
        BOOST_TEST_REQUIRE(m_select.run(began + 10s).has_value());
        m_times.push_back(util::BootClock::now() - began);
    }
    // Units: microseconds.
    [[nodiscard]] double quantile(double part) {
        std::ranges::sort(m_times);
        const auto at = static_cast<std::size_t>(part * static_cast<double>(m_times.size() - 1));
        return std::chrono::duration<double, std::micro>(m_times[at]).count();
    }

private:
    static database::Address with(database::Address address, database::Reads reads) {
        address.reads = reads;
        return address;
    }

    database::Connection m_connection;
    database::Statement m_select{m_connection, "SELECT User FROM mysql.global_priv WHERE User = 'root'", "reading"};
    std::vector<std::chrono::nanoseconds> m_times;
};

}  // namespace

// Not part of the tests: it measures.
BOOST_AUTO_TEST_SUITE(cost, *boost::unit_test::disabled())

BOOST_AUTO_TEST_CASE(of_a_causal_read) {
    GaleraCluster cluster;
    Reader causal(cluster.node(2), database::Reads::causal);
    Reader plain(cluster.node(2), database::Reads::local);
    for (std::size_t n = 0; n < k_reads; ++n) {
        causal.read();
        plain.read();
    }
    std::printf("causal read: median %.1f us, 99th percentile %.1f us; plain: %.1f us, %.1f us\n", causal.quantile(0.5),
                causal.quantile(0.99), plain.quantile(0.5), plain.quantile(0.99));
}

BOOST_AUTO_TEST_SUITE_END()
