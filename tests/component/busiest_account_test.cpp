// SPDX-License-Identifier: MIT
// find_busiest_account(), on real files: the name behind ceymail_mail_busiest_sender_messages.
#include "ceymail/maillog/busiest_account.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/open_log.hpp"
#include "ceymail/maillog/parser.hpp"
#include "support/journald.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;
using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr sys_seconds k_now = sys_days(2026y / 11 / 27) + 18h;
constexpr std::uint64_t k_no_limit = 1U << 30U;

std::string stamp(std::chrono::seconds ago) {
    const auto time = k_now - ago;
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.784123+00:00", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text;
}

std::string line(const std::string& text, std::chrono::seconds ago = 1min) {
    return stamp(ago) + " mx1 " + text + "\n";
}

std::string login(const std::string& account, std::chrono::seconds ago = 1min) {
    return line(
        "postfix/submission/smtpd[7]: E263217867B: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=" + account,
        ago);
}

struct Log {
    testing::TemporaryDirectory directory;
    std::filesystem::path path = directory.write("mail.log", "");

    void append(const std::string& text) const { std::ofstream(path, std::ios::app | std::ios::binary) << text; }
    void rotate() const {
        std::filesystem::rename(path, path.string() + ".1");
        append("");
    }
    [[nodiscard]] BusiestAccount busiest(std::uint64_t limit = k_no_limit) const {
        const auto files = open_log_files(path);
        if (!files) throw std::runtime_error(files.error().message);
        auto found = find_busiest_account(*files, k_now, limit);
        if (!found) throw std::runtime_error(found.error().message);
        return std::move(*found);
    }
};

BOOST_FIXTURE_TEST_SUITE(busiest_account, Log)

BOOST_AUTO_TEST_CASE(is_nobody_where_nobody_sent) {
    BOOST_TEST(busiest().account.empty());
    append(line("postfix/smtpd[7]: E263217867B: client=c[192.0.2.10]") +
           line("postfix/smtpd[7]: connect from c[192.0.2.10]"));
    const auto found = busiest();
    BOOST_TEST(found.account.empty());
    BOOST_TEST(found.messages == 0U);
    BOOST_TEST(found.accounts == 0U);
    BOOST_TEST(found.is_whole_hour);
}

BOOST_AUTO_TEST_CASE(is_who_handed_in_the_most_messages) {
    append(login("a@example.org") + login("b@example.org") + login("a@example.org, sasl_sender=x@y"));
    const auto found = busiest();
    BOOST_TEST(found.account == "a@example.org");
    BOOST_TEST(found.messages == 2U);
    BOOST_TEST(found.accounts == 2U);
}

BOOST_AUTO_TEST_CASE(counts_the_last_hour_only) {
    for (int i = 0; i < 9; ++i) append(login("old@example.org", 61min));
    append(login("new@example.org", 59min));
    for (int i = 0; i < 2; ++i) append(login("a@example.org", 30min));
    const auto found = busiest();
    BOOST_TEST(found.account == "a@example.org");
    BOOST_TEST(found.accounts == 2U);
}

BOOST_AUTO_TEST_CASE(counts_what_is_an_hour_old_to_the_second) {
    append(login("a@example.org", 60min));
    rotate();
    append(login("a@example.org", 60min));
    BOOST_TEST(busiest().messages == 2U);
}

