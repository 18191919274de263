// SPDX-License-Identifier: MIT
// Proves the guarantees and prints a line for each. CEYMAIL_TORTURE=full takes the time that it takes; else it is the
// short form for `make check`. --run_test=guarantee_7 proves one alone.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "support/mount_namespace.hpp"
#include "torture/guarantees.hpp"

namespace {

using ceymail::testing::Proof;
using ceymail::testing::Scale;

constexpr std::array k_guarantees{
    ceymail::testing::never_more_than_twelve,
    ceymail::testing::never_fewer_than_twelve,
    ceymail::testing::flooding_frees_no_spent_key,
    ceymail::testing::no_segment_is_trusted_unseen,
    ceymail::testing::no_byte_stream_hurts,
    ceymail::testing::no_peer_holds_a_worker,
    ceymail::testing::a_killed_worker_loses_one_request,
    ceymail::testing::a_restart_loses_no_request,
    ceymail::testing::a_hanging_source_costs_itself_alone,
    ceymail::testing::a_failing_database_opens_nothing,
    ceymail::testing::a_revoked_token_stays_revoked,
    ceymail::testing::nothing_but_the_token_opens,
    ceymail::testing::client_headers_choose_no_key,
    ceymail::testing::secrets_stay_secret,
    ceymail::testing::failing_calls_break_nothing,
};

Scale scale_asked_for() {
    const char* const asked = std::getenv("CEYMAIL_TORTURE");
    return asked != nullptr && std::string_view(asked) == "full" ? Scale::full : Scale::brief;
}

void prove(std::size_t number, void (*guarantee)(Proof&)) {
    Proof proof(scale_asked_for());
    try {
        guarantee(proof);
    } catch (const std::exception& problem) {
        proof.hold(false, problem.what());
    }
    std::printf("guarantee %zu: %s\n", number, proof.verdict().c_str());
    std::fflush(stdout);
    BOOST_TEST(proof.holds(), "guarantee " << number << ": " << proof.broken());
}

bool add_guarantees() {
    for (std::size_t i = 0; i < k_guarantees.size(); ++i) {
        const auto number = i + 1;
        boost::unit_test::framework::master_test_suite().add(
            boost::unit_test::make_test_case([=, guarantee = k_guarantees[i]] { prove(number, guarantee); },
                                             "guarantee_" + std::to_string(number), __FILE__, __LINE__));
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    ceymail::testing::enter_mount_namespace();  // some hang mounts up and fill file systems
    return boost::unit_test::unit_test_main(&add_guarantees, argc, argv);
}
