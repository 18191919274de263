// SPDX-License-Identifier: MIT
// main.cf and master.cf as Postfix reads them.
#include "ceymail/collect/postfix_settings.hpp"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using ceymail::collect::PostfixSettings;

std::string value(std::string_view main_cf, std::string_view name) {
    return PostfixSettings::parse(main_cf, "").value(name);
}

BOOST_AUTO_TEST_SUITE(postfix_settings)

BOOST_AUTO_TEST_CASE(reads_values_comments_and_continued_lines) {
    const struct {
        const char* label;
        const char* text;
        const char* want;
    } cases[] = {
        {"plain", "a = 1\n", "1"},
        {"no blanks, no end of line", "a=1", "1"},
        {"blanks within", "a = 1 2 ", "1 2"},
        {"last one holds", "a = 1\na = 2\n", "2"},
        {"set to nothing", "a = 1\na =\n", ""},
        {"comment", "#a = 1\n # a = 2\n", ""},
        {"continued", "a = 1,\n  2\n\t3\n", "1, 2 3"},
        {"continued over a comment", "a = 1\n# x\n  2\n", "1 2"},
        {"continued over an empty line", "a = 1\n\n  2\n", "1 2"},
        {"another name", "aa = 1\nb = a = 2\n", ""},
        {"no value", "a\n", ""},
        {"a blank first of all", "  a = 1\n", "1"},
    };
    for (const auto& c : cases) BOOST_TEST(value(c.text, "a") == c.want, c.label);
}

BOOST_AUTO_TEST_CASE(replaces_names_by_their_values) {
    const std::string others = "b = 7\nc = $b\nd = $d\n";
    BOOST_TEST(value(others + "a = $b", "a") == "7");
    BOOST_TEST(value(others + "a = x${c}y$(b)z", "a") == "x7y7z");
    BOOST_TEST(value(others + "a = $unknown.", "a") == ".");
    BOOST_TEST(value(others + "a = ${b?yes}", "a") == "${b?yes}");
    BOOST_TEST(value(others + "a = 1$", "a") == "1$");
    BOOST_TEST(value(others, "d") == "$d");  // of itself
}

BOOST_AUTO_TEST_CASE(reads_services_and_what_each_overrides) {
    const auto settings = PostfixSettings::parse("x = main\ny = $x\n",
                                                 "# service type\n"
                                                 "smtp      inet  n       -       y       -       -       smtpd\n"
                                                 "submission inet n - y - - smtpd\n"
                                                 "  -o x=own\n"
                                                 "#  -o x=comment\n"
                                                 "  -o { z = 1 2 }\n"
                                                 "  -v\n"
                                                 "relay unix - - n - - smtp -o x=$mail\n"
                                                 "short line\n");
    BOOST_TEST_REQUIRE(settings.services().size() == 4U);
    const auto& smtp = settings.services()[0];
    const auto& submission = settings.services()[1];
    BOOST_TEST(smtp.name == "smtp/inet");
    BOOST_TEST(smtp.command == "smtpd");
    BOOST_TEST(settings.value(smtp, "x") == "main");
    BOOST_TEST(submission.name == "submission/inet");
    BOOST_TEST(settings.value(submission, "x") == "own");
    BOOST_TEST(settings.value(submission, "y") == "own");  // $x of main.cf is this service's
    BOOST_TEST(settings.value(submission, "z") == "1 2");
    BOOST_TEST(settings.services()[2].command == "smtp");
    BOOST_TEST(settings.value(settings.services()[2], "x").empty());
    BOOST_TEST(settings.services()[3].command.empty());
}

BOOST_AUTO_TEST_CASE(takes_any_bytes) {
    for (const char* text : {"=", "$", "{", "}", "a = ${", "a = $(b}", "-o", "a b c d e f g h -o", "\xff\x00\n ="}) {
        const auto settings = PostfixSettings::parse(text, text);
        BOOST_TEST(settings.value("a").size() < 10U, text);
    }
}

// A hundred names in each of nine values would be 10^18 replacements.
BOOST_AUTO_TEST_CASE(replaces_a_bounded_number_of_names) {
    std::string text;
    for (char name = 'a'; name < 'j'; ++name) {
        text += std::string(1, name) + " =";
        for (int i = 0; i < 100; ++i) text += std::string(" $") + static_cast<char>(name + 1);
        text += '\n';
    }
    BOOST_TEST(value(text, "i") == std::string(99, ' '));
    BOOST_TEST(value(text, "a").ends_with("$b $b"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