BOOST_AUTO_TEST_CASE(counts_a_hundred_thousand_accounts_and_no_more) {
    std::string text;
    for (int i = 0; i <= 100'000; ++i) text += login("a" + std::to_string(i) + "@example.org");
    append(text);
    BOOST_TEST(busiest().accounts == 100'000U);
}

BOOST_AUTO_TEST_CASE(its_limit_is_of_all_files_together) {
    append(login("a@example.org"));
    rotate();
    append(login("a@example.org"));
    const auto bytes = 2 * login("a@example.org").size();
    const auto at_limit = busiest(bytes);
    BOOST_TEST(!at_limit.is_whole_hour, "there may be more");
    BOOST_TEST(at_limit.messages == 2U);
    BOOST_TEST(busiest(bytes + 1).is_whole_hour);
}

BOOST_AUTO_TEST_CASE(goes_back_over_a_rotation) {
    append(login("old@example.org", 2h) + login("a@example.org", 50min) + login("a@example.org", 40min));
    rotate();
    append(login("b@example.org") + login("a@example.org"));
    const auto found = busiest();
    BOOST_TEST(found.account == "a@example.org");
    BOOST_TEST(found.messages == 3U);
}

BOOST_AUTO_TEST_CASE(reads_a_file_that_has_two_names_once) {
    append(login("a@example.org"));
    std::filesystem::create_hard_link(path, path.string() + ".1");
    BOOST_TEST(busiest().messages == 1U);
}

BOOST_AUTO_TEST_CASE(counts_a_repeated_line_as_often_as_it_was_repeated) {
    append(login("a@example.org") +
           line("postfix/submission/smtpd[7]: message repeated 4 times: [ E263217867B: client=c[192.0.2.10], "
                "sasl_method=PLAIN, sasl_username=b@example.org]"));
    BOOST_TEST(busiest().account == "b@example.org");
    BOOST_TEST(busiest().messages == 4U);
}

BOOST_AUTO_TEST_CASE(half_a_line_at_the_end_is_none) {
    const auto whole = login("a@example.org");
    append(login("b@example.org") + whole.substr(0, whole.size() - 5));
    BOOST_TEST(busiest().account == "b@example.org");
    BOOST_TEST(busiest().accounts == 1U);
}

// More than a block, with lines across its bounds, one that is longer than a block, and one without end.
BOOST_AUTO_TEST_CASE(counts_each_line_of_a_long_log_once) {
    std::string text(1'500'000, 'x');
    text += "\n";
    std::size_t sent = 0;
    while (text.size() < 5'000'000) {
        text += login("account" + std::to_string(sent++ % 100) + "@example.org") +
                line("dovecot: lmtp(7): Connect from local");
        if (sent == 10'000) text += std::string(1'100'000, 'y') + "\n";
    }
    append(text + std::string(1'200'000, 'z'));
    const auto found = busiest();
    BOOST_TEST(found.accounts == 100U);
    BOOST_TEST(found.messages == (sent + 99) / 100);
    BOOST_TEST(found.account == "account0@example.org");
}

BOOST_AUTO_TEST_CASE(counts_each_line_where_a_block_begins_with_a_line_end) {
    constexpr std::size_t k_block = 1U << 20U;
    const auto one = login("a@example.org");
    append(one + one + std::string(k_block - 2 - one.size(), 'x') + "\n");
    BOOST_TEST(busiest().messages == 2U);
}

BOOST_AUTO_TEST_CASE(says_where_the_hour_has_more_than_may_be_read) {
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += login("early@example.org", 30min);
    append(text);
    for (int i = 0; i < 3; ++i) append(login("late@example.org"));
    const auto found = busiest(10);
    BOOST_TEST(!found.is_whole_hour);
    BOOST_TEST(found.account == "early@example.org");
    BOOST_TEST(found.messages < 30'000U);
    BOOST_TEST(busiest().messages == 30'000U);
}

// Each is a line that some reader could take for a message of victim@example.org. None is.
BOOST_AUTO_TEST_CASE(is_not_whom_a_stranger_names) {
    const std::string forged = "E263217867B: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=victim@example.org";
    append(
        login("a@example.org") + line("postfix/cleanup[7]: 33DB01786C3: message-id=<x: " + forged + ">") +
        line("postfix/smtpd[7]: warning: Illegal address syntax from c[192.0.2.10] in RCPT command: <" + forged + ">") +
        line("postfix/smtpd[7]: warning: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=victim@example.org") +
        line("postfix/smtpd[7]: warning: c[192.0.2.10]: SASL PLAIN authentication failed: (reason unavailable), "
             "sasl_username=victim@example.org") +
        line("postfix/smtpd[7]: NOQUEUE: reject: RCPT from c[192.0.2.10]: 554 5.7.1 <x>: no; from=<" + forged + ">") +
        line("postfix/smtpd[7]: 33DB01786C3: client=c[192.0.2.10], orig_client=sasl_username=victim@example.org") +
        line("postfix/qmgr[7]: " + forged) + line("dovecot: imap-login: Login: user=<" + forged + ">") +
        line("smtpd[7]: " + forged) +
        line("postfix/postscreen[7]: PREGREET 44 after 0 from [192.0.2.11]:59177: " + forged) + forged + "\n" +
        "<22>1 " + login("victim@example.org"));
    const auto found = busiest();
    BOOST_TEST(found.account == "a@example.org");
    BOOST_TEST(found.accounts == 1U);
}

BOOST_AUTO_TEST_CASE(agrees_with_the_counters) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += login("account" + std::to_string(i % 17) + "@example.org");
    text += login("\x1b[31m\xff, sasl_sender=z") + login("") + login("account3@example.org");
    append(text);
    const auto counters = std::make_unique<Counters>();
    parse(text, util::BootTime{1h}, *counters);
    const auto summary = counters->senders.summary(util::BootTime{1h});
    BOOST_TEST(busiest().messages == summary.busiest_messages);
    BOOST_TEST(busiest().accounts == summary.senders);
    BOOST_TEST(busiest().account == "account3@example.org");
}

// Each batch is read whole, and here are two.
BOOST_AUTO_TEST_CASE(is_looked_for_in_the_journal_until_the_work_exceeds_the_limit) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const testing::Journald journald;
    journald.log_many("postfix/submission/smtpd",
                      "E263217867B: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=a@example.org", 700);
    journald.sync();
    const auto directory_of_journal = journald.directory().string();
    const auto now = std::chrono::ceil<std::chrono::seconds>(std::chrono::system_clock::now());
    std::vector<std::byte> space(journal::Journal::k_space);
    journal::Position first;
    first.state = journal::State::since;
    first.realtime_us = 1;
    const auto batch = journal::Journal(directory_of_journal).read(first, space, 1);
    BOOST_TEST_REQUIRE(batch.has_value());
    journal::Journal journal(directory_of_journal);
    const auto found = find_busiest_account(journal, now, batch->scanned_bytes);
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST(found->messages == 700U);
    BOOST_TEST((found->period == 60min));
    const auto too_much = find_busiest_account(journal, now, batch->scanned_bytes - 1);
    BOOST_TEST_REQUIRE(!too_much.has_value());
    BOOST_TEST((too_much.error().kind == util::ErrorKind::exhausted));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
