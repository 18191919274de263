// SPDX-License-Identifier: MIT
// make_listener() and inherited_listener(). Needs root for the group.
#include "ceymail/fastcgi/listener.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <string>

#include "support/fastcgi_client.hpp"
#include "support/mount_namespace.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using fastcgi::make_listener;
using util::ErrorKind;

namespace {

struct Fixture {
    TemporaryDirectory directory;
    std::string path = (directory.path() / "socket").string();
    std::string address = "unix:" + path;

    struct stat status() const {
        struct stat found{};
        BOOST_TEST_REQUIRE(lstat(path.c_str(), &found) == 0);
        return found;
    }
};

bool fails(const util::Result<util::Fd>& result, ErrorKind kind, const char* words) {
    return !result && result.error().kind == kind && result.error().message.contains(words);
}

// A port that was free when this returned.
std::string free_port(int family) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    address.ss_family = static_cast<sa_family_t>(family);
    const util::Fd socket(::socket(family, SOCK_STREAM, 0));
    BOOST_TEST_REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return std::to_string(ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port));
}

// Runs it in a child process, since it changes descriptors and environment. Returns: the exit code.
int in_child(const auto& body) {
    const pid_t pid = fork();
    if (pid == 0) _exit(body());
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(listener, Fixture)

BOOST_AUTO_TEST_CASE(makes_a_socket_for_owner_and_group_alone_whatever_the_umask) {
    for (const mode_t mask : {0000U, 0022U, 0077U, 0777U}) {
        const mode_t before = umask(mask);
        const auto made = make_listener(address, "");
        BOOST_TEST(umask(before) == mask);  // kept
        BOOST_TEST_REQUIRE(made.has_value());
        BOOST_TEST((status().st_mode & 07777U) == 0660U);
        BOOST_TEST(fastcgi::listens(made->get()));
        BOOST_TEST((fcntl(made->get(), F_GETFD) & FD_CLOEXEC) != 0);
        BOOST_CHECK_NO_THROW(FastcgiClient{address});
    }
}

BOOST_AUTO_TEST_CASE(gives_the_socket_to_the_group) {
    BOOST_TEST_REQUIRE(geteuid() == 0U);
    const auto made = make_listener(address, "www-data");
    BOOST_TEST_REQUIRE(made.has_value());
    BOOST_TEST(status().st_gid == getgrnam("www-data")->gr_gid);
    BOOST_TEST((status().st_mode & 07777U) == 0660U);
}

BOOST_AUTO_TEST_CASE(names_a_group_that_is_not_there) {
    BOOST_TEST(fails(make_listener(address, "no-such-group"), ErrorKind::not_found, "'no-such-group'"));
    BOOST_TEST(access(path.c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(replaces_a_socket_on_which_no_process_answers) {
    const ino_t first = [&] {
        const auto left_behind = make_listener(address, "");
        return status().st_ino;
    }();
    BOOST_TEST(status().st_ino == first);
    BOOST_TEST(make_listener(address, "").has_value());
}

BOOST_AUTO_TEST_CASE(replaces_a_socket_whose_creator_has_exited_though_its_child_still_listens) {
    int keeps_open[2];
    BOOST_TEST_REQUIRE(pipe(keeps_open) == 0);
    BOOST_TEST(in_child([&] {
                   const auto made = make_listener(address, "");
                   close(keeps_open[1]);
                   char byte = 0;
                   if (fork() == 0) _exit(static_cast<int>(read(keeps_open[0], &byte, 1)));  // ends when the test does
                   return made ? 0 : 1;
               }) == 0);
    BOOST_CHECK_NO_THROW(FastcgiClient{address});  // it does
    BOOST_TEST(make_listener(address, "").has_value());
    close(keeps_open[0]);
    close(keeps_open[1]);
}

BOOST_AUTO_TEST_CASE(does_not_replace_anything_else) {
    const auto first = make_listener(address, "");
    BOOST_TEST_REQUIRE(first.has_value());
    BOOST_TEST(fails(make_listener(address, ""), ErrorKind::conflict, "another program answers"));
    BOOST_CHECK_NO_THROW(FastcgiClient{address});  // the first still works

    const std::string file = directory.write("file", "precious").string();
    BOOST_TEST(fails(make_listener("unix:" + file, ""), ErrorKind::conflict, "is no socket"));
    BOOST_TEST(slurp(file) == "precious");

    const std::string link = (directory / "link").string();
    BOOST_TEST_REQUIRE(symlink(path.c_str(), link.c_str()) == 0);
    BOOST_TEST(fails(make_listener("unix:" + link, ""), ErrorKind::conflict, "is no socket"));
}

BOOST_AUTO_TEST_CASE(refuses_addresses_that_it_cannot_or_must_not_listen_on) {
    const struct {
        const char* label;
        std::string address;
        ErrorKind kind;
        const char* words;
    } cases[] = {
        {"nothing", "", ErrorKind::invalid, "unix:/path"},
        {"no scheme", "/run/socket", ErrorKind::invalid, "unix:/path"},
        {"another scheme", "udp:127.0.0.1:9000", ErrorKind::invalid, "unix:/path"},
        {"no path", "unix:", ErrorKind::invalid, "starts with '/'"},
        {"relative path", "unix:socket", ErrorKind::invalid, "starts with '/'"},
        {"path of 108 characters", "unix:/" + std::string(107, 'p'), ErrorKind::invalid, "at most 107"},
        {"NUL in the path", std::string("unix:/tmp/a\0b", 13), ErrorKind::invalid, "starts with '/'"},
        {"directory that is not there", address + "/none/socket", ErrorKind::not_found, "directory must exist"},
        {"every address", "tcp:0.0.0.0:9000", ErrorKind::invalid, "loopback"},
        {"an address of the network", "tcp:192.0.2.1:9000", ErrorKind::invalid, "loopback"},
        {"every IPv6 address", "tcp:[::]:9000", ErrorKind::invalid, "loopback"},
        {"mapped loopback", "tcp:[::ffff:127.0.0.1]:9000", ErrorKind::invalid, "loopback"},
        {"IPv6 without brackets", "tcp:::1:9000", ErrorKind::invalid, "loopback"},
        {"a name", "tcp:localhost:9000", ErrorKind::invalid, "loopback"},
        {"no address", "tcp::9000", ErrorKind::invalid, "loopback"},
        {"no port", "tcp:127.0.0.1", ErrorKind::invalid, "loopback"},
        {"empty port", "tcp:127.0.0.1:", ErrorKind::invalid, "loopback"},
        {"port 0", "tcp:127.0.0.1:0", ErrorKind::invalid, "loopback"},
        {"port 65536", "tcp:127.0.0.1:65536", ErrorKind::invalid, "loopback"},
        {"negative port", "tcp:127.0.0.1:-1", ErrorKind::invalid, "loopback"},
        {"words behind the port", "tcp:127.0.0.1:9000x", ErrorKind::invalid, "loopback"},
    };
    for (const auto& c : cases) BOOST_TEST(fails(make_listener(c.address, ""), c.kind, c.words), c.label);
}

BOOST_AUTO_TEST_CASE(leaves_no_socket_that_its_group_could_not_get) {
    BOOST_TEST_REQUIRE(geteuid() == 0);
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0777});
    const int code = in_child([&] {
        if (setgroups(0, nullptr) != 0 || setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            return 1;
        const auto made = make_listener(address, "www-data");
        if (!fails(made, ErrorKind::denied, "to its group: Operation not permitted; start as root")) return 2;
        return access(path.c_str(), F_OK) != 0 ? 0 : 3;
    });
    BOOST_TEST(code == 0);
}

// In a mount namespace of its own, whose /etc/group has a line of 4 kB.
BOOST_AUTO_TEST_CASE(gives_the_socket_to_a_group_of_many_members) {
    BOOST_TEST_REQUIRE(geteuid() == 0);
    std::string line = "many:x:12345:m0";
    for (int i = 1; i < 1000; ++i) line += ",m" + std::to_string(i);
    const auto groups = directory.write("group", line + "\n");
    const int code = in_child([&] {
        if (!enter_mount_namespace()) return 1;
        if (mount(groups.c_str(), "/etc/group", nullptr, MS_BIND, nullptr) != 0) return 2;
        const auto made = make_listener(address, "many");
        struct stat found{};
        if (!made || lstat(path.c_str(), &found) != 0) return 3;
        return found.st_gid == 12345 ? 0 : 4;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(takes_the_longest_path) {
    const std::string longest = path + std::string(107 - path.size(), 'p');
    BOOST_TEST(make_listener("unix:" + longest, "").has_value());
    BOOST_TEST(access(longest.c_str(), F_OK) == 0);
}

BOOST_AUTO_TEST_CASE(listens_on_loopback_addresses) {
    const std::string tcp = "tcp:127.0.0.1:" + free_port(AF_INET);
    const auto made = make_listener(tcp, "www-data");
    BOOST_TEST_REQUIRE(made.has_value(), (made ? "" : made.error().message));
    BOOST_CHECK_NO_THROW(FastcgiClient{tcp});
    BOOST_TEST(fails(make_listener(tcp, ""), ErrorKind::conflict, "another program listens"));
    const auto six = make_listener("tcp:[::1]:" + free_port(AF_INET6), "");
    // A kernel without IPv6 has no such address.
    BOOST_TEST((six.has_value() || six.error().code == EADDRNOTAVAIL || six.error().code == EAFNOSUPPORT));
}

BOOST_AUTO_TEST_CASE(takes_the_socket_on_standard_input_and_leaves_dev_null_there) {
    const auto made = make_listener(address, "");
    BOOST_TEST_REQUIRE(made.has_value());
    const int code = in_child([&] {
        unsetenv("LISTEN_FDS");
        dup2(made->get(), STDIN_FILENO);
        const auto inherited = fastcgi::inherited_listener();
        if (!inherited || inherited->get() < 3 || !fastcgi::listens(inherited->get())) return 1;
        char nothing = 0;
        return !fastcgi::listens(STDIN_FILENO) && read(STDIN_FILENO, &nothing, 1) == 0 ? 0 : 2;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_CASE(takes_the_one_socket_of_systemd) {
    const auto made = make_listener(address, "");
    BOOST_TEST_REQUIRE(made.has_value());
    const auto handed_in = [&](const char* count, int fd) {
        return in_child([&] {
            dup2(fd, 3);
            setenv("LISTEN_FDS", count, 1);
            setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
            const auto inherited = fastcgi::inherited_listener();
            if (getenv("LISTEN_FDS") != nullptr) return 100;
            if (!inherited) return inherited.error().kind == ErrorKind::invalid ? 10 : 11;
            return inherited->get() == 3 && fcntl(3, F_GETFD) == FD_CLOEXEC ? 0 : 1;
        });
    };
    const util::Fd no_socket(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const util::Fd not_listening(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_TEST(handed_in("1", made->get()) == 0);
    BOOST_TEST(handed_in("1", no_socket.get()) == 10);
    BOOST_TEST(handed_in("1", not_listening.get()) == 10);
    BOOST_TEST(handed_in("2", made->get()) == 10);
}

BOOST_AUTO_TEST_CASE(reports_that_no_socket_was_inherited) {
    const int code = in_child([] {
        unsetenv("LISTEN_FDS");
        const util::Fd null(open("/dev/null", O_RDONLY));
        dup2(null.get(), STDIN_FILENO);
        return fails(fastcgi::inherited_listener(), ErrorKind::not_found, "no socket was handed in") ? 0 : 1;
    });
    BOOST_TEST(code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
