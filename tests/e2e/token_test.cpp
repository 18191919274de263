// SPDX-License-Identifier: MIT
// The life of a token: made, used, replaced, and nowhere to be found.
#include <boost/test/unit_test.hpp>

#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

namespace fs = std::filesystem;

std::string unreadable_is_empty(const fs::path& file) try { return slurp(file); } catch (const std::exception&) {
    return {};  // gone meanwhile, a socket, a pipe
}

// Files under `directory` that contain `text`.
std::vector<std::string> files_with(const std::string& text, const fs::path& directory) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
        if (entry.is_regular_file() && unreadable_is_empty(entry.path()).find(text) != std::string::npos)
            found.push_back(entry.path());
    return found;
}

// Processes whose environment or arguments contain `text`.
std::vector<std::string> processes_with(const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
        for (const char* file : {"environ", "cmdline"})
            if (unreadable_is_empty(entry.path() / file).find(text) != std::string::npos)
                found.push_back(entry.path() / file);
    }
    return found;
}

BOOST_AUTO_TEST_SUITE(token_over_https)

BOOST_AUTO_TEST_CASE(a_new_token_ends_the_one_before_at_the_next_request) {
    auto& miniature = Miniature::shared();
    const auto request_before = miniature.request();
    BOOST_TEST(fetch(request_before).status == 200);
    const auto made = miniature.token_tool({"generate", "--output", miniature.directory() / "token", "--force"});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
    BOOST_TEST(fetch(request_before).status == 401);
    BOOST_TEST(fetch(miniature.request()).status == 200);
}

BOOST_AUTO_TEST_CASE(a_revoked_token_ends_at_the_next_request) {
    auto& miniature = Miniature::shared();
    const auto request = miniature.request();
    BOOST_TEST(fetch(request).status == 200);
    const auto revoked = miniature.token_tool({"revoke"});
    const auto answer = fetch(request);
    const auto made = miniature.token_tool({"generate", "--output", miniature.directory() / "token", "--force"});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
    BOOST_TEST(revoked.status == 0, revoked.errors);
    BOOST_TEST(answer.status == 401);
}

BOOST_AUTO_TEST_CASE(is_in_no_file_and_no_process_but_its_own_file) {
    auto& miniature = Miniature::shared();
    BOOST_TEST(fetch(miniature.request()).status == 200);
    const auto token = miniature.token();
    const std::vector<std::string> its_own{miniature.directory() / "token"};
    BOOST_TEST(files_with(token, miniature.directory()) == its_own, boost::test_tools::per_element());
    BOOST_TEST(processes_with(token) == std::vector<std::string>{}, boost::test_tools::per_element());
    const bool is_private = fs::status(its_own.front()).permissions() == fs::perms{0600};
    BOOST_TEST(is_private);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
