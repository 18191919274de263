// SPDX-License-Identifier: MIT
// Whose entries of the journal count, cursors, and lines on their way to the log reader.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "ceymail/journal/files.hpp"
#include "ceymail/journal/journal.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::journal {
namespace {

BOOST_AUTO_TEST_SUITE(journal_entries)

BOOST_AUTO_TEST_CASE(count_where_the_mail_system_or_root_wrote_them) {
    struct Case {
        const char* label;
        std::optional<std::uint64_t> uid;
        const char* unit;
        bool counts;
    };
    const Case cases[] = {
        {"Postfix on Debian 12", 108, "postfix@-.service", true},
        {"Postfix on Debian 13", 108, "postfix.service", true},
        {"a second Postfix", 108, "postfix@second.service", true},
        {"spamd as the mailbox's user", 1001, "spamassassin.service", true},
        {"Dovecot for a mailbox's user", 5000, "dovecot.service", true},
        {"OpenDKIM", 110, "opendkim.service", true},
        {"root from a shell", 0, "session-3.scope", true},
        {"Postfix, started by hand", 108, "session-3.scope", true},
        {"a process that has ended", 108, "", true},
        {"a user", 1000, "session-3.scope", false},
        {"a user's service of Postfix's name", 1000, "user@1000.service", false},
        {"a user's process that has ended", 1000, "", false},
        {"nobody", 65534, "", false},
        {"a user's cron job", 1000, "cron.service", false},
        {"a web shell", 33, "php8.2-fpm.service", false},
        {"a web shell with Postfix in its unit's name", 33, "php-postfix.service", false},
        {"a scope of Postfix's name", 1000, "postfix.scope", false},
        {"no user at all", std::nullopt, "", false},
    };
    for (const auto& one : cases) BOOST_TEST(is_of_mail_system(one.uid, one.unit) == one.counts, one.label);
}

BOOST_AUTO_TEST_CASE(have_a_cursor_that_survives_as_numbers) {
    const std::string cursor =
        "s=7e4b1b0c8d1f4a0b9b5f1c6f0d2e3a4b;i=1f5c;b=0123456789abcdef0123456789abcdef;m=3b9ac9ff;"
        "t=62f1a2b3c4d5e;x=fedcba9876543210";
    const auto position = from_cursor(cursor);
    BOOST_TEST_REQUIRE(position.has_value());
    BOOST_TEST(position->seqnum == 0x1f5cU);
    BOOST_TEST(position->monotonic_us == 0x3b9ac9ffU);
    BOOST_TEST(to_cursor(*position) == cursor);
    BOOST_TEST(from_cursor(cursor + ";n=1").has_value(), "a part of a later systemd");
}

BOOST_AUTO_TEST_CASE(of_a_cursor_without_a_part_have_no_position) {
    for (const auto* const cursor :
         {"", "s=", ";;;", "i=1;b=0123456789abcdef0123456789abcdef;m=1;t=1;x=1",
          "s=7e4b;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=1;x=1",
          "s=7e4b1b0c8d1f4a0b9b5f1c6f0d2e3a4g;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=1;x=1",
          "s=7e4b1b0c8d1f4a0b9b5f1c6f0d2e3a4b;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=;x=1",
          "s=7e4b1b0c8d1f4a0b9b5f1c6f0d2e3a4b;i=1;b=0123456789abcdef0123456789abcdef;m=1;t=1;x=10000000000000000"})
        BOOST_TEST(!from_cursor(cursor).has_value(), cursor);
}

std::vector<std::byte> line(std::uint32_t identifier, std::uint32_t message, std::size_t bytes) {
    std::vector<std::byte> made(2 * sizeof(std::uint32_t) + bytes, std::byte{'x'});
    std::memcpy(made.data(), &identifier, sizeof identifier);
    std::memcpy(made.data() + sizeof identifier, &message, sizeof message);
    return made;
}

BOOST_AUTO_TEST_CASE(may_be_as_long_as_the_longest_and_no_longer) {
    const auto taken = [](std::size_t identifier, std::size_t message) {
        const auto whole =
            line(static_cast<std::uint32_t>(identifier), static_cast<std::uint32_t>(message), identifier + message);
        std::span<const std::byte> lines(whole);
        const auto found = next_line(lines);
        return found && found->identifier.size() == identifier && found->message.size() == message && lines.empty();
    };
    BOOST_TEST(taken(k_longest_identifier, k_longest_message));
    BOOST_TEST(taken(0, 0));
    BOOST_TEST(!taken(k_longest_identifier + 1, 0));
    BOOST_TEST(!taken(0, k_longest_message + 1));
}

BOOST_AUTO_TEST_CASE(are_taken_one_by_one) {
    auto both = line(2, 3, 5);
    const auto second = line(0, 1, 1);
    both.insert(both.end(), second.begin(), second.end());
    std::span<const std::byte> lines(both);
    const auto first = next_line(lines);
    BOOST_TEST_REQUIRE(first.has_value());
    BOOST_TEST(first->identifier == "xx");
    BOOST_TEST(first->message == "xxx");
    const auto next = next_line(lines);
    BOOST_TEST_REQUIRE(next.has_value());
    BOOST_TEST(next->identifier.empty());
    BOOST_TEST(next->message == "x");
    BOOST_TEST(!next_line(lines).has_value());
    BOOST_TEST(lines.empty());
}

BOOST_AUTO_TEST_CASE(that_claim_more_bytes_than_there_are_end_the_batch) {
    struct Case {
        const char* label;
        std::vector<std::byte> bytes;
    };
    const Case cases[] = {{"nothing", {}},
                          {"half a header", std::vector<std::byte>(7)},
                          {"a message that is too short", line(1, 5, 5)},
                          {"an identifier that is too long", line(k_longest_identifier + 1, 0, 300)},
                          {"a message that is too long", line(0, k_longest_message + 1, k_longest_message + 1)},
                          {"a sum that does not fit 32 bits", line(0xffffffff, 2, 1)}};
    for (const auto& one : cases) {
        std::span<const std::byte> lines(one.bytes);
        BOOST_TEST(!next_line(lines).has_value(), one.label);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(journal_files)

BOOST_AUTO_TEST_CASE(are_those_of_the_system_alone) {
    const testing::TemporaryDirectory directory;
    const std::string id = "0123456789abcdef0123456789abcdef";
    const std::string wanted[] = {id + "/system.journal", id + "/system@00-1.journal", "system.journal",
                                  "system@00-1.journal", "system@00-2.journal~"};
    for (const auto& name : wanted) directory.write(name, "");
    for (const auto& name :
         {std::string("user-1000.journal"), std::string("user-1000@00-1.journal~"), std::string("systems.journal"),
          std::string("system.journal.tmp"), std::string("old/system.journal"), id + "0/system.journal",
          std::string(32, 'g') + "/system.journal", id + "/user-1000.journal"})
        directory.write(name, "");
    std::vector<std::string> paths;
    for (const auto& name : wanted) paths.push_back((directory / name).string());
    BOOST_TEST(list_files(directory.path().string()) == paths, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(are_written_no_more_where_their_name_has_an_at_sign) {
    BOOST_TEST(is_archived("/x/system@00-1.journal"));
    BOOST_TEST(is_archived("/x/system@00-2.journal~"));
    BOOST_TEST(!is_archived("/x/system.journal"));
    BOOST_TEST(!is_archived("/system@x/system.journal"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::journal
