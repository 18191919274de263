// SPDX-License-Identifier: MIT
// Every command block of the README does what it says, in a copy of the checkout.
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <regex>
#include <sstream>

#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Block {
    std::string commands;
    std::string marker;  // the comment above it: "run: until ..." or "not run: why"
};

// The blocks fenced with ```sh.
std::vector<Block> command_blocks(const std::string& markdown) {
    std::vector<Block> blocks;
    std::istringstream lines(markdown);
    std::string line;
    std::string marker;
    bool inside = false;
    while (std::getline(lines, line)) {
        if (inside && line == "```")
            inside = false;
        else if (inside)
            blocks.back().commands += line + "\n";
        else if (line.starts_with("<!-- "))
            marker = line.substr(5, line.size() - 9);
        else if (line == "```sh") {
            inside = true;
            blocks.push_back({{}, std::exchange(marker, {})});
        } else
            marker.clear();
    }
    return blocks;
}

// The sources, and what is built of them: the README's commands are for the root of a checkout, and must not meet a
// miniature that a developer runs there.
class Checkout {
public:
    Checkout() {
        const fs::path built = fs::path(built_program("ceymail-token")).parent_path();
        for (const auto& entry : fs::directory_iterator(fs::current_path()))
            if (entry.path().filename() != "build" && entry.path().filename() != ".git")
                fs::create_symlink(entry.path(), m_directory / entry.path().filename());
        fs::create_directory(m_directory / "build");
        fs::create_symlink(fs::absolute(built), m_directory / "build" / "release");
        // Where there is no sudo, the tests are root's own.
        m_directory.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n", fs::perms{0755});
    }

    [[nodiscard]] ChildOptions shell(const std::string& commands) const {
        return {.arguments = {"bash", "-euo", "pipefail", "-c", commands},
                .environment = {"PATH=" + (m_directory / "bin").string() + ":" + std::getenv("PATH"), "MAKEFLAGS="},
                .directory = m_directory.path()};
    }
    [[nodiscard]] const TemporaryDirectory& directory() const noexcept { return m_directory; }

private:
    TemporaryDirectory m_directory;
};

BOOST_AUTO_TEST_SUITE(readme)

BOOST_AUTO_TEST_CASE(every_command_block_works) {
    const Checkout checkout;
    std::optional<ChildProcess> stays;
    int ran = 0;
    for (const auto& block : command_blocks(slurp(source("README.md")))) {
        BOOST_TEST_CONTEXT(block.commands) {
            if (block.marker.starts_with("not run: ")) continue;
            ++ran;
            auto options = checkout.shell(block.commands);
            if (!block.marker.starts_with("run: until ")) {
                // Again for a while: a server that the block before started takes its time.
                Finished done;
                const auto works = [&] { return (done = run(options, 60s)).status == 0; };
                BOOST_TEST(eventually(works, 15s), done.output + done.errors);
                continue;
            }
            const auto quoted = block.marker.substr(block.marker.find('"') + 1);
            const auto words = quoted.substr(0, quoted.find('"'));
            options.errors_file = checkout.directory() / "words";
            options.output_file = checkout.directory() / "printed";
            stays.emplace(options);
            const auto has_come = [&] {
                return !stays->running() || slurp(options.errors_file).find(words) != std::string::npos;
            };
            BOOST_TEST_REQUIRE(eventually(has_come, 180s), slurp(options.errors_file));
            BOOST_TEST_REQUIRE(stays->running(), slurp(options.errors_file));
        }
    }
    BOOST_TEST(ran >= 7);
    BOOST_TEST_REQUIRE(stays.has_value());
    // make passes it on, as it does from a terminal.
    stays->signal(SIGTERM);
    BOOST_TEST(stays->wait(20s).has_value());
    const auto all_stopped = [&] {
        return slurp(checkout.directory() / "words").find("run: all stopped") != std::string::npos;
    };
    BOOST_TEST(eventually(all_stopped, 10s));
}

BOOST_AUTO_TEST_CASE(names_every_configuration_key) {
    const auto readme = slurp(source("README.md"));
    const auto parser = slurp(source("src/config/keys.cpp"));
    const std::regex row(R"x(\("(\w+)",\s+&C::)x");
    int keys = 0;
    for (std::sregex_iterator found(parser.begin(), parser.end(), row), end; found != end; ++found, ++keys) {
        const auto key = (*found)[1].str();
        BOOST_TEST(readme.find("| `" + key + "` |") != std::string::npos, key);
    }
    BOOST_TEST(keys >= 24);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
