// SPDX-License-Identifier: MIT
// The models that `make model` checks: that they are of this code.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "support/mariadb_server.hpp"

namespace {

using namespace ceymail::testing;
namespace fs = std::filesystem;

using Steps = std::map<std::string, std::set<std::string>>;  // MODEL/STEP, and the files that name it

void add_steps(Steps& steps, const fs::path& directory, const std::set<std::string>& extensions) {
    static const std::regex named("model: ([a-z0-9-]+/[a-z0-9-]+)");
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
        if (!extensions.contains(entry.path().extension().string())) continue;
        std::ifstream file(entry.path());
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        for (std::sregex_iterator found(text.begin(), text.end(), named), end; found != end; ++found)
            steps[(*found)[1]].insert(entry.path().filename().string());
    }
}

// One a line, of `steps` those that `others` has not.
std::string missing(const Steps& steps, const Steps& others) {
    std::string text;
    for (const auto& [step, files] : steps)
        if (!others.contains(step)) text += "\n" + step + " of " + *files.begin();
    return text;
}

BOOST_AUTO_TEST_SUITE(models)

BOOST_AUTO_TEST_CASE(name_the_steps_of_the_code) {
    Steps code;
    Steps models;
    for (const char* const directory : {"include", "src"}) add_steps(code, source(directory), {".cpp", ".hpp"});
    add_steps(models, source("tests/model"), {".pml"});
    BOOST_TEST(missing(code, models) == "", "steps that no model has:" << missing(code, models));
    BOOST_TEST(missing(models, code) == "", "steps that the code has not:" << missing(models, code));
    for (const char* const model : {"limiter", "mail-log", "revoke", "snapshot"}) {
        const auto of_model = [&](const auto& step) { return step.first.starts_with(std::string(model) + "/"); };
        BOOST_TEST(std::ranges::count_if(models, of_model) >= 8, model);
    }
}

// A step that is named in two places of one side is a step that moved, with its name left behind.
BOOST_AUTO_TEST_CASE(have_each_step_in_one_file) {
    Steps models;
    add_steps(models, source("tests/model"), {".pml"});
    for (const auto& [step, files] : models) BOOST_TEST(files.size() == 1U, step);
    Steps code;
    for (const char* const directory : {"include", "src"}) add_steps(code, source(directory), {".cpp", ".hpp"});
    for (const auto& [step, files] : code) BOOST_TEST(files.size() == 1U, step);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
