// SPDX-License-Identifier: MIT
// What a process may still do after allow_only(), tried in children.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ceymail/system/landlock.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::system {
namespace {

using testing::TemporaryDirectory;

// Runs `attempt` in a child that is confined to `readable`. Returns: its errno, 0: success.
template <class Attempt>
int confined_to(const std::vector<std::filesystem::path>& readable, Attempt attempt, Tcp tcp) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (!allow_only(readable, tcp)) ::_exit(255);
        errno = 0;
        ::_exit(attempt() ? 0 : errno);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

template <class Attempt>
int confined(const std::filesystem::path& directory, Attempt attempt, Tcp tcp = Tcp::forbidden) {
    return confined_to({directory}, attempt, tcp);
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

struct Directories {
    TemporaryDirectory allowed;
    TemporaryDirectory other;
    Directories() {
        allowed.write("file", "text");
        other.write("file", "text");
    }
};

// Containers often refuse its system calls. The cases are then skipped and counted as skipped.
boost::test_tools::assertion_result kernel_has_it(boost::unit_test::test_unit_id) { return has_landlock(); }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(landlock, Directories, *boost::unit_test::precondition(kernel_has_it))

BOOST_AUTO_TEST_CASE(lets_read_what_is_named) {
    BOOST_TEST(confined(allowed.path(), open_as(allowed / "file", O_RDONLY)) == 0);
    BOOST_TEST(confined(allowed / "file", open_as(allowed / "file", O_RDONLY)) == 0);
}

// The log reader.
BOOST_AUTO_TEST_CASE(lets_open_and_connect_nothing_where_nothing_is_named) {
    for (const auto* const path : {"/", "/etc/hostname", "/proc/self/status", "/dev/null"})
        BOOST_TEST(confined_to({}, open_as(path, O_RDONLY), Tcp::forbidden) == EACCES, path);
    BOOST_TEST(confined_to({}, connect_by_tcp, Tcp::forbidden) == EACCES);
}

BOOST_AUTO_TEST_CASE(lets_the_gatherer_read_a_log_after_it_was_rotated) {
    config::Configuration configuration;
    const auto names = [&](const char* path) {
        return std::ranges::count(readable_by_gatherer(configuration), std::filesystem::path(path)) != 0;
    };
    BOOST_TEST(names("/var/log"));
    configuration.mail_log = "/srv/log/mail.log";
    configuration.fail2ban_log = "";
    BOOST_TEST(names("/srv/log"));
    BOOST_TEST(!names("/var/log"));
    configuration.mail_log = "";
    BOOST_TEST(!names("/srv/log"));
}

BOOST_AUTO_TEST_CASE(lets_list_a_directory_of_backups_and_look_at_its_files_without_opening_one) {
    const auto confined_to_listing = [&](auto body) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (!allow_only({}, Tcp::forbidden, {allowed.path(), allowed / "file"})) ::_exit(255);
            ::_exit(body() ? 0 : errno);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    };
    struct stat status{};
    BOOST_TEST(confined_to_listing(open_as(allowed.path(), O_RDONLY | O_DIRECTORY)) == 0);
    BOOST_TEST(confined_to_listing([&] { return ::lstat((allowed / "file").c_str(), &status) == 0; }) == 0);
    BOOST_TEST(confined_to_listing(open_as(allowed / "file", O_RDONLY)) == EACCES);
    BOOST_TEST(confined_to_listing(open_as(other.path(), O_RDONLY | O_DIRECTORY)) == EACCES);
}

BOOST_AUTO_TEST_CASE(names_no_directory_above_one_that_is_missing) {
    config::Configuration configuration;
    configuration.certificates = {{"imap", allowed / "tls/mail.pem"}};
    configuration.backup_directory = allowed / "a/b/backups";
    const auto names = [](const auto& paths, const std::filesystem::path& path) {
        return std::ranges::count(paths, path) != 0;
    };
    BOOST_TEST(!names(readable_by_gatherer(configuration), allowed / "tls"));
    BOOST_TEST(listable_by_gatherer(configuration).empty());
    std::filesystem::create_directories(allowed / "tls");
    std::filesystem::create_directories(allowed / "a/b");
    BOOST_TEST(names(readable_by_gatherer(configuration), allowed / "tls"));
    BOOST_TEST(names(listable_by_gatherer(configuration), allowed / "a/b"));
    BOOST_TEST(!names(readable_by_gatherer(configuration), allowed / "a/b"));
    BOOST_TEST(!names(readable_by_gatherer(configuration), "/etc/letsencrypt"));
}

BOOST_AUTO_TEST_CASE(lets_the_journal_reader_read_the_journal_and_libraries_alone) {
    config::Configuration configuration;
    for (const auto& path : readable_by_journal_reader(configuration)) {
        const auto text = path.string();
        BOOST_TEST((text.starts_with("/usr/lib") || text.starts_with("/lib") || text.starts_with("/var/log/journal") ||
                    text.starts_with("/run/log/journal") || text == "/etc/machine-id"),
                   text);
    }
    configuration.journal_directory = allowed.path();
    const auto readable = readable_by_journal_reader(configuration);
    BOOST_TEST(std::ranges::count(readable, "/etc/machine-id") == 0);
    BOOST_TEST(confined_to(readable, open_as(allowed / "file", O_RDONLY), Tcp::forbidden) == 0);
    BOOST_TEST(confined_to(readable, open_as(allowed / "file", O_WRONLY), Tcp::forbidden) == EACCES);
    BOOST_TEST(confined_to(readable, open_as(other / "file", O_RDONLY), Tcp::forbidden) == EACCES);
    BOOST_TEST(confined_to(readable, open_as("/etc/passwd", O_RDONLY), Tcp::forbidden) == EACCES);
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

// A gatherer's child is confined, then `replace` runs, then the child reads the deferred queue. Returns: its errno, 0:
// success.
template <class Replace>
int gatherer_reads_after(const std::filesystem::path& queue, Replace replace) {
    config::Configuration configuration;
    configuration.queue_directories = {queue};
    int confined[2];
    int replaced[2];
    BOOST_TEST_REQUIRE((::pipe(confined) == 0 && ::pipe(replaced) == 0));
    char byte = 0;
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (!allow_only(readable_by_gatherer(configuration), Tcp::forbidden)) ::_exit(255);
        if (::write(confined[1], &byte, 1) != 1 || ::read(replaced[0], &byte, 1) != 1) ::_exit(254);
        ::_exit(::open((queue / "deferred").c_str(), O_RDONLY | O_DIRECTORY) >= 0 ? 0 : errno);
    }
    ::close(confined[1]);
    if (::read(confined[0], &byte, 1) == 1) replace();
    int status = 0;
    BOOST_TEST(::write(replaced[1], &byte, 1) == 1);
    ::waitpid(child, &status, 0);
    for (const int fd : {confined[0], replaced[0], replaced[1]}) ::close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 253;
}

BOOST_AUTO_TEST_CASE(lets_the_gatherer_read_a_queue_that_replaces_another) {
    const auto make_queue = [](const std::filesystem::path& queue) {
        std::filesystem::create_directories(queue / "deferred");
    };
    const auto queue = allowed / "spool/postfix";
    make_queue(queue);
    BOOST_TEST(gatherer_reads_after(queue,
                                    [&] {
                                        std::filesystem::rename(queue, allowed / "spool/postfix.bak");
                                        make_queue(queue);
                                    }) == 0,
               "renamed and copied");
    BOOST_TEST_REQUIRE(::geteuid() == 0, "mounting needs root: sudo make check");
    BOOST_TEST(
        gatherer_reads_after(queue,
                             [&] {
                                 BOOST_TEST_REQUIRE(::mount("of-tests", queue.c_str(), "tmpfs", 0, nullptr) == 0);
                                 make_queue(queue);
                             }) == 0,
        "mounted over");
    BOOST_TEST(gatherer_reads_after(queue, [&] { BOOST_TEST(::umount(queue.c_str()) == 0); }) == 0, "unmounted");
    const auto link = other / "spool/postfix";
    std::filesystem::create_directories(link.parent_path());
    std::filesystem::create_directory_symlink(queue, link);
    BOOST_TEST(gatherer_reads_after(link,
                                    [&] {
                                        std::filesystem::rename(queue, allowed / "spool/postfix.old");
                                        make_queue(queue);
                                    }) == 0,
               "behind a symbolic link");
}

// With its capability the gatherer could read every file there.
BOOST_AUTO_TEST_CASE(does_not_let_the_gatherer_read_all_of_a_top_level_directory) {
    for (const auto queue : {"/srv/postfix", "/srv/postfix/", "/srv/./postfix"}) {
        config::Configuration configuration;
        configuration.queue_directories = {queue};
        const auto readable = readable_by_gatherer(configuration);
        BOOST_TEST((std::ranges::find(readable, "/srv/postfix") != readable.end()), queue);
        BOOST_TEST((std::ranges::find(readable, "/srv") == readable.end()), queue);
    }
}

// A rule for a missing directory would be one for the directory above it, /run.
BOOST_AUTO_TEST_CASE(lets_the_gatherer_read_the_directory_of_attach_state_only_if_it_is_there) {
    config::Configuration configuration;
    configuration.attach_state = allowed / "attach/state";
    const auto has = [&](const std::filesystem::path& path) {
        return std::ranges::count(readable_by_gatherer(configuration), path) != 0;
    };
    BOOST_TEST(!has(allowed / "attach"));
    std::filesystem::create_directories(allowed / "attach");
    BOOST_TEST(has(allowed / "attach"));
    BOOST_TEST(!has(allowed.path()));
}

// /etc/hosts and resolv.conf are replaced by rename(2); an IP address needs neither.
BOOST_AUTO_TEST_CASE(lets_a_worker_look_up_the_name_of_a_database_host_after_hosts_was_replaced) {
    const std::pair<const char*, bool> hosts[] = {
        {"", false}, {"127.0.0.1", false}, {"2001:db8::1", false}, {"db.example.test", true}};
    for (const auto& [host, wanted] : hosts) {
        config::Configuration configuration;
        configuration.database_host = host;
        const auto worker = readable_by_worker(configuration);
        const auto gatherer = readable_by_gatherer(configuration);
        BOOST_TEST((std::ranges::find(worker, "/etc") != worker.end()) == wanted, host);
        BOOST_TEST((std::ranges::find(gatherer, "/etc") == gatherer.end()), "the gatherer could read /etc/shadow");
    }
}

BOOST_AUTO_TEST_CASE(forbids_tcp_unless_it_is_allowed) {
    BOOST_TEST(confined(allowed.path(), connect_by_tcp) == EACCES);
    BOOST_TEST(confined(allowed.path(), connect_by_tcp, Tcp::allowed) == ECONNREFUSED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ceymail::system
