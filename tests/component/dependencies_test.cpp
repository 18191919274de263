// SPDX-License-Identifier: MIT
// That a new machine gets the package of every program which the scripts call.
#include <boost/test/unit_test.hpp>

#include <filesystem>

#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"

namespace ceymail::testing {
namespace {

boost::test_tools::assertion_result on_debian(boost::unit_test::test_unit_id) {
    return std::filesystem::exists("/var/lib/dpkg/status");
}

BOOST_AUTO_TEST_SUITE(dependencies, *boost::unit_test::precondition(on_debian))

BOOST_AUTO_TEST_CASE(name_the_package_of_every_program_that_a_script_calls) {
    const auto found = run({.arguments = {source("tests/programs").string()}});
    BOOST_TEST(found.status == 0, found.output + found.errors);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
