// SPDX-License-Identifier: MIT
// What an administrator can set, and what is said of each mistake.
#include "ceymail/config/configuration.hpp"

#include <fstream>

#include <boost/test/unit_test.hpp>

#include "ceymail/endpoint/refusal.hpp"

using ceymail::config::Configuration;
using ceymail::config::load_configuration;
using ceymail::config::parse_configuration;
using ceymail::config::Plan;
using ceymail::config::ServiceManager;
using ceymail::util::ErrorKind;

namespace {

using Paths = std::vector<std::filesystem::path>;

std::string refusal(const std::string& text) {
    const auto got = parse_configuration(text, "x.conf");
    BOOST_TEST_REQUIRE(!got.has_value(), text << " was accepted");
    BOOST_TEST((got.error().kind == ErrorKind::invalid));
    return got.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(configuration)

BOOST_AUTO_TEST_CASE(an_empty_file_gives_the_defaults) {
    const auto got = parse_configuration("", "x.conf");
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(got->path == "/api/stats/metrics");
    BOOST_TEST((got->cache_ttl == std::chrono::seconds{5}));
    BOOST_TEST((got->auth_grace == std::chrono::seconds{300}));
    BOOST_TEST((got->rate_window == std::chrono::seconds{60}));
    BOOST_TEST(got->work_budget_percent == 1U);
    BOOST_TEST((got->maximum_age == std::chrono::seconds{300}));
}

BOOST_AUTO_TEST_CASE(takes_every_kind_of_value) {
    const auto got = parse_configuration(
        "# a comment\n"
        "path = /m\n"
        "plan = enterprise   # another\n"
        "workers=7\n"
        "cache_ttl = 0\n"
        "database_option_file =\n"
        "service_manager = processes\n"
        "queue_directory = /srv/queue\n",
        "x.conf");
    BOOST_TEST_REQUIRE(got.has_value(), (got ? "" : got.error().message));
    BOOST_TEST(got->path == "/m");
    BOOST_TEST((got->plan == Plan::enterprise));
    BOOST_TEST(got->workers == 7U);
    BOOST_TEST((got->cache_ttl == std::chrono::seconds{0}));
    BOOST_TEST((got->service_manager == ServiceManager::processes));
    BOOST_TEST((got->queue_directories == Paths{"/srv/queue"}));
}

BOOST_AUTO_TEST_CASE(takes_the_plans_of_the_product_and_keeps_the_word_of_an_unknown_one) {
    const std::pair<const char*, Plan> cases[] = {{"free", Plan::free},         {"starter", Plan::starter},
                                                  {"pro", Plan::pro},           {"professional", Plan::professional},
                                                  {"business", Plan::business}, {"enterprise", Plan::enterprise},
                                                  {"Business", Plan::business}, {"PRO", Plan::pro},
                                                  {"gold", Plan::unknown},      {"", Plan::unknown},
                                                  {"unknown", Plan::unknown},   {"business plus", Plan::unknown},
                                                  {"busines", Plan::unknown}};
    for (const auto& [word, want] : cases) {
        const auto got = parse_configuration(std::string("plan = ") + word + "\n", "x.conf");
        BOOST_TEST_REQUIRE(got.has_value(), word);
        BOOST_TEST((got->plan == want), word);
        BOOST_TEST(got->unknown_plan == (want == Plan::unknown ? word : ""));
        BOOST_TEST(ceymail::config::may_export_metrics(got->plan) ==
                   (want == Plan::business || want == Plan::enterprise));
    }
    BOOST_TEST(ceymail::config::plan_names() == "free, starter, pro, professional, business, enterprise");
    BOOST_TEST(ceymail::endpoint::k_unknown_plan.line.find(ceymail::config::plan_names()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(takes_a_queue_directory_a_postfix_instance) {
    BOOST_TEST((parse_configuration("", "x.conf")->queue_directories == Paths{"/var/spool/postfix"}));
    const auto got = parse_configuration(
        "queue_directory = /var/spool/postfix\n"
        "workers = 1\n"
        "queue_directory = /var/spool/postfix-out/\n",
        "x.conf");
    BOOST_TEST_REQUIRE(got.has_value(), (got ? "" : got.error().message));
    BOOST_TEST((got->queue_directories == Paths{"/var/spool/postfix", "/var/spool/postfix-out"}));
}

BOOST_AUTO_TEST_CASE(a_log_is_named_or_turned_off) {
    const auto usual = parse_configuration("", "x.conf");
    BOOST_TEST((usual->mail_log == "/var/log/mail.log" && usual->fail2ban_log == "/var/log/fail2ban.log"));
    const auto off = parse_configuration("mail_log =\nfail2ban_log =\n", "x.conf");
    BOOST_TEST_REQUIRE(off.has_value(), (off ? "" : off.error().message));
    BOOST_TEST((off->mail_log.empty() && off->fail2ban_log.empty()));
    const auto relative = parse_configuration("mail_log = mail.log\n", "x.conf");
    BOOST_TEST_REQUIRE(!relative.has_value());
    BOOST_TEST(relative.error().message ==
               "x.conf: mail_log = mail.log: the value is not allowed; give an absolute path, journal, or nothing");
}

BOOST_AUTO_TEST_CASE(the_mail_log_is_a_file_or_the_journal) {
    using ceymail::config::MailLogSource;
    const std::pair<const char*, MailLogSource> cases[] = {
        {"", MailLogSource::file_or_journal},
        {"mail_log = /var/log/mail.log\n", MailLogSource::file_or_journal},
        {"mail_log = /var/log/postfix.log\n", MailLogSource::file},
        {"mail_log = journal\n", MailLogSource::journal},
        {"mail_log =\n", MailLogSource::none},
    };
    for (const auto& [text, source] : cases) {
        const auto got = parse_configuration(text, "x.conf");
        BOOST_TEST_REQUIRE(got.has_value(), text);
        BOOST_TEST((mail_log_source(*got) == source), text);
    }
    BOOST_TEST(refusal("mail_log = journald\n").contains("give an absolute path, journal, or nothing"));
    BOOST_TEST(refusal("journal_directory = journal\n").contains("give an absolute path, or nothing"));
}

BOOST_AUTO_TEST_CASE(takes_certificates_with_their_names) {
    const auto parsed = parse_configuration(
        "certificate = imap  /srv/tls/./my mail.pem\ncertificate =\n"
        "certificate = nginx-web /srv/web.pem # ours\nbackup_directory =\n",
        "f");
    BOOST_TEST_REQUIRE(parsed.has_value());
    BOOST_TEST(parsed->find_certificates);
    BOOST_TEST((parsed->certificates == std::vector<ceymail::config::CertificateEntry>{{"imap", "/srv/tls/my mail.pem"},
                                                                                       {"nginx-web", "/srv/web.pem"}}));
    BOOST_TEST(parsed->backup_directory.empty());
    BOOST_TEST(!parse_configuration("certificate = none\n", "f")->find_certificates);
    std::string many;
    for (int i = 0; i < 16; ++i) many += "certificate = c" + std::to_string(i) + " /a.pem\n";
    BOOST_TEST(parse_configuration(many, "f").has_value());
    const std::pair<std::string, std::string> wrong[] = {
        {"certificate = Imap /a.pem\n", "Imap is no name of a-z, 0-9 and '-' with up to 64 characters"},
        {"certificate = mail.example.org /a.pem\n", "mail.example.org is no name of"},
        {"certificate = imap\n", "no absolute path follows the name imap"},
        {"certificate = imap a.pem\n", "no absolute path follows the name imap"},
        {"certificate = a /a.pem\ncertificate = a /b.pem\n", "the name a is in another line"},
        {many + "certificate = more /a.pem\n", "there are 16 lines before it"},
    };
    for (const auto& [text, words] : wrong) {
        const auto refused = parse_configuration(text, "f");
        BOOST_TEST_REQUIRE(!refused.has_value(), text);
        BOOST_TEST(refused.error().message.find(words + "") != std::string::npos, refused.error().message);
    }
}

BOOST_AUTO_TEST_CASE(every_mistake_is_named_with_its_remedy) {
    struct Case {
        const char* text;
        const char* want;
    };
    const Case cases[] = {
        {"colour = blue\n", "x.conf: colour: there is no such key; ceymail-metrics.conf(5) lists them"},
        {"workers = 1\nworkers = 2\n", "x.conf: workers: the key is given twice; keep one of the lines"},
        {"workers = 0\n", "x.conf: workers = 0: the value is not allowed; give a whole number from 1 to 64"},
        {"workers = -1\n", "x.conf: workers = -1: the value is not allowed; give a whole number from 1 to 64"},
        {"workers = 2x\n", "x.conf: workers = 2x: the value is not allowed; give a whole number from 1 to 64"},
        {"workers = 99999999999\n",
         "x.conf: workers = 99999999999: the value is not allowed; give a whole number from 1 to 64"},
        {"cache_ttl = 301\n",
         "x.conf: cache_ttl = 301: the value is not allowed; give a whole number of seconds from 0 to 300"},
        {"work_budget_percent = 101\n",
         "x.conf: work_budget_percent = 101: the value is not allowed; give a whole number from 0 to 100"},
        {"maximum_age = 0\n",
         "x.conf: maximum_age = 0: the value is not allowed; give a whole number of seconds from 1 to 3600"},
        {"database_port = 65536\n",
         "x.conf: database_port = 65536: the value is not allowed; give a whole number from 1 to 65535"},
        {"database_host = LocalHost\n",
         "x.conf: database_host = LocalHost: the value is not allowed; give a host name or address (for this host "
         "127.0.0.1, or nothing and database_socket, but not localhost)"},
        {"database_host = /run/mysqld/mysqld.sock\n",
         "x.conf: database_host = /run/mysqld/mysqld.sock: the value is not allowed; give a host name or address (for "
         "this host 127.0.0.1, or nothing and database_socket, but not localhost)"},
        {"path = metrics\n",
         "x.conf: path = metrics: the value is not allowed; give a path that begins with '/' and holds no '?', '#' or "
         "blank"},
        {"queue_directory = /q\nqueue_directory = /x/../q/\n",
         "x.conf: line 2: queue_directory = /x/../q/: another line gives the same directory, whose messages would be "
         "counted twice; give an absolute path that no other line gives"},
        {"# queue_directory = /a\nqueue_directory = /q\n\n queue_directory=/a # b\nqueue_directory = /q # b\n",
         "x.conf: line 5: queue_directory = /q: another line gives the same directory, whose messages would be counted "
         "twice; give an absolute path that no other line gives"},
        {"queue_directory =\n",
         "x.conf: line 1: queue_directory = : the value is not allowed; give an absolute path that no other line "
         "gives"},
        {"workers = 1\n = x\n", "x.conf: line 2: there is no key before the `=`; a line is `key = value`"},
        {"= x\n", "x.conf: line 1: there is no key before the `=`; a line is `key = value`"},
        {"ai_filter_unit = *.service\n",
         "x.conf: ai_filter_unit = *.service: the value is not allowed; give a unit that ends in .service, where '*' "
         "stands for any characters, but not at the start; or nothing"},
        {"ai_filter_process = *\n",
         "x.conf: ai_filter_process = *: the value is not allowed; give the name or path of an executable, where '*' "
         "stands for any characters, but not at the start; or nothing"},
        {"proc = proc\n", "x.conf: proc = proc: the value is not allowed; give an absolute path"},
        {"database_mail = a`b\n",
         "x.conf: database_mail = a`b: the value is not allowed; give 1 to 64 letters, digits, '_', '-' or '$'"},
        {"listen = 0.0.0.0:80\n",
         "x.conf: listen = 0.0.0.0:80: the value is not allowed; give unix:/path, tcp:127.0.0.1:PORT or "
         "tcp:[::1]:PORT, or nothing"},
    };
    for (const Case& one : cases) BOOST_TEST(refusal(one.text) == one.want);
}

BOOST_AUTO_TEST_CASE(the_filters_unit_and_process_are_names_or_patterns_of_some) {
    for (const std::string unit : {"", "a.service", "a@b.service", "ceymail-ai*.service"})
        BOOST_TEST(parse_configuration("ai_filter_unit = " + unit + "\n", "x.conf").has_value(), unit);
    for (const std::string unit :
         {"*", "*.service", "ceymail-ai", "a.socket", "a@.service", "a b.service", "a/b.service"})
        BOOST_TEST(!parse_configuration("ai_filter_unit = " + unit + "\n", "x.conf").has_value(), unit);
    for (const std::string process : {"", "filter", "ceymail-ai*", "/opt/ai/filter"})
        BOOST_TEST(parse_configuration("ai_filter_process = " + process + "\n", "x.conf").has_value(), process);
    for (const std::string process : {"*", "*x", "/opt/*", "a b", "/opt/"})
        BOOST_TEST(!parse_configuration("ai_filter_process = " + process + "\n", "x.conf").has_value(), process);
}

// A wrong key of the page is no reason to end the scrapes. It has its default then.
BOOST_AUTO_TEST_CASE(a_wrong_key_of_the_page_is_an_error_for_the_page_alone) {
    using ceymail::config::PageKeys;
    const std::string text = "settings_path = x\nworkers = 7\nsettings_plain_http = maybe\n";
    BOOST_TEST(refusal(text).starts_with("x.conf: settings_path = x: the value is not allowed; give a path"));
    const auto got = parse_configuration(text, "x.conf", PageKeys::may_be_wrong);
    BOOST_TEST_REQUIRE(got.has_value(), (got ? "" : got.error().message));
    BOOST_TEST(got->workers == 7U);
    BOOST_TEST(got->settings_path == Configuration{}.settings_path);
    BOOST_TEST_REQUIRE(got->page_faults.size() == 2U);
    BOOST_TEST(got->page_faults[0] == refusal(text));
    BOOST_TEST(got->page_faults[1] == "x.conf: settings_plain_http = maybe: the value is not allowed; give yes or no");
    for (const std::string other :
         {"settings_colour = blue\n", "workers = 0\n", "settings_path\n", "settings_path = /a\nsettings_path = /b\n"})
        BOOST_TEST(!parse_configuration(other, "x.conf", PageKeys::may_be_wrong).has_value(), other);
}

BOOST_AUTO_TEST_CASE(another_host_is_reached_by_tls_or_by_a_key_that_says_otherwise) {
    for (const std::string host : {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"})
        BOOST_TEST(parse_configuration("database_host = " + host + "\n", "x.conf").has_value(), host);
    for (const std::string host : {"192.0.2.5", "128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1", "::ffff:192.0.2.5",
                                   "127.1", "db.example.org", "localhost.localdomain", "127.0.0.1.example.org"}) {
        const auto line = "database_host = " + host + "\n";
        BOOST_TEST(refusal(line) ==
                   "x.conf: database_host = " + host +
                       ": only 127.0.0.0/8 and ::1 are taken for this host, and another one is reached by TLS alone; "
                       "give database_tls_ca, the file with the CA of MariaDB's certificate, or database_plain_tcp = "
                       "yes where the network on the way is trusted");
        BOOST_TEST(parse_configuration(line + "database_tls_ca = /etc/x/ca.pem\n", "x.conf").has_value(), host);
        BOOST_TEST(parse_configuration(line + "database_plain_tcp = yes\n", "x.conf").has_value(), host);
    }
}

BOOST_AUTO_TEST_CASE(a_certificate_of_ours_needs_its_key_and_a_ca) {
    const std::string certificate = "database_tls_certificate = /x/c.pem\n";
    const std::string key = "database_tls_key = /x/k.pem\n";
    BOOST_TEST(refusal(certificate) ==
               "x.conf: database_tls_certificate and database_tls_key belong together; give both or neither");
    BOOST_TEST(refusal(key) == refusal(certificate));
    BOOST_TEST(refusal(certificate + key) ==
               "x.conf: database_tls_certificate is used with database_tls_ca only; give that too");
    BOOST_TEST(parse_configuration(certificate + key + "database_tls_ca = /x/ca.pem\n", "x.conf").has_value());
}

BOOST_AUTO_TEST_CASE(a_line_without_a_value_is_refused) {
    BOOST_TEST(refusal("workers\n").ends_with("; a line is `key = value`, and `#` begins a comment"));
    // Words that Boost's own message would replace by the line, in which they stand, and so on for ever.
    BOOST_TEST(refusal("x %invalid_line% %prefix% %option%\n").starts_with("x.conf: x %invalid_line% "));
}

BOOST_AUTO_TEST_CASE(a_byte_order_mark_and_line_ends_of_windows_change_nothing) {
    const auto plain = parse_configuration("workers = 7\nplan = free # words\n", "x.conf");
    BOOST_TEST_REQUIRE(plain.has_value());
    for (const std::string text :
         {"\xEF\xBB\xBFworkers = 7\nplan = free # words\n", "workers = 7\r\nplan = free # words\r\n",
          "\xEF\xBB\xBFworkers = 7\r\n\r\nplan = free\r\n", "workers = 7\nplan = free # \xC2\xA0 \x1b words"}) {
        const auto got = parse_configuration(text, "x.conf");
        BOOST_TEST_REQUIRE(got.has_value(), (got ? "" : got.error().message));
        BOOST_TEST((*got == *plain), text);
    }
    BOOST_TEST(parse_configuration("\xEF\xBB\xBF", "x.conf").has_value());
}

BOOST_AUTO_TEST_CASE(a_character_that_cannot_be_seen_is_named_with_its_line) {
    using namespace std::string_literals;
    struct Case {
        std::string text;
        const char* want;
    };
    const Case cases[] = {
        {"plan = free\nworkers\xC2\xA0= 7\n", "line 2 holds U+00A0, a no-break space"},
        {"workers = \xE2\x80\x8B"
         "7\n",
         "line 1 holds U+200B, a space without width"},
        {"\n\n\xEF\xBB\xBFworkers = 7\n", "line 3 holds U+FEFF, a byte-order mark"},
        {"\xEF\xBB\xBF\xEF\xBB\xBFworkers = 7\n", "line 1 holds U+FEFF, a byte-order mark"},
        {"workers = 7\rplan = free\r", "line 1 holds U+000D, a control character"},
        {"workers = 7\0\n"s, "line 1 holds U+0000, a control character"},
        {"\xFF\xFEw\0o\0"s, "the file is UTF-16; save it as UTF-8"},
        {"\xFE\xFF\0w\0o"s, "the file is UTF-16; save it as UTF-8"},
        {"w\0o\0"s, "line 1 holds U+0000, a control character"},
    };
    for (const Case& one : cases) {
        const auto said = refusal(one.text);
        BOOST_TEST(said.starts_with("x.conf: "s + one.want), said);
    }
}

BOOST_AUTO_TEST_CASE(a_named_file_must_be_there) {
    const auto got = load_configuration("/nonexistent/x.conf");
    BOOST_TEST_REQUIRE(!got.has_value());
    BOOST_TEST(got.error().message ==
               "cannot read /nonexistent/x.conf: No such file or directory; name a readable file with --config");
}

BOOST_AUTO_TEST_SUITE_END()
