// SPDX-License-Identifier: MIT
// Counters to families: which series are there, and what they may contain.
#include "ceymail/maillog/metrics.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/exposition/text_format.hpp"
#include "ceymail/maillog/parser.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;

constexpr Sources k_everything{true, true, true, true, true, true, true};

std::string text_of(const Counters& counters, const Sources& sources) {
    std::string text;
    for (const auto& family : make_families(counters, sources, util::BootTime{}))
        exposition::append_family(text, family);
    return text;
}

std::string text_of_lines(std::string_view lines, const Sources& sources = {}) {
    const auto counters = std::make_unique<Counters>();
    parse(lines, util::BootTime{}, *counters);
    return text_of(*counters, sources);
}

bool has_line(const std::string& text, const std::string& line) { return text.contains("\n" + line + "\n"); }

// The names and labels, without values.
std::vector<std::string> series_of(const std::string& text) {
    std::vector<std::string> series;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find('\n', at);
        const auto line = text.substr(at, end - at);
        if (!line.starts_with('#')) series.push_back(line.substr(0, line.rfind(' ')));
        at = end + 1;
    }
    return series;
}

BOOST_AUTO_TEST_SUITE(maillog_metrics)

BOOST_AUTO_TEST_CASE(every_series_of_a_source_is_there_before_its_first_line) {
    const Counters counters;
    const auto text = text_of(counters, k_everything);
    for (const char* line : {
             "ceymail_mail_received_total{source=\"submission\"} 0",
             "ceymail_mail_recipients_total{transport=\"virtual\",status=\"bounced\"} 0",
             "ceymail_mail_recipients_total{transport=\"error\",status=\"deferred\"} 0",
             "ceymail_mail_expired_total 0",
             "ceymail_mail_failures_total{status=\"bounced\",class=\"policy\"} 0",
             "ceymail_mail_rejects_total{reason=\"dnsbl_refused\"} 0",
             "ceymail_mail_rejects_total{reason=\"postscreen\"} 0",
             "ceymail_mail_delivery_delay_seconds_bucket{le=\"0.1\"} 0",
             "ceymail_mail_delivery_delay_seconds_bucket{le=\"86400\"} 0",
             "ceymail_mail_delivery_delay_seconds_bucket{le=\"+Inf\"} 0",
             "ceymail_mail_delivery_delay_seconds_count 0",
             "ceymail_mail_delivery_stage_seconds_total{stage=\"before_queue\"} 0",
             "ceymail_mail_milter_errors_total 0",
             "ceymail_mail_warnings_total{severity=\"panic\"} 0",
             "ceymail_mail_authentications_total{service=\"sieve\",result=\"failure\"} 0",
             "ceymail_mail_authenticated_senders 0",
             "ceymail_mail_busiest_sender_messages 0",
             "ceymail_mail_spam_verdicts_total{verdict=\"spam\"} 0",
             "ceymail_mail_tls_total{direction=\"inbound\",protocol=\"TLSv1.3\"} 0",
             "ceymail_mail_log_lines_total{daemon=\"fail2ban\"} 0",
             "ceymail_mail_log_skipped_bytes_total 0",
             "ceymail_mail_log_unparsed_lines_total{program=\"smtpd\"} 0",
         })
        BOOST_TEST(has_line(text, line), line);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_has_no_series) {
    const Counters counters;
    const auto text = text_of(counters, k_everything);
    BOOST_TEST(!text.contains("transport=\"error\",status=\"sent\""));
    BOOST_TEST(!text.contains("failures_total{status=\"sent\""));
}

BOOST_AUTO_TEST_CASE(a_source_that_is_neither_known_nor_seen_has_no_series) {
    const Counters counters;
    const auto text = text_of(counters, {});
    BOOST_TEST(series_of(text).size() == 7);  // lines by daemon, skipped bytes, lines of no form
    const auto postfix = text_of(counters, {.postfix = true});
    for (const char* word :
         {"dovecot\"}", "imap", "verdict", "tls_total", "bans", "reason=\"postscreen\"", "program=\"dnsblog\""})
        BOOST_TEST(!postfix.contains(std::string("_total{") + word), word);
    BOOST_TEST(!postfix.contains("service=\"imap\""));
    BOOST_TEST(!postfix.contains("reason=\"postscreen\""));
    BOOST_TEST(!postfix.contains("program=\"dovecot\""));
    BOOST_TEST(!text_of(counters, {.dovecot = true}).contains("received"));
    BOOST_TEST(!text_of(counters, {.postfix = true, .inbound_tls = true}).contains("direction=\"outbound\""));
}

