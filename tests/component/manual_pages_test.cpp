// SPDX-License-Identifier: MIT
// The manual pages against the programs: what one has and the other has not is a lie.
#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/service.hpp"
#include "ceymail/config/keys.hpp"
#include "support/child_process.hpp"
#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;

namespace {

std::string page(const std::string& name) { return slurp(source("deploy/man/" + name)); }

// As it is read: blanks and line ends are the same, and so are the two ways to write a quote.
std::string flowed(std::string text) {
    text = std::regex_replace(text, std::regex(R"(\\\(dq)"), "\"");
    return std::regex_replace(text, std::regex(R"(\s+)"), " ");
}

std::vector<std::smatch> matches(const std::string& text, const std::regex& pattern) {
    return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

std::set<std::string> found(const std::string& text, const std::string& pattern) {
    std::set<std::string> all;
    for (const auto& match : matches(text, std::regex(pattern))) all.insert(match[1]);
    return all;
}

// One key as ceymail-metrics.conf(5) has it.
struct Entry {
    std::string key;
    std::string preset;
    std::string text;
};
std::vector<Entry> entries() {
    const std::string text = page("ceymail-metrics.conf.5");
    const auto heads = matches(text, std::regex(R"(\.It Ic (\w+) No =(?: Li (.*))?\n)"));
    std::vector<Entry> all;
    for (const auto& head : heads) {
        const auto begin = static_cast<std::size_t>(head.position() + head.length());
        const auto end = std::min(text.find("\n.It ", begin), text.find("\n.El", begin));
        all.push_back({head[1], head[2], flowed(text.substr(begin, end - begin))});
    }
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(manual_pages)

BOOST_AUTO_TEST_CASE(every_key_is_there_with_the_default_that_it_has) {
    std::vector<std::string> written;
    std::string file;
    for (const auto& entry : entries()) {
        written.push_back(entry.key);
        file += entry.key + " = " + entry.preset + "\n";
    }
    std::set<std::string> names;
    for (const auto& key : config::keys()) names.emplace(key.name);
    BOOST_TEST(std::set<std::string>(written.begin(), written.end()) == names, boost::test_tools::per_element());
    const auto parsed = config::parse_configuration(file, "the page");
    BOOST_TEST_REQUIRE(parsed.has_value(), (parsed ? "" : parsed.error().message));
    BOOST_TEST((*parsed == config::Configuration{}), file);
}

BOOST_AUTO_TEST_CASE(what_a_key_allows_is_told_in_the_words_of_its_error) {
    for (const auto& entry : entries()) {
        const auto refused = config::parse_configuration(entry.key + " = no such?", "x");
        if (refused) continue;  // any text
        const auto& words = refused.error().message;
        const auto allowed = "Allowed is " + words.substr(words.find("; give ") + 7) + ".";
        BOOST_TEST(entry.text.find(allowed) != std::string::npos, entry.key << " lacks: " << allowed);
    }
}

BOOST_AUTO_TEST_CASE(every_known_service_is_named) {
    const auto text = flowed(page("ceymail-metrics.conf.5"));
    std::string names;
    const auto services = collect::known_services("", "");
    for (const auto& service : services) {
        if (!names.empty()) names += &service == &services.back() ? " and " : ", ";
        names += service.name;
    }
    BOOST_TEST(text.find("The known names are " + names + ".") != std::string::npos, names);
}

BOOST_AUTO_TEST_CASE(every_option_of_a_program_is_there_and_no_other) {
    for (const std::string program : {"ceymail-metrics", "ceymail-token", "ceymail-settings", "ceymail-attach"}) {
        const auto help = run({.arguments = {built_program(program), "--help"}});
        BOOST_TEST(found(page(program + ".8"), R"(\n\.It Fl Fl ([a-z-]+))") == found(help.output, "--([a-z-]+)"),
                   boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(every_message_that_begins_a_line_of_the_log_is_there) {
    const auto pages = flowed(page("ceymail-metrics.8") + page("ceymail-token.8") + page("ceymail-settings.8") +
                              page("ceymail-attach.8"));
    const std::regex split(R"("\s*\n\s*")");
    const std::string beginning =
        R"re("((?:cannot|there is|another|without|replaced|out of|systemd hands|what systemd|the configuration is|no answer)re"
        R"re(|an exception|a request came|which command|no such command|this is the only|the token is) [^"\\]*[^"\\ :'(]))re";
    int count = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(source("src"))) {
        if (file.path().extension() != ".cpp" || file.path().filename() == "reject.cpp") continue;  // Postfix's words
        for (const auto& message : found(std::regex_replace(slurp(file.path()), split, ""), beginning)) {
            ++count;
            const auto first = message.substr(0, message.find(';'));
            BOOST_TEST(pages.find(first) != std::string::npos, file.path().filename() << ": " << first);
        }
    }
    BOOST_TEST(count > 50);  // or the pattern has come to match nothing
}

BOOST_AUTO_TEST_SUITE_END()
