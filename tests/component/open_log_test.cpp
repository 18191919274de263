// SPDX-License-Identifier: MIT
// open_log: what may stand under the name of a log.
#include <grp.h>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/open_log.hpp"
#include "support/forked_child.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using maillog::open_log;
using util::ErrorKind;
namespace fs = std::filesystem;

constexpr uid_t k_stranger = 65534;
constexpr uid_t k_syslog = 104;

struct Fixture {
    testing::TemporaryDirectory directory;
    fs::path log = directory / "mail.log";
};

BOOST_FIXTURE_TEST_SUITE(open_log_file, Fixture)

BOOST_AUTO_TEST_CASE(opens_a_regular_file_of_root_or_of_a_system_account) {
    directory.write("mail.log", "x\n", fs::perms{0640});
    BOOST_TEST(::chown(log.c_str(), 0, 4) == 0);
    const auto fd = open_log(log);
    BOOST_TEST_REQUIRE(fd.has_value());
    BOOST_TEST((::fcntl(fd->get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_RDONLY | O_NONBLOCK));
    BOOST_TEST(::fcntl(fd->get(), F_GETFD) == FD_CLOEXEC);
    BOOST_TEST(::chown(log.c_str(), k_syslog, 4) == 0);
    BOOST_TEST(open_log(log).has_value());
}

BOOST_AUTO_TEST_CASE(opens_that_of_the_last_system_account_and_not_that_of_the_first_user) {
    directory.write("mail.log", "x\n", fs::perms{0640});
    BOOST_TEST(::chown(log.c_str(), 999, 4) == 0);
    BOOST_TEST(open_log(log).has_value());
    BOOST_TEST(::chown(log.c_str(), 1000, 4) == 0);
    BOOST_TEST(!open_log(log).has_value());
}

BOOST_AUTO_TEST_CASE(names_what_is_no_log_and_the_remedy) {
    struct Case {
        std::string label;
        std::function<void(const fs::path&)> make;
        ErrorKind kind;
        std::string cause;
    };
    const auto file = [](const fs::path& path) { return util::Fd(::open(path.c_str(), O_CREAT | O_WRONLY, 0640)); };
    const Case cases[] = {
        {"nothing", [](const fs::path&) {}, ErrorKind::not_found, "No such file or directory; it comes with the first"},
        {"directory", [](const fs::path& path) { fs::create_directory(path); }, ErrorKind::conflict,
         "it is a directory; name the regular file"},
        {"FIFO", [](const fs::path& path) { BOOST_TEST(::mkfifo(path.c_str(), 0640) == 0); }, ErrorKind::conflict,
         "it is a FIFO"},
        {"device", [](const fs::path& path) { BOOST_TEST(::mknod(path.c_str(), S_IFCHR | 0640, 0x105) == 0); },
         ErrorKind::conflict, "it is a device"},
        {"link",
         [&](const fs::path& path) {
             file(path.string() + ".real");
             fs::create_symlink(path.string() + ".real", path);
         },
         ErrorKind::conflict, "it is a symbolic link"},
        {"link to nothing", [](const fs::path& path) { fs::create_symlink("/nonexistent", path); }, ErrorKind::conflict,
         "it is a symbolic link"},
        {"a stranger's",
         [&](const fs::path& path) {
             file(path);
             BOOST_TEST(::chown(path.c_str(), k_stranger, 0) == 0);
         },
         ErrorKind::conflict, "it belongs to user 65534, who can write any line into it; chown root:adm /"},
        {"for all to write",
         [&](const fs::path& path) {
             file(path);
             BOOST_TEST(::chmod(path.c_str(), 0666) == 0);
         },
         ErrorKind::conflict, "every user can write any line into it; chmod o-w /"},
    };
    for (const auto& one : cases) {
        const auto path = directory / one.label;
        one.make(path);
        const auto fd = open_log(path);
        BOOST_TEST_REQUIRE(!fd.has_value(), one.label);
        BOOST_TEST((fd.error().kind == one.kind), one.label);
        BOOST_TEST(fd.error().message.starts_with("cannot follow " + path.string() + ": "), fd.error().message);
        BOOST_TEST(fd.error().message.find(one.cause) != std::string::npos, fd.error().message);
    }
}

BOOST_AUTO_TEST_CASE(says_how_a_log_that_may_not_be_read_is_made_readable) {
    directory.write("mail.log", "x\n", fs::perms{0640});
    testing::ForkedChild child([&] {
        // The groups of the caller go too: root's group may read the file.
        if (::setgroups(0, nullptr) != 0 || ::setgid(k_stranger) != 0 || ::setuid(k_stranger) != 0) return 1;
        const auto fd = open_log(log);
        if (fd || fd.error().kind != ErrorKind::denied) return 2;
        return fd.error().message.ends_with(
                   "mail.log: Permission denied; give the unit CAP_DAC_READ_SEARCH, or its user the group adm")
                   ? 0
                   : 3;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_CASE(opens_the_rotated_file_before_the_log_and_leaves_out_what_is_none) {
    BOOST_TEST(maillog::open_log_files(log)->empty());
    directory.write("mail.log", "new\n");
    BOOST_TEST(maillog::open_log_files(log)->size() == 1U);
    directory.write("mail.log.1", "old\n");
    const auto files = maillog::open_log_files(log);
    BOOST_TEST_REQUIRE(files->size() == 2U);
    char first = 0;
    BOOST_TEST(::pread((*files)[0].get(), &first, 1, 0) == 1);
    BOOST_TEST(first == 'o');
    fs::rename(log, directory / "away");
    BOOST_TEST(maillog::open_log_files(log)->size() == 1U, "no line was read yet");
    fs::rename(directory / "away", log);
    fs::remove(directory / "mail.log.1");
    fs::create_directory(directory / "mail.log.1");
    BOOST_TEST(maillog::open_log_files(log)->size() == 1U);
    fs::remove(log);
    fs::create_directory(log);
    BOOST_TEST(!maillog::open_log_files(log).has_value());
}

// The two names are exchanged all the time, so that the file is often another one than was looked at first.
BOOST_AUTO_TEST_CASE(opens_no_file_that_took_the_name_after_the_first_look) {
    directory.write("mail.log", "x\n", fs::perms{0640});
    const auto other = directory.write("other", "x\n");
    fs::permissions(other, fs::perms{0666});
    std::atomic<bool> ended = false;
    std::thread exchanging([&] {
        while (!ended) ::renameat2(AT_FDCWD, log.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    });
    int opened = 0, refused = 0, for_all_to_write = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto fd = open_log(log);
        struct stat status{};
        ++(fd ? opened : refused);
        if (fd && ::fstat(fd->get(), &status) == 0 && (status.st_mode & S_IWOTH) != 0) ++for_all_to_write;
    }
    ended = true;
    exchanging.join();
    BOOST_TEST(opened > 0);
    BOOST_TEST(refused > 0);
    BOOST_TEST(for_all_to_write == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
