// SPDX-License-Identifier: MIT
// What `make install` makes of the machine on which it runs.
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <regex>

#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(installation)

// The units map it. Without it the services do not start.
BOOST_AUTO_TEST_CASE(finds_the_loader_in_every_language) {
    const TemporaryDirectory target;
    const auto built = std::filesystem::absolute(built_program("ceymail-metrics")).parent_path();
    const std::regex loader(R"(ld-linux-x86-64\.so\.2#/lib[^#]*/ld-[^#]+#g)");
    for (const char* const language : {"en", "fr"}) {
        const auto done = run({.arguments = {"make", "--dry-run", "--old-file=programs", "install",
                                             "OUT=" + built.string(), "DESTDIR=" + target.path().string()},
                               .environment = {std::string("PATH=") + std::getenv("PATH"),
                                               "MAKEFLAGS=", "LC_ALL=C.UTF-8", std::string("LANGUAGE=") + language}},
                              60s);
        BOOST_TEST(done.status == 0, done.errors);
        BOOST_TEST(std::regex_search(done.output, loader), language << ": " << done.output);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
