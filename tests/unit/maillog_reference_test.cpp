// SPDX-License-Identifier: MIT
// parse() against the second parser of tests/support, over lines that are put together by chance. Half of them are then
// damaged: cut, a byte changed, or a part of another line put in.
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/parser.hpp"
#include "support/maillog_description.hpp"
#include "support/maillog_reference.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;

class LineMaker {
public:
    explicit LineMaker(unsigned seed) : m_random(seed) {}

    std::string line() {
        const auto words = text();
        std::string line = stamp() + " mx1 " + (number(8) == 0 ? tag() : m_tag) + ": " + words;
        if (number(2) == 0) damage(line);
        for (auto& c : line)
            if (c == '\n') c = '?';
        return line + "\n";
    }

private:
    std::size_t number(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(m_random); }

    template <std::size_t N>
    std::string one_of(const char* const (&words)[N]) {
        return words[number(N)];
    }

    std::string stamp() {
        return one_of({"2026-11-27T18:14:50.123456+00:00", "Nov  7 18:14:50", "2026-11-27T18:14:50Z"});
    }

    std::string tag() {
        return one_of({"postfix/smtpd[7]",
                       "postfix/submission/smtpd[7]",
                       "postfix/10025/smtpd[7]",
                       "postfix/smtp[7]",
                       "postfix/relay/smtp[7]",
                       "postfix/lmtp[7]",
                       "postfix/local[7]",
                       "postfix/virtual[7]",
                       "postfix/pipe[7]",
                       "postfix/error[7]",
                       "postfix/cleanup[7]",
                       "postfix/qmgr[7]",
                       "postfix/pickup[7]",
                       "postfix/postscreen[7]",
                       "postfix/dnsblog[7]",
                       "postfix/tlsproxy[7]",
                       "postfix/master[1]",
                       "dovecot",
                       "spamd[3]",
                       "opendkim[2]",
                       "master[1]",
                       "postfix//smtp",
                       "/smtp",
                       "postfix-out/qmgr[3]"});
    }

