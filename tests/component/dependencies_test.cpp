// SPDX-License-Identifier: MIT
// That a new machine gets the package of every program which the scripts call.
#include <boost/test/unit_test.hpp>

#include <filesystem>

#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

boost::test_tools::assertion_result on_debian(boost::unit_test::test_unit_id) {
    return std::filesystem::exists("/var/lib/dpkg/status");
}

// A machine with these compilers and what a script needs besides.
class Compilers {
public:
    Compilers() {
        for (const char* const program : {"bash", "env", "grep", "sort"})
            std::filesystem::create_symlink(std::string("/usr/bin/") + program, m_directory / program);
    }
    void add(const std::string& name, bool compiles_expected) {
        using std::filesystem::perms;
        m_directory.write(name, compiles_expected ? "#!/bin/sh\nexit 0\n" : "#!/bin/sh\nexit 1\n", perms{0755});
    }
    Finished ask() const {
        return run({.arguments = {source("deploy/dependencies/compiler").string()},
                    .environment = {"PATH=" + m_directory.path().string()}});
    }

private:
    TemporaryDirectory m_directory;
};

std::string packages(const std::string& os_release, const std::vector<std::string>& groups) {
    const TemporaryDirectory directory;
    std::vector<std::string> arguments{source("deploy/dependencies/install").string(), "--list"};
    arguments.insert(arguments.end(), groups.begin(), groups.end());
    const auto listed = run(
        {.arguments = arguments, .environment = {"OS_RELEASE=" + directory.write("os-release", os_release).string()}});
    BOOST_TEST(listed.status == 0, listed.errors);
    return "\n" + listed.output;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

BOOST_AUTO_TEST_SUITE(dependencies, *boost::unit_test::precondition(on_debian))

BOOST_AUTO_TEST_CASE(name_the_package_of_every_program_that_a_script_calls) {
    const auto found = run({.arguments = {source("tests/programs").string()}}, std::chrono::seconds(180));
    BOOST_TEST(found.status == 0, found.output + found.errors);
}

BOOST_AUTO_TEST_CASE(name_another_compiler_where_the_default_one_is_too_old) {
    const struct {
        const char* label;
        std::string os_release;
        bool named;
    } releases[] = {
        {"Ubuntu 22.04", "ID=ubuntu\nVERSION_CODENAME=jammy\nUBUNTU_CODENAME=jammy\n", true},
        {"Ubuntu 24.04", "ID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n", false},
        {"Linux Mint 21", "ID=linuxmint\nVERSION_CODENAME=vanessa\nUBUNTU_CODENAME=jammy\n", true},
        {"Debian 12", "ID=debian\nVERSION_CODENAME=bookworm\n", false},
        {"an unknown one", "ID=unknown\n", false},
    };
    for (const auto& release : releases) {
        const auto listed = packages(release.os_release, {"build", "run"});
        BOOST_TEST(contains(listed, "\ng++\n"), release.label);
        BOOST_TEST(contains(listed, "\ng++-12\n") == release.named, release.label << ": " << listed);
        BOOST_TEST(!contains(listed, "["), release.label << ": " << listed);
    }
}

BOOST_AUTO_TEST_CASE(refuse_a_group_that_does_not_exist) {
    const auto refused = run({.arguments = {source("deploy/dependencies/install").string(), "nonsense"}});
    BOOST_TEST(refused.status == 64);
    BOOST_TEST(contains(refused.errors, "no such group: nonsense"), refused.errors);
}

BOOST_AUTO_TEST_CASE(take_the_default_compiler_if_it_can) {
    Compilers compilers;
    compilers.add("g++", true);
    compilers.add("g++-14", true);
    BOOST_TEST(compilers.ask().output == "g++\n");
}

BOOST_AUTO_TEST_CASE(take_the_newest_compiler_if_the_default_one_cannot) {
    Compilers compilers;
    compilers.add("g++", false);
    compilers.add("g++-9", false);
    compilers.add("g++-12", true);
    compilers.add("g++-13", true);
    compilers.add("g++-20", false);
    BOOST_TEST(compilers.ask().output == "g++-13\n");
}

BOOST_AUTO_TEST_CASE(say_what_to_install_if_no_compiler_can) {
    Compilers compilers;
    compilers.add("g++", false);
    compilers.add("g++-11", false);
    const auto refused = compilers.ask();
    BOOST_TEST(refused.status == 69);
    BOOST_TEST(refused.output == "");
    BOOST_TEST(contains(refused.errors, "std::expected (g++, g++-11); install g++ 12 or newer"), refused.errors);
    BOOST_TEST(contains(Compilers().ask().errors, "there is none at all"));
}

BOOST_AUTO_TEST_CASE(skip_the_browser_tests_with_a_line_if_chromium_is_a_snap) {
    using std::filesystem::perms;
    const TemporaryDirectory directory;
    for (const char* const program : {"sh", "readlink", "head", "grep"})
        std::filesystem::create_symlink(std::string("/usr/bin/") + program, directory / program);
    const auto ask = [&] {
        return run({.arguments = {source("tests/support/browser").string()},
                    .environment = {"PATH=" + directory.path().string()}});
    };
    const auto none = ask();
    BOOST_TEST(none.status == 1);
    BOOST_TEST(contains(none.errors, "browser tests are skipped: there is no Chromium here"), none.errors);
    const auto stub = directory.write("chromium-browser", "#!/bin/sh\nexec /snap/bin/chromium \"$@\"\n", perms{0755});
    const auto snap = ask();
    BOOST_TEST(snap.status == 1);
    BOOST_TEST(snap.output == "");
    BOOST_TEST(contains(snap.errors, stub.string() + " is a snap"), snap.errors);
    const auto package = directory.write("chromium", "#!/bin/sh\n", perms{0755});
    BOOST_TEST(ask().output == package.string() + "\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
