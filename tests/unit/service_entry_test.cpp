// SPDX-License-Identifier: MIT
// The lines `service = NAME UNIT... [PROCESS...]` and the patterns in them.
#include <boost/test/unit_test.hpp>

#include "ceymail/config/configuration.hpp"
#include "ceymail/config/service_entry.hpp"

using namespace ceymail::config;

namespace {

// Returns: the message, without the file and the allowed words.
std::string fault_of(const std::string& lines) {
    const auto got = parse_configuration(lines, "x.conf");
    if (got) return "none";
    const auto& message = got.error().message;
    const auto allowed = message.find(
        "; give a name of a-z, 0-9 and '-', one or more units that end in .service, and names of processes; or "
        "nothing");
    BOOST_TEST_REQUIRE(allowed != std::string::npos, message);
    return message.substr(0, allowed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(service_entry)

BOOST_AUTO_TEST_CASE(a_word_that_ends_in_service_is_a_unit_and_another_a_process) {
    struct Case {
        const char* value;
        ServiceEntry want;
    };
    for (const auto& [value, want] : std::vector<Case>{
             {"rspamd rspamd.service", {"rspamd", {"rspamd.service"}, {}}},
             {"redis redis.service redis-server.service redis-server",
              {"redis", {"redis.service", "redis-server.service"}, {"redis-server"}}},
             {"php-fpm php*-fpm.service php-fpm*", {"php-fpm", {"php*-fpm.service"}, {"php-fpm*"}}},
             {"  x\tb  a@1.service ", {"x", {"a@1.service"}, {"b"}}},
             {"c a@*.service g++", {"c", {"a@*.service"}, {"g++"}}},
         }) {
        const auto got = parse_service_entry(value);
        BOOST_TEST_REQUIRE(got.has_value(), value << ": " << (got ? "" : got.error().message));
        BOOST_TEST((*got == want), value);
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_word_is_named_with_the_reason) {
    const std::pair<std::string, std::string> cases[] = {
        {"Redis redis.service", "Redis is no name of a-z, 0-9 and '-' with up to 64 characters"},
        {"a_b a.service", "a_b is no name of a-z, 0-9 and '-' with up to 64 characters"},
        {"a.service", "a.service is no name of a-z, 0-9 and '-' with up to 64 characters"},
        {std::string(65, 'a') + " a.service",
         std::string(65, 'a') + " is no name of a-z, 0-9 and '-' with up to 64 characters"},
        {"redis", "it names no unit; a unit ends in .service"},
        {"redis redis-server", "it names no unit; a unit ends in .service"},
        {"redis redis.socket", "redis.socket is a unit, but none of a service"},
        {"redis redis.service backup.timer", "backup.timer is a unit, but none of a service"},
        {"redis redis@.service", "redis@.service is no name of a unit that systemd can load"},
        {"redis *.service", "*.service is no name of a unit that systemd can load"},
        {"redis a/b.service", "a/b.service is no name of a unit that systemd can load"},
        {"redis .service", ".service is no name of a unit that systemd can load"},
        {"redis " + std::string(248, 'a') + ".service",
         std::string(248, 'a') + ".service is no name of a unit that systemd can load"},
        {"redis redis.service /usr/bin/redis-server",
         "/usr/bin/redis-server is a path, where the name of a process alone is wanted"},
        {"redis redis.service *", "* is neither a unit nor the name of a process"},
        {"redis redis.service a\"b", "a\"b is neither a unit nor the name of a process"},
        {"redis redis.service" +
             [] {
                 std::string words;
                 for (int i = 0; i < 16; ++i) words += " p" + std::to_string(i);
                 return words;
             }(),
         "more than 16 units and processes"},
    };
    for (const auto& [value, want] : cases)
        BOOST_TEST(fault_of("service = " + value + "\n") == "x.conf: line 1: service = " + value + ": " + want);
}

BOOST_AUTO_TEST_CASE(there_are_up_to_32_lines_and_each_name_is_in_one) {
    const auto got = parse_configuration("service = a a.service\nworkers = 1\nservice = b b.service\n", "x.conf");
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST((got->services == std::vector<ServiceEntry>{{"a", {"a.service"}, {}}, {"b", {"b.service"}, {}}}));
    BOOST_TEST(parse_configuration("service =\n", "x.conf")->services.empty());
    BOOST_TEST(fault_of("service = a a.service\nservice = a b.service\n") ==
               "x.conf: line 2: service = a b.service: the name a is in another line");
    std::string lines;
    for (int i = 0; i < 32; ++i) lines += "service = a" + std::to_string(i) + " a.service\n";
    BOOST_TEST(fault_of(lines) == "none");
    BOOST_TEST(fault_of(lines + "service = b b.service\n") ==
               "x.conf: line 33: service = b b.service: there are 32 lines before it");
}

BOOST_AUTO_TEST_CASE(a_star_stands_for_any_characters) {
    const std::pair<const char*, const char*> matching[] = {
        {"a", "a"},       {"a*", "a"},          {"a*", "abc"},
        {"a*c", "abcbc"}, {"a*b*c", "a-b-b-c"}, {"php*-fpm.service", "php8.2-fpm.service"},
        {"", ""},         {"a**", "a"},         {"a\\x2d*", "a\\x2db"},
    };
    for (const auto& [pattern, name] : matching) BOOST_TEST(matches(pattern, name), pattern << " " << name);
    const std::pair<const char*, const char*> others[] = {
        {"a", "b"}, {"a", ""}, {"", "a"}, {"a*", "ba"}, {"a*c", "abcb"}, {"a*b*c", "acb"}, {"a?", "ab"}, {"a", "ab"},
    };
    for (const auto& [pattern, name] : others) BOOST_TEST(!matches(pattern, name), pattern << " " << name);
    BOOST_TEST(matches("a" + std::string(20, '*') + "b", "a" + std::string(4000, 'a') + "b"));
}

BOOST_AUTO_TEST_SUITE_END()
