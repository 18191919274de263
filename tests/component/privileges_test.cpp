// SPDX-License-Identifier: MIT
// User and rights of a process after become(). Each case forks, because nothing of it can be undone.
#include "ceymail/system/privileges.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <functional>
#include <string>

#include "ceymail/util/file.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using system::become;
using system::Capability;

// Runs `what` in a child. Returns: its text.
std::string in_child(const std::function<std::string()>& what) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const auto words = what();
        ::_exit(::write(ends[1], words.data(), words.size()) == static_cast<ssize_t>(words.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    std::string words;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        words.append(buffer, static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    BOOST_TEST(status == 0);
    return words;
}

std::string own_status() { return util::read_file("/proc/self/status").value_or(std::string()); }

std::string status_after(const std::string& user, Capability kept) {
    return in_child([&] {
        const auto done = become(user, kept);
        return done ? own_status() : "failed: " + done.error().message;
    });
}

bool has_line(const std::string& text, const std::string& line) { return text.find(line + "\n") != std::string::npos; }

struct AsRoot {
    AsRoot() { BOOST_TEST_REQUIRE(::geteuid() == 0, "these tests need root: sudo make check"); }
};

constexpr const char* k_nothing = "0000000000000000";
constexpr const char* k_dac_read_search = "0000000000000004";

BOOST_FIXTURE_TEST_SUITE(privileges, AsRoot)

BOOST_AUTO_TEST_CASE(root_becomes_the_user_permanently_without_capabilities) {
    const auto status = status_after("nobody", Capability::none);
    const auto uid = std::to_string(::getpwnam("nobody")->pw_uid);
    BOOST_TEST(has_line(status, "Uid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid), status);
    for (const auto set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        BOOST_TEST(has_line(status, std::string(set) + ":\t" + k_nothing), set);
    BOOST_TEST(has_line(status, "NoNewPrivs:\t1"));
}

BOOST_AUTO_TEST_CASE(has_no_group_of_root_any_more) {
    const auto status = status_after("nobody", Capability::none);
    const auto gid = std::to_string(::getpwnam("nobody")->pw_gid);
    BOOST_TEST(has_line(status, "Gid:\t" + gid + "\t" + gid + "\t" + gid + "\t" + gid));
    BOOST_TEST(has_line(status, "Groups:\t" + gid + " "));
}

BOOST_AUTO_TEST_CASE(keeps_the_one_capability_and_no_other) {
    const auto status = status_after("nobody", Capability::dac_read_search);
    BOOST_TEST(has_line(status, std::string("CapPrm:\t") + k_dac_read_search), status);
    BOOST_TEST(has_line(status, std::string("CapEff:\t") + k_dac_read_search));
    BOOST_TEST(has_line(status, std::string("CapInh:\t") + k_nothing));
    BOOST_TEST(has_line(status, std::string("CapAmb:\t") + k_nothing));
}

BOOST_AUTO_TEST_CASE(can_read_a_directory_of_root_only_with_the_capability) {
    const testing::TemporaryDirectory directory;
    const auto file = directory.write("secret", "x", std::filesystem::perms{0600});
    const auto reads = [&](Capability kept) {
        return in_child([&] {
            if (!become("nobody", kept)) return std::string("failed");
            return std::string(system::has_dac_read_search() ? "has it, " : "has it not, ") +
                   (util::read_file(file) ? "reads" : "reads not");
        });
    };
    BOOST_TEST(reads(Capability::dac_read_search) == "has it, reads");
    BOOST_TEST(reads(Capability::none) == "has it not, reads not");
}

BOOST_AUTO_TEST_CASE(a_second_call_only_drops_capabilities) {
    const auto status = in_child([] {
        if (!become("nobody", Capability::dac_read_search) || !become("nobody", Capability::none))
            return std::string("failed");
        // A dropped capability does not come back.
        if (!become("nobody", Capability::dac_read_search)) return std::string("failed");
        return own_status();
    });
    BOOST_TEST(has_line(status, std::string("CapPrm:\t") + k_nothing), status);
}

BOOST_AUTO_TEST_CASE(names_a_missing_user_and_the_remedy) {
    const auto words = in_child([] {
        const auto done = become("nobody-of-this-name", Capability::none);
        return done ? "done" : (done.error().kind == util::ErrorKind::not_found ? "" : "kind? ") + done.error().message;
    });
    BOOST_TEST(words.starts_with("there is no user \"nobody-of-this-name\"; "), words);
}

BOOST_AUTO_TEST_CASE(forbids_core_files_and_ptrace) {
    const auto words = in_child([] {
        system::forbid_dumps();
        struct stat own{};
        ::stat("/proc/self/environ", &own);
        rlimit cores{};
        ::getrlimit(RLIMIT_CORE, &cores);
        if (!become("nobody", Capability::none)) return std::string("failed");
        system::forbid_dumps();
        // Owned by root, so that not even another process of this user opens them.
        ::stat("/proc/self/environ", &own);
        return std::to_string(cores.rlim_max) + " " + std::to_string(own.st_uid);
    });
    BOOST_TEST(words == "0 0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
