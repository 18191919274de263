// SPDX-License-Identifier: MIT
// The tests' own ChildProcess: what other suites take for granted.
#include <csignal>

#include <fcntl.h>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::testing;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(child_process)

BOOST_AUTO_TEST_CASE(gives_output_errors_and_exit_code) {
    const auto done =
        run({.arguments = {"sh", "-c", "cat; echo $WORD >&2; exit 3"}, .environment = {"WORD=hello"}, .input = "in"});
    BOOST_TEST(done.status == 3);
    BOOST_TEST(done.output == "in");
    BOOST_TEST(done.errors == "hello\n");
}

BOOST_AUTO_TEST_CASE(says_which_signal_killed) {
    ChildProcess child({.arguments = {"sleep", "60"}});
    BOOST_TEST(child.running());
    BOOST_TEST(!child.wait(1ms).has_value());
    child.signal(SIGKILL);
    BOOST_TEST(child.wait(5s).value() == -SIGKILL);
}

BOOST_AUTO_TEST_CASE(passes_descriptors_from_three_and_announces_them) {
    const TemporaryDirectory directory;
    const ceymail::util::Fd file(::open(directory.write("text", "passed\n").c_str(), O_RDONLY | O_CLOEXEC));
    const auto done =
        run({.arguments = {"sh", "-c", "cat <&3; test $LISTEN_PID = $$ && echo $LISTEN_FDS; ls /proc/$$/fd; true"},
             .passed = {file.get()},
             .announce_passed = true});
    BOOST_TEST(done.status == 0);
    BOOST_TEST(done.output == "passed\n1\n0\n1\n2\n3\n");
}

BOOST_AUTO_TEST_CASE(ends_with_127_where_there_is_no_such_program) {
    BOOST_TEST(run({.arguments = {"/no/such/program"}}).status == 127);
}

BOOST_AUTO_TEST_SUITE_END()
