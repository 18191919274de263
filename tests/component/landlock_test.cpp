// SPDX-License-Identifier: MIT
// What a process may still do after allow_only(), tried in children.
#include <boost/test/unit_test.hpp>

#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ceymail/process/landlock.hpp"
#include "support/temporary_folder.hpp"

namespace ceymail::process {
namespace {

using testing::TemporaryFolder;

// Runs `attempt` in a child that was confined to `folder`; its errno, 0: done.
template <class Attempt>
int confined(const std::filesystem::path& folder, Attempt attempt, Tcp tcp = Tcp::forbidden) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (!allow_only({folder}, tcp)) ::_exit(255);
        errno = 0;
        ::_exit(attempt() ? 0 : errno);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

auto open_as(const std::filesystem::path& path, int flags) {
    return [=] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600) >= 0; };
}

bool connect_by_tcp() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in nobody{};
    nobody.sin_family = AF_INET;
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    nobody.sin_port = htons(1);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&nobody), sizeof nobody) == 0;
}

struct Folders {
    TemporaryFolder allowed;
    TemporaryFolder other;
    Folders() {
        allowed.write("file", "text");
        other.write("file", "text");
    }
};

// Containers often refuse its system calls; there the cases are skipped, and counted as such.
boost::test_tools::assertion_result kernel_has_it(boost::unit_test::test_unit_id) { return has_landlock(); }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(landlock, Folders, *boost::unit_test::precondition(kernel_has_it))

BOOST_AUTO_TEST_CASE(lets_read_what_is_named) {
    BOOST_TEST(confined(allowed.path(), open_as(allowed / "file", O_RDONLY)) == 0);
    BOOST_TEST(confined(allowed / "file", open_as(allowed / "file", O_RDONLY)) == 0);
}

BOOST_AUTO_TEST_CASE(lets_read_nothing_else) {
    BOOST_TEST(confined(allowed.path(), open_as(other / "file", O_RDONLY)) == EACCES);
    BOOST_TEST(confined(allowed.path(), open_as("/etc/passwd", O_RDONLY)) == EACCES);
}

BOOST_AUTO_TEST_CASE(lets_write_nothing_anywhere) {
    BOOST_TEST(confined(allowed.path(), open_as(allowed / "file", O_WRONLY)) == EACCES);
    BOOST_TEST(confined(allowed.path(), open_as(allowed / "new", O_WRONLY | O_CREAT)) == EACCES);
    BOOST_TEST(confined(allowed.path(), [&] { return ::unlink((allowed / "file").c_str()) == 0; }) == EACCES);
}

BOOST_AUTO_TEST_CASE(lets_execute_nothing_even_there) {
    const auto run = [] { return ::execl("/bin/true", "true", nullptr) == 0; };
    BOOST_TEST(confined("/", run) == EACCES);
}

BOOST_AUTO_TEST_CASE(lets_read_what_appears_later_where_it_was_named) {
    const auto later = allowed / "later";
    BOOST_TEST(confined(later / "file", open_as(allowed / "file", O_RDONLY)) == 0);
}

BOOST_AUTO_TEST_CASE(forbids_tcp_unless_it_is_asked_for) {
    BOOST_TEST(confined(allowed.path(), connect_by_tcp) == EACCES);
    BOOST_TEST(confined(allowed.path(), connect_by_tcp, Tcp::allowed) == ECONNREFUSED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ceymail::process
