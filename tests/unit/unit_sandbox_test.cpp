// SPDX-License-Identifier: MIT
// What of a unit file a systemd does not know.
#include "ceymail/doctor/unit_sandbox.hpp"

#include <boost/test/unit_test.hpp>

using namespace ceymail::doctor;

namespace {

using Words = std::vector<std::string>;

const char* const k_unit =
    "[Unit]\nStartLimitIntervalSec=0\n[Service]\n# PrivateNothing=yes\nType=notify\nRestartSec=1\n"
    "NoExecPaths=/\nNoExecPaths=-/run\nPrivateIPC=yes\n"
    "SystemCallFilter=@system-service\nSystemCallFilter=~@resources mount\nSystemCallFilter=capset landlock_add_rule\n"
    "[Install]\nWantedBy=multi-user.target\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(unit_sandbox)

BOOST_AUTO_TEST_CASE(knows_all_where_each_directive_is_a_property) {
    const std::set<std::string> properties{"Type", "RestartUSec", "NoExecPaths", "PrivateIPC", "SystemCallFilter"};
    BOOST_TEST(unknown_directives(k_unit, properties).empty());
}

BOOST_AUTO_TEST_CASE(names_each_unknown_directive_of_the_service_once) {
    const auto unknown = unknown_directives(k_unit, {"Type", "RestartUSec", "SystemCallFilter"});
    BOOST_TEST(unknown == (Words{"NoExecPaths", "PrivateIPC"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(takes_no_time_span_for_known_under_its_own_name) {
    const auto unknown = unknown_directives("[Service]\nRestartSec=1\n", {"RestartSec"});
    BOOST_TEST(unknown == (Words{"RestartSec"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(names_the_system_calls_that_are_allowed_by_name_but_not_in_force) {
    BOOST_TEST(unknown_system_calls(k_unit, {"capset", "landlock_add_rule"}).empty());
    const auto unknown = unknown_system_calls(k_unit, {"capset", "read"});
    BOOST_TEST(unknown == (Words{"landlock_add_rule"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
