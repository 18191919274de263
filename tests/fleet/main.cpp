// SPDX-License-Identifier: MIT
// A Galera cluster of three, a responder beside each node. `make check-fleet`; as root.
// CEYMAIL_RACES: how many times a revocation races with scrapes; 1,000 without it.
#define BOOST_TEST_NO_MAIN
#include <boost/test/unit_test.hpp>

#include <cstdio>

#include <sched.h>

namespace {

bool init() { return true; }

}  // namespace

int main(int argc, char** argv) {
    // The network between the nodes ends with this process.
    if (::unshare(CLONE_NEWNET) != 0) {
        std::perror("tests-fleet: cannot make a network namespace; run it as root");
        return 77;
    }
    return boost::unit_test::unit_test_main(&init, argc, argv);
}
