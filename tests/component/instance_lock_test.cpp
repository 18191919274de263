// SPDX-License-Identifier: MIT
// The lock that tells whether another instance runs: who has it, and when it is free.
#include "ceymail/process/instance_lock.hpp"

#include <csignal>
#include <cstdlib>

#include <sysexits.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "support/child_process.hpp"
#include "support/forked_child.hpp"
#include "support/miniature.hpp"
#include "support/responder_process.hpp"
#include "support/temporary_folder.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using process::find_instance;
using process::lock_instance;

namespace {

// A lock of another process's; our own would be no obstacle to us.
ForkedChild holder(const std::filesystem::path& folder) {
    ForkedChild child([&] {
        const auto lock = lock_instance(folder, "ceymail-metrics", "runtime_directory");
        ::raise(SIGSTOP);
        return lock ? EX_OK : EX_SOFTWARE;
    });
    child.wait_until_stopped();
    return child;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(instance_lock)

BOOST_AUTO_TEST_CASE(one_that_another_process_holds_is_refused_with_the_remedy) {
    const TemporaryFolder folder;
    BOOST_TEST(!find_instance(folder.path()).has_value());
    const auto other = holder(folder.path());
    BOOST_TEST(find_instance(folder.path()).value_or(0) == other.pid());
    const auto refused = lock_instance(folder.path(), "ceymail-metrics", "runtime_directory");
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == util::ErrorKind::conflict));
    BOOST_TEST(refused.error().message == "another ceymail-metrics runs with " + folder.path().string() +
                                              "; stop it, or name another folder by runtime_directory =");
}

BOOST_AUTO_TEST_CASE(is_free_once_its_holder_is_killed) {
    const TemporaryFolder folder;
    {
        const auto other = holder(folder.path());
    }
    BOOST_TEST(!find_instance(folder.path()).has_value());
    BOOST_TEST(lock_instance(folder.path(), "ceymail-metrics", "runtime_directory").has_value());
}

BOOST_AUTO_TEST_CASE(is_free_once_its_holder_has_ended_though_a_child_of_it_keeps_the_file_open) {
    const TemporaryFolder folder;
    int keeps_open[2];
    BOOST_TEST_REQUIRE(::pipe(keeps_open) == 0);
    ForkedChild holder([&] {
        const auto lock = lock_instance(folder.path(), "ceymail-metrics", "runtime_directory");
        ::close(keeps_open[1]);
        if (::fork() == 0) {
            char byte = 0;
            ::_exit(static_cast<int>(::read(keeps_open[0], &byte, 1)));  // ends when the test closes its end
        }
        return lock ? EX_OK : EX_SOFTWARE;
    });
    BOOST_TEST(holder.wait() == EX_OK);
    BOOST_TEST(!find_instance(folder.path()).has_value());
    BOOST_TEST(lock_instance(folder.path(), "ceymail-metrics", "runtime_directory").has_value());
    ::close(keeps_open[0]);
    ::close(keeps_open[1]);
}

BOOST_AUTO_TEST_CASE(names_the_folder_that_is_not_there) {
    const TemporaryFolder folder;
    const auto refused = lock_instance(folder / "none", "ceymail-metrics", "runtime_directory");
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == util::ErrorKind::not_found));
    BOOST_TEST(refused.error().message.find((folder / "none").string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_second_settings_page_does_not_start_in_the_folder_of_the_first) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "the programs change their users: sudo make check");
    const TemporaryFolder folder;
    const auto start = [&](const std::string& socket) {
        return ChildOptions{.arguments = {built_program("ceymail-settings"), "--config",
                                          folder / "ceymail-metrics.conf", "--listen",
                                          "unix:" + (folder / socket).string()}};
    };
    (void)write_configuration(folder, {{"settings_user", "root"}, {"settings_runtime_directory", folder / "page"}});
    std::filesystem::create_directory(folder / "page");
    ChildProcess first(start("first.sock"));
    BOOST_TEST_REQUIRE(eventually([&] { return first.errors().find("answering") != std::string::npos; }));
    const auto second = run(start("second.sock"));
    BOOST_TEST(second.status == EX_UNAVAILABLE);
    BOOST_TEST(
        second.errors.find("another ceymail-settings runs with " + (folder / "page").string() +
                           "; stop it, or name another folder by settings_runtime_directory =") != std::string::npos,
        second.errors);
    BOOST_TEST(find_instance(folder / "page").value_or(0) == first.pid());
}

BOOST_AUTO_TEST_SUITE_END()