BOOST_AUTO_TEST_CASE(a_source_appears_with_its_first_line) {
    const auto postfix = text_of_lines("Nov  7 18:14:50 mx1 postfix/anvil[7]: x\n");
    BOOST_TEST(has_line(postfix, "ceymail_mail_received_total{source=\"local\"} 0"));
    BOOST_TEST(!postfix.contains("service=\"imap\""));
    BOOST_TEST(!postfix.contains("tls_total"));
    const auto dovecot = text_of_lines("Nov  7 18:14:50 mx1 dovecot: x\n");
    BOOST_TEST(has_line(dovecot, "ceymail_mail_authentications_total{service=\"imap\",result=\"success\"} 0"));
    const auto tls = text_of_lines(
        "Nov  7 18:14:50 mx1 postfix/smtp[7]: Trusted TLS connection established to mx[192.0.2.25]:25: TLSv1.3 with "
        "cipher x\n");
    BOOST_TEST(has_line(tls, "ceymail_mail_tls_total{direction=\"outbound\",protocol=\"TLSv1.3\"} 1"));
    BOOST_TEST(has_line(tls, "ceymail_mail_tls_total{direction=\"outbound\",protocol=\"TLSv1.2\"} 0"));
    BOOST_TEST(!tls.contains("direction=\"inbound\""));
    const auto spamd = text_of_lines("Nov  7 18:14:50 mx1 spamd[7]: spamd: clean message (1/5.0) for a:1\n");
    BOOST_TEST(has_line(spamd, "ceymail_mail_spam_verdicts_total{verdict=\"ham\"} 1"));
}

BOOST_AUTO_TEST_CASE(times_are_in_seconds) {
    const auto text = text_of_lines(
        "Nov  7 18:14:50 mx1 postfix/smtp[7]: A5678178662: to=<a@b>, relay=mx[192.0.2.25]:25, delay=1.75, "
        "delays=0.25/0.5/1/0, "
        "dsn=2.0.0, status=sent (250 Ok)\n");
    BOOST_TEST(has_line(text, "ceymail_mail_delivery_delay_seconds_bucket{le=\"1\"} 0"));
    BOOST_TEST(has_line(text, "ceymail_mail_delivery_delay_seconds_bucket{le=\"3\"} 1"));
    BOOST_TEST(has_line(text, "ceymail_mail_delivery_delay_seconds_sum 1.75"));
    BOOST_TEST(has_line(text, "ceymail_mail_delivery_stage_seconds_total{stage=\"queue\"} 0.5"));
}

BOOST_AUTO_TEST_CASE(no_name_and_no_address_is_in_the_text) {
    const auto text = text_of_lines(
        "Nov  7 18:14:50 mx1 postfix/smtpd[7]: A5678178662: client=c.secret[192.0.2.10], sasl_method=PLAIN, "
        "sasl_username=secret\n"
        "Nov  7 18:14:50 mx1 dovecot: imap-login: Login: user=<secret>, method=PLAIN\n"
        "Nov  7 18:14:50 secret secret/secret[7]: secret\n");
    BOOST_TEST(!text.contains("secret"));
    BOOST_TEST(has_line(text, "ceymail_mail_authenticated_senders 1"));
}

BOOST_AUTO_TEST_CASE(each_jail_has_a_series_and_what_is_above_16_one_together) {
    const auto counters = std::make_unique<Counters>();
    for (int i = 1; i <= 20; ++i) counters->bans.add("jail" + std::to_string(i), 2);
    const auto text = text_of(*counters, {.fail2ban = true});
    BOOST_TEST(has_line(text, "ceymail_bans_total{jail=\"jail1\"} 2"));
    BOOST_TEST(has_line(text, "ceymail_bans_total{jail=\"jail16\"} 2"));
    BOOST_TEST(has_line(text, "ceymail_bans_total{jail=\"other\"} 8"));
}

BOOST_AUTO_TEST_CASE(a_taken_over_reader_cannot_write_a_name_or_a_series_twice) {
    for (const int byte : {0x61, 0xff, 0x22, 0x0a}) {
        const auto counters = std::make_unique<Counters>();
        std::fill_n(reinterpret_cast<char*>(counters.get()), sizeof *counters, static_cast<char>(byte));
        const auto series = series_of(text_of(*counters, k_everything));
        BOOST_TEST(std::set<std::string>(series.begin(), series.end()).size() == series.size());
        for (const auto& name : series) BOOST_TEST(std::ranges::count(name, '\xff') == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_block_of_another_version_or_size_is_not_valid) {
    Counters counters;
    BOOST_TEST(counters.is_valid());
    ++counters.version;
    BOOST_TEST(!counters.is_valid());
    counters = {};
    counters.size = 0;
    BOOST_TEST(!counters.is_valid());
}

BOOST_AUTO_TEST_CASE(of_the_journal_appear_where_it_is_read_or_was) {
    const auto counters = std::make_unique<Counters>();
    BOOST_TEST(!text_of(*counters, {}).contains("ceymail_mail_log_gaps_total"));
    const auto at_once = text_of(*counters, {.journal = true});
    BOOST_TEST(has_line(at_once, "ceymail_mail_log_gaps_total 0"));
    BOOST_TEST(has_line(at_once, "ceymail_mail_log_foreign_lines_total 0"));
    counters->foreign_lines = 2;
    const auto later = text_of(*counters, {});
    BOOST_TEST(has_line(later, "ceymail_mail_log_gaps_total 0"));
    BOOST_TEST(has_line(later, "ceymail_mail_log_foreign_lines_total 2"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
