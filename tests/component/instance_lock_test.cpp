// SPDX-License-Identifier: MIT
// The lock that shows whether another instance runs: its holder, and when it is free.
#include "ceymail/system/instance_lock.hpp"

#include <csignal>
#include <cstdlib>

#include <sysexits.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/forked_child.hpp"
#include "support/miniature.hpp"
#include "support/responder_process.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using system::find_instance;
using system::lock_instance;

namespace {

// A lock of another process. The own lock would not block this process.
ForkedChild holder(const std::filesystem::path& directory) {
    ForkedChild child([&] {
        const auto lock = lock_instance(directory, "ceymail-metrics", "runtime_directory");
        ::raise(SIGSTOP);
        return lock ? EX_OK : EX_SOFTWARE;
    });
    child.wait_until_stopped();
    return child;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(instance_lock)

BOOST_AUTO_TEST_CASE(refuses_a_lock_that_another_process_holds_with_the_remedy) {
    const TemporaryDirectory directory;
    BOOST_TEST(!find_instance(directory.path()).has_value());
    const auto other = holder(directory.path());
    BOOST_TEST(find_instance(directory.path()).value_or(0) == other.pid());
    const auto refused = lock_instance(directory.path(), "ceymail-metrics", "runtime_directory");
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == util::ErrorKind::conflict));
    BOOST_TEST(refused.error().message == "another ceymail-metrics runs with " + directory.path().string() +
                                              "; stop it, or name another directory by runtime_directory =");
}

BOOST_AUTO_TEST_CASE(is_free_once_its_holder_is_killed) {
    const TemporaryDirectory directory;
    {
        const auto other = holder(directory.path());
    }
    BOOST_TEST(!find_instance(directory.path()).has_value());
    BOOST_TEST(lock_instance(directory.path(), "ceymail-metrics", "runtime_directory").has_value());
}

BOOST_AUTO_TEST_CASE(is_free_once_its_holder_has_exited_even_if_a_child_keeps_the_file_open) {
    const TemporaryDirectory directory;
    int keeps_open[2];
    BOOST_TEST_REQUIRE(::pipe(keeps_open) == 0);
    ForkedChild holder([&] {
        const auto lock = lock_instance(directory.path(), "ceymail-metrics", "runtime_directory");
        ::close(keeps_open[1]);
        if (::fork() == 0) {
            char byte = 0;
            ::_exit(static_cast<int>(::read(keeps_open[0], &byte, 1)));  // ends when the test closes its end
        }
        return lock ? EX_OK : EX_SOFTWARE;
    });
    BOOST_TEST(holder.wait() == EX_OK);
    BOOST_TEST(!find_instance(directory.path()).has_value());
    BOOST_TEST(lock_instance(directory.path(), "ceymail-metrics", "runtime_directory").has_value());
    ::close(keeps_open[0]);
    ::close(keeps_open[1]);
}

BOOST_AUTO_TEST_CASE(names_the_missing_directory) {
    const TemporaryDirectory directory;
    const auto refused = lock_instance(directory / "none", "ceymail-metrics", "runtime_directory");
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == util::ErrorKind::not_found));
    BOOST_TEST(refused.error().message.find((directory / "none").string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_second_settings_page_does_not_start_in_the_directory_of_the_first) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "the programs change their users: sudo make check");
    const TemporaryDirectory directory;
    const auto start = [&](const std::string& socket) {
        return ChildOptions{.arguments = {built_program("ceymail-settings"), "--config",
                                          directory / "ceymail-metrics.conf", "--listen",
                                          "unix:" + (directory / socket).string()}};
    };
    (void)write_configuration(directory,
                              {{"settings_user", "root"}, {"settings_runtime_directory", directory / "page"}});
    std::filesystem::create_directory(directory / "page");
    ChildProcess first(start("first.sock"));
    BOOST_TEST_REQUIRE(eventually([&] { return first.errors().find("answering") != std::string::npos; }));
    const auto second = run(start("second.sock"));
    BOOST_TEST(second.status == EX_UNAVAILABLE);
    BOOST_TEST(
        second.errors.find("another ceymail-settings runs with " + (directory / "page").string() +
                           "; stop it, or name another directory by settings_runtime_directory =") != std::string::npos,
        second.errors);
    BOOST_TEST(find_instance(directory / "page").value_or(0) == first.pid());
}

BOOST_AUTO_TEST_SUITE_END()