    std::string digits() { return std::to_string(number(3) == 0 ? number(100'000) : number(10)); }
    std::string seconds() { return digits() + (number(2) == 0 ? "." + digits() : ""); }
    std::string id() { return one_of({"A5678178662: ", "4jbh0s2RnPzCbnR: ", "NOQUEUE: ", "AB12: ", ""}); }

    std::string address() {
        return one_of({"<a@example.org>", "<>",
                       "<\"x>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok\"@example.org>",
                       "<\"a\\\"b\\\\c>, relay=x\"@example.org>",
                       "<x@q>, relay=none, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (y>", "<\"a\\",
                       "a@example.org", "<a b@c>"});
    }

    std::string client() {
        return one_of({"client.example.net[192.0.2.10]", "unknown[192.0.2.10]:25", "localhost[127.0.0.1]",
                       "[2001:db8::1]:2525", "unknown[unknown]", "nowhere", "a b[1.2.3.4]", "x[::1]"});
    }

    std::string reply() {
        const auto whole = one_of(
            {"554 5.7.1 <x>: Relay access denied", "550 5.1.1 <x>: Recipient address rejected: User unknown in table",
             "450 4.2.0 <x>: Recipient address rejected: Greylisted",
             "450 4.1.8 <x>: Sender address rejected: Domain not found",
             "504 5.5.2 <x>: Helo command rejected: need one", "451 4.3.0 <x>: Temporary lookup failure",
             "552 5.3.4 Message size exceeds fixed limit", "450 4.7.1 Session encryption is required",
             "554 5.7.1 <x[1]>: Client host rejected: Access denied", "450 4.3.2 Service currently unavailable",
             "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example.org; Error: open "
             "resolver; x",
             "554 5.7.1 Service unavailable; Sender address [x] blocked using d; /returnc/",
             "554 5.7.1 Service unavailable; Helo command [x] blocked using d; Error: open resolver] blocked using e",
             "550 5.7.1 Service unavailable; client [1.2.3.4] blocked using bl"});
        const auto parts =
            one_of(
                {"450 4.7.1 ", "554 5.7.1 ", "550 5.1.1 ", "451 4.3.0 ", "504 5.5.2 ", "550 5.7.27 ", "no ", "550 "}) +
            one_of({"<x>: ", "<x>: Recipient address rejected: Greylisted; from=<y>: ", "", "<a@b"}) +
            one_of({"Recipient address rejected: ", "Sender address rejected: ", "Client host rejected: ",
                    "Helo command rejected: ", "Data command rejected: ", ""}) +
            one_of({"User unknown in table", "Access denied", "not logged in", "not owned by user",
                    "cannot find your hostname", "cannot find your reverse hostname, [x]",
                    "Session encryption is required", "undeliverable address: x", "Domain not found"});
        return (number(2) == 0 ? whole : parts) +
               one_of({"; from=<a@b> to=<c@d> proto=ESMTP helo=<x>", "; proto=SMTP helo=</returnc/>", "", "; to=<a>"});
    }

    std::string delivery() {
        m_tag = one_of({"postfix/smtp[7]", "postfix/lmtp[7]", "postfix/local[7]", "postfix/virtual[7]",
                        "postfix/pipe[7]", "postfix/error[7]", "postfix/cleanup[7]", "postfix/qmgr[7]"});
        return id() + "to=" + address() + ", " + one_of({"", "", "orig_to=<root>, "}) + "relay=" +
               one_of({"mx.example.net[192.0.2.25]:25", "none", "local", "127.0.0.1[127.0.0.1]:10025", "x[::1]:24",
                       "mx1[private/dovecot-lmtp]", "a b"}) +
               ", " + one_of({"", "", "conn_use=3, "}) + "delay=" + seconds() + ", delays=" + seconds() + "/" +
               seconds() + "/" + seconds() + "/" + seconds() + ", " + one_of({"", "", "tls=may, ", "tls=x y, "}) +
               "dsn=" + one_of({"2.0.0", "4.2.2", "5.1.1", "5.999.777", "4.7.1", "2.1.5"}) + ", status=" +
               one_of({"sent", "sent", "deferred", "bounced", "SOFTBOUNCE", "deliverable", "undeliverable",
                       "undeliverable-but-not-cached", "lost"}) +
               " (" + one_of({"250 ok", "forwarded as A5678178662", "status=sent (250)"}) + ")";
    }

    std::string session() {
        std::string text = "disconnect from " + client();
        for (const char* verb : {"ehlo", "xforward", "auth", "mail", "rcpt", "data", "bdat", "commands"})
            if (number(3) > 0)
                text += " " + std::string(verb) + "=" + digits() + (number(3) == 0 ? "/" + digits() : "");
        return text;
    }

    std::string smtpd() {
        m_tag =
            one_of({"postfix/smtpd[7]", "postfix/smtpd[7]", "postfix/submission/smtpd[7]", "postfix/10025/smtpd[7]"});
        switch (number(8)) {
            case 0:
                return session();
            case 1:
                return id() + one_of({"reject: ", "milter-reject: ", "reject_warning: ", "proxy-reject: "}) +
                       one_of({"RCPT", "END-OF-MESSAGE", "rcpt", "CONNECT", "HELO", "EHLO", "EHLOS"}) + " from " +
                       client() + ": " + one_of({"", "", "", "", "421 4.7.1 no", "4210"}) + reply();
            case 2:
                return id() + "client=" + client() +
                       one_of({"", ", sasl_method=PLAIN, sasl_username=", ", sasl_username="}) +
                       one_of({"a@example.org", "b, sasl_sender=x", "", "c"});
            case 3:
                return one_of({"warning: ", "fatal: ", "error: ", "panic: "}) + client() + ": SASL " +
                       one_of({"PLAIN", "X Y", ""}) + " authentication " +
                       one_of({"failed: (reason unavailable), sasl_username=x",
                               "failed: (reason unavailable), sasl_username=(unavailable)",
                               "failed: (reason unavailable), sasl_username=(unavailable) ",
                               "failed: Connection lost to authentication server", "aborted", "failed", "worked"});
            case 4:
                if (number(3) == 0)
                    return "warning: Refusing STARTTLS request from " + client() +
                           one_of({" for service smtp", " for service ", ""});
                return "warning: " + one_of({"Connection rate", "AUTH command rate", "Something"}) +
                       " limit exceeded: " + digits() + " from " + client();
            case 5:
                return "warning: " + id() +
                       one_of({"queue file size limit exceeded",
                               "BDAT request from x[1.2.3.4] exceeds message size limit", "BDAT request from x",
                               "connect to Milter service x", "milter x: y"});
            case 6:
                return one_of({"proxy-reject: ", "proxy-accept: ", "proxy-"}) + "END-OF-MESSAGE: " + reply();
            default:
                return "warning: " +
                       one_of({"connect to Milter service inet:x", "milter inet:x: y", "connect to milter"});
        }
    }

    std::string tls() {
        m_tag = one_of({"postfix/smtpd[7]", "postfix/smtp[7]", "postfix/tlsproxy[7]", "postfix/postscreen[7]"});
        return one_of({"Anonymous", "Untrusted", "Trusted", "Verified", "Other"}) + " TLS connection " +
               one_of({"established", "reused"}) + one_of({" from ", " to ", " at "}) + client() +
               one_of({"", " to x.example.org"}) + ": " + one_of({"TLSv1.3", "TLSv1", "SSLv3", ""}) + " with cipher x";
    }

    std::string other() {
        const auto kind = number(7);
        const char* const tags[] = {
            "postfix/qmgr[7]", "postfix/pickup[7]", "postfix/cleanup[7]", "postfix/postscreen[7]", "postfix/dnsblog[7]",
            "dovecot",         "spamd[3]"};
        m_tag = tags[kind];
        switch (kind) {
            case 0:
                return id() + "from=" + address() + ", " +
                       one_of({"size=1, nrcpt=1", "status=expired, returned to sender",
                               "status=force-expired, returned to sender", "expired, returned to sender"});
            case 1:
                return id() + "uid=" + digits() + " from=" + address() + one_of({"", "", " orig_id=A5678178662", " x"});
            case 2:
                return id() + one_of({"reject: ", "milter-reject: ", "message-id=<x>"}) +
                       one_of({"header x", "body x", "foot x"});
            case 3:
                return "NOQUEUE: reject: " + one_of({"RCPT", "CONNECT"}) + " from " + client() + ": " + reply();
            case 4:
                return "addr " + one_of({"192.0.2.1", ""}) + " listed by domain " + one_of({"bl", ""}) + " as " +
                       one_of({"127.255.255.254", "127.0.0.2", ""});
            case 5:
                return one_of({"imap", "pop3", "managesieve", "submission", "sip"}) + "-login: " +
                       one_of({"Login: ", "Login: user=<a>, ", "Logged in: user=<a>, ",
                               "Disconnected: ", "Aborted login ", "Login aborted: x ", "Error: "}) +
                       one_of({"(auth failed, 3 attempts in 4 secs)", "(auth failed, 999999 attempts)",
                               "(auth failed, x attempts)", "(no auth attempts in 0 secs)", ""}) +
                       one_of({"", " (auth_temp_failed)", " (auth_failed)"}) + one_of({": ", ""}) +
                       "user=<x> (auth failed, 9 attempts in 1 secs)";
            default:
                return one_of({"spamd: identified spam (", "AB3342: error loading key '", "spamd: clean message (",
                               "imap(a)<1><b>: Error: (", "lmtp(1): Warning: "}) +
                       one_of({"1.5/5.0) for x", "-1/5) for x", "x/5) for x"});
        }
    }

    std::string text() {
        switch (number(8)) {
            case 0:
            case 1:
                return smtpd();
            case 2:
            case 3:
                return delivery();
            case 4:
                return tls();
            case 5:
                return "message repeated " + digits() + " times: [ " + smtpd() + "]";
            default:
                return other();
        }
    }

    void damage(std::string& line) {
        const auto at = number(line.size());
        switch (number(4)) {
            case 0:
                line.resize(at);
                break;
            case 1:
                line[at] = static_cast<char>(number(256));
                break;
            case 2:
                line.erase(at, 1 + number(3));
                break;
            default:
                line.insert(at, one_of({"<", ">", "\"", "\\", " ", ", ", ": ", "[", "]", "(", "status=sent (",
                                        std::to_string(at).c_str()}));
        }
    }

    std::mt19937 m_random;
    std::string m_tag;  // of the program that writes such a text
};

std::string fail2ban_line(std::mt19937& random) {
    const auto one_of = [&](const auto&... words) {
        const std::array all{std::string(words)...};
        return all[random() % all.size()];
    };
    auto line = "2026-11-27 18:13:22,784 " + one_of("fail2ban.actions ", "fail2ban.filter  ", "fail2ban.server ") +
                one_of("  [5400]: ", "[1]:", "x ") + one_of("NOTICE  ", "INFO", "notice ") +
                one_of("[sshd] ", "[a\"b] ", "[] ", "[x ", "") +
                one_of("Ban 192.0.2.1", "Unban x", "Restore Ban x", "Found x");
    if (random() % 2 == 0) line[random() % line.size()] = static_cast<char>(random() % 256);
    return line + "\n";
}

bool equal(const Counters& one, const Counters& other) { return std::memcmp(&one, &other, sizeof one) == 0; }

BOOST_AUTO_TEST_SUITE(maillog_reference)

BOOST_AUTO_TEST_CASE(both_parsers_count_the_same_over_lines_made_by_chance) {
    LineMaker maker(20261127);
    const auto fast = std::make_unique<Counters>();
    const auto slow = std::make_unique<Counters>();
    for (int i = 0; i < 8'000; ++i) {
        const auto line = maker.line();
        const util::BootTime now{std::chrono::seconds(i)};
        parse(line, now, *fast);
        testing::parse_mail_log_slowly(line, now, *slow);
        BOOST_REQUIRE_MESSAGE(equal(*fast, *slow), line << testing::describe(*fast) << "\n"
                                                        << testing::describe(*slow));
    }
}

BOOST_AUTO_TEST_CASE(the_lines_made_by_chance_reach_every_counter) {
    LineMaker maker(1);
    const auto counters = std::make_unique<Counters>();
    for (int i = 0; i < 300'000; ++i) parse(maker.line(), util::BootTime{}, *counters);
    const auto words = testing::describe(*counters);
    for (const char* word : {"received smtp",
                             "received submission",
                             "received local",
                             "recipients smtp sent",
                             "recipients lmtp sent",
                             "recipients pipe bounced",
                             "recipients error deferred",
                             "expired",
                             "rejects milter",
                             "rejects content",
                             "rejects dnsbl_refused",
                             "rejects dnsbl ",
                             "rejects relay_denied",
                             "rejects unknown_recipient",
                             "rejects sender_domain",
                             "rejects helo",
                             "rejects policy",
                             "rejects rate",
                             "rejects size",
                             "rejects tls_or_auth",
                             "rejects local_error",
                             "rejects postscreen",
                             "rejects other",
                             "milter errors",
                             "authentications smtp failure",
                             "authentications smtp error",
                             "authentications imap success",
                             "authentications sieve failure",
                             "authentications pop3 error",
                             "verdicts ham",
                             "verdicts spam",
                             "tls inbound TLSv1.3",
                             "tls outbound other",
                             "unparsed smtp ",
                             "unparsed dovecot",
                             "unparsed pickup"})
        BOOST_TEST(words.contains(word), word);
}

BOOST_AUTO_TEST_CASE(both_parsers_count_the_same_bans) {
    std::mt19937 random(7);
    const auto fast = std::make_unique<Counters>();
    const auto slow = std::make_unique<Counters>();
    for (int i = 0; i < 5'000; ++i) {
        const auto line = fail2ban_line(random);
        parse_fail2ban(line, *fast);
        testing::parse_fail2ban_slowly(line, *slow);
        BOOST_REQUIRE_MESSAGE(equal(*fast, *slow), line << testing::describe(*fast) << "\n"
                                                        << testing::describe(*slow));
    }
    BOOST_TEST(fast->bans.jails()[0].bans > 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
