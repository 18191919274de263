// SPDX-License-Identifier: MIT
// What each kind of line counts. The lines were written by Postfix 3.7 and 3.10, Dovecot 2.3 and 2.4, SpamAssassin and
// Fail2ban; those of other releases follow their sources.
#include "ceymail/maillog/parser.hpp"

#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/entry.hpp"
#include "support/maillog_description.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;

struct Row {
    const char* label;
    std::string line;  // without stamp and host
    const char* want;
};

std::unique_ptr<Counters> parsed(std::string_view lines) {
    auto counters = std::make_unique<Counters>();
    parse(lines, util::BootTime{}, *counters);
    return counters;
}

std::string with_stamp(const std::string& line) { return "2026-11-27T18:14:50.123456+00:00 mx1 " + line + "\n"; }

std::string counted(const std::string& line) { return testing::describe(*parsed(with_stamp(line))); }

template <std::size_t N>
void check(const Row (&table)[N]) {
    for (const auto& row : table) BOOST_TEST_CONTEXT(row.label) {
            BOOST_TEST(counted(row.line) == row.want);
        }
}

BOOST_AUTO_TEST_SUITE(maillog_parser)

BOOST_AUTO_TEST_CASE(counts_recipients_by_transport_and_status) {
    const Row table[] = {
        {"smtp, deferred for a full mailbox",
         "postfix/smtp[9]: 0EB0F188124: to=<full@example.net>, relay=mx.example.net[192.0.2.25]:25, conn_use=3, "
         "delay=758, "
         "delays=758/0/0/0, dsn=4.2.2, status=deferred (host mx.example.net[192.0.2.25] said: 452 4.2.2 mailbox full "
         "(in "
         "reply to RCPT TO command))",
         "recipients smtp deferred; failures deferred mailbox"},
        {"smtp, sent",
         "postfix/smtp[9]: 4jbh0s2RnPzCbnR: to=<b@example.com>, relay=mx.example.com[2001:db8::25]:25, delay=1.2, "
         "delays=0.1/0/1/0.1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 12345)",
         "recipients smtp sent"},
        {"smtp of Postfix 3.11",
         "postfix/smtp[9]: 4jbh0s2RnPzCbnR: to=<b@example.com>, orig_to=<b>, relay=mx.example.com[192.0.2.25]:25, "
         "conn_use=2, "
         "delay=0.31, delays=0.06/0.05/0.07/0.12, tls=encrypt/(requiretls), dsn=2.0.0, status=sent (250 2.0.0 Ok)",
         "recipients smtp sent"},
        {"smtp, no connection",
         "postfix/relay/smtp[9]: A5678178662: to=<b@example.com>, relay=none, delay=30, delays=0.1/0/30/0, dsn=4.4.1, "
         "status=deferred (connect to mx.example.com[192.0.2.25]:25: Connection timed out)",
         "recipients smtp deferred; failures deferred network"},
        {"smtp, no such user",
         "postfix/smtp[9]: A5678178662: to=<b@example.com>, relay=mx.example.com[192.0.2.25]:25, delay=1, "
         "delays=0/0/0.5/0.5, "
         "dsn=5.1.1, status=bounced (host mx.example.com[192.0.2.25] said: 550 5.1.1 no (in reply to RCPT TO command))",
         "recipients smtp bounced; failures bounced addressing"},
        {"soft_bounce",
         "postfix/smtp[9]: A5678178662: to=<b@example.com>, relay=mx[192.0.2.25]:25, delay=1, delays=0/0/0.5/0.5, "
         "dsn=4.1.1, "
         "status=SOFTBOUNCE (host mx[192.0.2.25] said: 550 5.1.1 no (in reply to RCPT TO command))",
         "recipients smtp deferred; failures deferred addressing"},
        {"a subject that no list has",
         "postfix/smtp[9]: A5678178662: to=<b@example.com>, relay=mx[192.0.2.25]:25, delay=1, delays=0/0/0/1, "
         "dsn=5.999.777, "
         "status=bounced (host mx[192.0.2.25] said: 550 5.999.777 no (in reply to RCPT TO command))",
         "recipients smtp bounced; failures bounced other"},
        {"quota, by lmtp",
         "postfix/lmtp[9]: A5678178662: to=<h@example.org>, relay=mx1.example.org[private/dovecot-lmtp], delay=0.1, "
         "delays=0.05/0/0.02/0.03, dsn=5.2.2, status=bounced (host mx1.example.org[private/dovecot-lmtp] said: 552 "
         "5.2.2 "
         "<h@example.org> Quota exceeded (mailbox for user is full) (in reply to end of DATA command))",
         "recipients lmtp bounced; failures bounced mailbox"},
        {"local, into a mailbox",
         "postfix/local[9]: A5678178662: to=<root@example.org>, orig_to=<root>, relay=local, delay=0.04, "
         "delays=0.02/0.01/0/0.01, dsn=2.0.0, status=sent (delivered to mailbox)",
         "recipients local sent"},
        {"local, forwarded: its new message counts",
         "postfix/local[9]: A5678178662: to=<root@example.org>, relay=local, delay=0.04, delays=0.02/0.01/0/0.01, "
         "dsn=2.0.0, "
         "status=sent (forwarded as AB3342178662)",
         ""},
        {"virtual",
         "postfix/virtual[9]: A5678178662: to=<a@example.org>, relay=virtual, delay=0.04, delays=0.02/0.01/0/0.01, "
         "dsn=2.0.0, "
         "status=sent (delivered to maildir)",
         "recipients virtual sent"},
        {"pipe",
         "postfix/pipe[9]: A5678178662: to=<a@example.org>, relay=spamfilter, delay=0.04, delays=0.02/0.01/0/0.01, "
         "dsn=2.0.0, "
         "status=sent (delivered via spamfilter service)",
         "recipients pipe sent"},
        {"error, once for each queue run",
         "postfix/error[9]: A5678178662: to=<a@example.com>, relay=none, delay=300, delays=300/0.01/0/0, dsn=4.4.1, "
         "status=deferred (delivery temporarily suspended: connect to mx[192.0.2.25]:25: Connection refused)",
         "recipients error deferred; failures deferred network"},
        {"cleanup, for mail of sendmail",
         "postfix/cleanup[9]: A5678178662: to=<a@example.com>, relay=none, delay=0, delays=0/0/0/0, dsn=5.7.1, "
         "status=bounced (not wanted)",
         "recipients error bounced; failures bounced policy"},
        {"the first hop to a content filter; the second one counts",
         "postfix/smtp[9]: A5678178662: to=<a@example.org>, relay=127.0.0.1[127.0.0.1]:10025, delay=0.2, "
         "delays=0.1/0/0.05/0.05, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 528FD178677)",
         ""},
        {"a content filter by LMTP and IPv6",
         "postfix/lmtp[9]: A5678178662: to=<a@example.org>, relay=localhost[::1]:10024, delay=0.2, "
         "delays=0.1/0/0.05/0.05, "
         "dsn=2.0.0, status=sent (250 2.0.0 Ok)",
         ""},
        {"a content filter that is down",
         "postfix/smtp[9]: A5678178662: to=<a@example.org>, relay=127.0.0.1[127.0.0.1]:10025, delay=0.2, "
         "delays=0.1/0/0.05/0.05, dsn=4.3.0, status=deferred (host 127.0.0.1[127.0.0.1] said: 451 4.3.0 down)",
         "recipients smtp deferred; failures deferred system"},
        {"Dovecot by LMTP over TCP is no filter",
         "postfix/lmtp[9]: A5678178662: to=<a@example.org>, relay=127.0.0.1[127.0.0.1]:24, delay=0.2, "
         "delays=0.1/0/0.05/0.05, "
         "dsn=2.0.0, status=sent (250 2.0.0 <a@example.org> Saved)",
         "recipients lmtp sent"},
        {"a probe",
         "postfix/smtp[9]: A5678178662: to=<a@example.com>, relay=mx[192.0.2.25]:25, delay=1, delays=0/0/0/1, "
         "dsn=2.1.5, "
         "status=deliverable (250 2.1.5 Ok)",
         ""},
        {"a probe that failed",
         "postfix/smtp[9]: A5678178662: to=<a@example.com>, relay=mx[192.0.2.25]:25, delay=1, delays=0/0/0/1, "
         "dsn=5.1.1, "
         "status=undeliverable (550 5.1.1 no)",
         ""},
        {"discard is no delivery",
         "postfix/discard[9]: A5678178662: to=<a@example.com>, relay=none, delay=0, delays=0/0/0/0, dsn=2.0.0, "
         "status=sent "
         "(gone)",
         ""},
        {"no recipient", "postfix/smtp[9]: A5678178662: status=deferred (bounce failed)", ""},
        {"a reply on the way",
         "postfix/smtp[9]: A5678178662: host mx.example.net[192.0.2.25] said: 450 4.2.0 later (in reply to RCPT TO "
         "command)",
         ""},
        {"a lost connection", "postfix/smtp[9]: A5678178662: lost connection with mx[192.0.2.25] while sending RCPT TO",
         ""},
        {"no connection on the way", "postfix/smtp[9]: connect to mx.example.net[192.0.2.25]:25: Connection refused",
         ""},
        {"the fifth of an instance",
         "postfix-out/smtp[9]: A5678178662: to=<b@example.com>, relay=mx[192.0.2.25]:25, delay=1, "
         "delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)",
         "recipients smtp sent"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_a_cut_delivery_line_only_with_its_status) {
    const Row table[] = {
        {"cut within the reply",
         "postfix/smtp[9]: A5678178662: to=<a@example.com>, relay=mx[192.0.2.25]:25, delay=1, delays=0/0/0/1, "
         "dsn=5.1.1, "
         "status=bounced (host mx said: 550 5.1",
         "recipients smtp bounced; failures bounced addressing"},
        {"cut within the status",
         "postfix/smtp[9]: A5678178662: to=<a@example.com>, relay=mx[192.0.2.25]:25, delay=1, delays=0/0/0/1, "
         "dsn=5.1.1, "
         "status=bounc",
         "unparsed smtp"},
        {"cut within the recipient", "postfix/lmtp[9]: A5678178662: to=<aaaaaaaaaaaaaaaaa", "unparsed lmtp"},
        {"cut behind a quote", "postfix/lmtp[9]: A5678178662: to=<\"a\\", "unparsed lmtp"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(reads_numbers_of_the_most_digits_and_the_last_class_of_failures) {
    const std::string head = "postfix/smtp[9]: A5678178662: to=<a@example.com>, relay=";
    const std::string tail = ", delay=1, delays=0/0/0/1, dsn=";
    const Row table[] = {
        {"nine digits of conn_use",
         head + "mx[192.0.2.25]:25, conn_use=999999999" + tail + "2.0.0, status=sent (250 Ok)", "recipients smtp sent"},
        {"three digits of a code", head + "none" + tail + "4.7.999, status=deferred (no)",
         "recipients smtp deferred; failures deferred policy"},
        {"a subject behind the last one", head + "none" + tail + "4.8.0, status=deferred (no)",
         "recipients smtp deferred; failures deferred other"},
        {"a subject of three digits", head + "none" + tail + "4.999.0, status=deferred (no)",
         "recipients smtp deferred; failures deferred other"},
        {"the first port of a filter", head + "127.0.0.1[127.0.0.1]:10000" + tail + "2.0.0, status=sent (250 Ok)", ""},
        {"the last port of none", head + "127.0.0.1[127.0.0.1]:9999" + tail + "2.0.0, status=sent (250 Ok)",
         "recipients smtp sent"},
        {"no port at all", head + "127.0.0.1[127.0.0.1]:100000" + tail + "2.0.0, status=sent (250 Ok)",
         "recipients smtp sent"},
        {"ten digits of a user", "postfix/pickup[8]: 235B4178667: uid=4294967294 from=<root>", "received local"},
        {"seven digits of a command",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=9999999 rcpt=9999999 data=9999999/9999999 "
         "commands=9999999/9999999",
         "received smtp 9999999"},
        {"the first code of a refusal by postscreen",
         "postfix/postscreen[6]: NOQUEUE: reject: RCPT from [192.0.2.12]:35029: 400 4.5.1 Protocol error",
         "rejects other"},
        {"eighteen digits of a rate",
         "postfix/smtpd[7]: warning: Connection rate limit exceeded: 999999999999999999 from unknown[192.0.2.15] for "
         "service smtp",
         "rejects rate; warnings warning"},
        {"eighteen digits of repeats", "postfix/smtpd[5]: message repeated 999999999999999999 times: [ warning: x]",
         "warnings warning 10000"},
        {"a reinjecting port of four digits",
         "postfix/1002/smtpd[7]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 commands=4", ""},
        {"a port of three digits",
         "postfix/100/smtpd[7]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 commands=4",
         "received smtp"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(refuses_what_no_daemon_writes) {
    const std::string head = "postfix/smtp[9]: A5678178662: to=<a@example.com>, relay=";
    const std::string tail = ", delay=1, delays=0/0/0/1, dsn=";
    const Row table[] = {
        {"ten digits of conn_use",
         head + "mx[192.0.2.25]:25, conn_use=1234567890" + tail + "2.0.0, status=sent (250 Ok)", "unparsed smtp"},
        {"ten digits of attempts",
         "dovecot: imap-login: Disconnected (auth failed, 1000000000 attempts in 2 secs): user=<a>",
         "unparsed dovecot"},
        {"four digits of postscreen's code",
         "postfix/postscreen[6]: NOQUEUE: reject: RCPT from [192.0.2.12]:35029: 0550 5.5.1 Protocol error",
         "unparsed postscreen"},
        {"four digits of a code", head + "none" + tail + "4.7.1000, status=deferred (no)", "unparsed smtp"},
        {"four digits of a subject", head + "none" + tail + "4.1000.0, status=deferred (no)", "unparsed smtp"},
        {"eleven digits of a user", "postfix/pickup[8]: 235B4178667: uid=42949672940 from=<root>", "unparsed pickup"},
        {"eight digits of a command",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=10000000 commands=1", "unparsed smtpd"},
        {"eight digits of all of one command",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 data=1/10000000 commands=1", "unparsed smtpd"},
        {"sent with an error", head + "mx[192.0.2.25]:25" + tail + "5.0.0, status=sent (250 Ok)", "unparsed smtp"},
        {"sent nowhere", head + "none" + tail + "2.0.0, status=sent (250 Ok)", "unparsed smtp"},
        {"deferred for good", head + "none" + tail + "5.0.0, status=deferred (no)", "unparsed smtp"},
        {"bounced for now", head + "none" + tail + "4.0.0, status=bounced (no)", "unparsed smtp"},
        {"an unknown status", head + "none" + tail + "4.0.0, status=lost (no)", "unparsed smtp"},
        {"no bracket", head + "none" + tail + "4.0.0, status=deferred", "unparsed smtp"},
        {"a blank in the relay", head + "a b" + tail + "4.0.0, status=deferred (no)", "unparsed smtp"},
        {"a field left out", head + "none, delay=1, dsn=4.0.0, status=deferred (no)", "unparsed smtp"},
        {"three stages", head + "none, delay=1, delays=0/0/0, dsn=4.0.0, status=deferred (no)", "unparsed smtp"},
        {"a negative delay", head + "none, delay=-1, delays=0/0/0/0, dsn=4.0.0, status=deferred (no)", "unparsed smtp"},
        {"a delay of ten digits", head + "none, delay=1234567890, delays=0/0/0/0, dsn=4.0.0, status=deferred (no)",
         "unparsed smtp"},
        {"an address without brackets",
         "postfix/smtp[9]: A5678178662: to=a@example.com, relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, "
         "status=deferred (no)",
         ""},
        {"a queue id of five", "postfix/smtp[9]: A5678: to=<a@b>, relay=none" + tail + "4.0.0, status=deferred (no)",
         ""},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_messages_that_sessions_had_accepted) {
    const Row table[] = {
        {"connect", "postfix/smtpd[7]: connect from client.example.net[192.0.2.10]", ""},
        {"one message",
         "postfix/smtpd[7]: disconnect from client.example.net[192.0.2.10] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 "
         "quit=1 commands=7",
         "received smtp"},
        {"three of five accepted",
         "postfix/smtpd[7]: disconnect from unknown[2001:db8::1] ehlo=1 mail=5 rcpt=5 data=3/5 quit=1 "
         "commands=15/17",
         "received smtp 3"},
        {"no message",
         "postfix/smtpd[7]: disconnect from client.example.net[192.0.2.10] ehlo=2 starttls=1 quit=1 commands=4", ""},
        {"nothing at all", "postfix/smtpd[7]: disconnect from unknown[192.0.2.10] commands=0/0", ""},
        {"BDAT counts chunks, a message has one MAIL",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=2 rcpt=2 bdat=7 quit=1 commands=13",
         "received smtp 2"},
        {"a transaction that was given up is no message",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=2 rcpt=1 bdat=2 rset=1 quit=1 commands=8",
         "received smtp"},
        {"a refused DATA had a transaction too",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=5 rcpt=4 data=1/3 bdat=3 rset=1 quit=1 "
         "commands=16/18",
         "received smtp 2"},
        {"a chunk that was refused",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=1 rcpt=1 bdat=0/1 quit=1 commands=4/5", ""},
        {"DATA and BDAT in one session",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=3 rcpt=3 data=1 bdat=5 quit=1 commands=14",
         "received smtp 3"},
        {"refused at the end",
         "postfix/smtpd[7]: disconnect from mx[192.0.2.10] ehlo=1 mail=1 rcpt=1 data=0/1 quit=1 commands=4/5", ""},
        {"logged in",
         "postfix/smtpd[7]: disconnect from c[192.0.2.10] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 "
         "commands=8",
         "received submission; authentications smtp success"},
        {"submission without a login",
         "postfix/submission/smtpd[7]: disconnect from c[192.0.2.10] ehlo=2 mail=1 rcpt=1 data=1 "
         "commands=5",
         "received submission"},
        {"smtps",
         "postfix/smtps/smtpd[7]: disconnect from c[192.0.2.10] ehlo=1 auth=1 mail=2 rcpt=2 data=2 quit=1 commands=9",
         "received submission 2; authentications smtp success"},
        {"a failed login",
         "postfix/smtpd[7]: disconnect from client.example.net[192.0.2.10] ehlo=2 starttls=1 auth=0/1 quit=1 "
         "commands=4/5",
         ""},
        {"handed back by a filter, with XFORWARD",
         "postfix/smtpd[7]: disconnect from localhost[127.0.0.1] ehlo=1 xforward=2 "
         "mail=1 rcpt=2 data=1 quit=1 commands=8",
         ""},
        {"XFORWARD of a stranger is refused",
         "postfix/smtpd[7]: disconnect from c[192.0.2.10] ehlo=1 xforward=0/1 mail=1 rcpt=1 "
         "data=1 quit=1 commands=5/6",
         "received smtp"},
        {"handed back to amavis's service",
         "postfix/10025/smtpd[7]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 "
         "data=1 quit=1 commands=5",
         ""},
        {"handed back to a service of that name",
         "postfix/reinject/smtpd[7]: disconnect from localhost[::1] ehlo=1 mail=1 "
         "rcpt=1 data=1 quit=1 commands=5",
         ""},
        {"another host at such a service",
         "postfix/10025/smtpd[7]: disconnect from c[192.0.2.10] ehlo=1 mail=1 rcpt=1 data=1 "
         "commands=4",
         "received smtp"},
        {"port logging", "postfix/smtpd[7]: disconnect from c[192.0.2.10]:4711 ehlo=1 mail=1 rcpt=1 data=1 commands=4",
         "received smtp"},
        {"another form", "postfix/smtpd[7]: disconnect from c[192.0.2.10]", "unparsed smtpd"},
        {"text behind it", "postfix/smtpd[7]: disconnect from c[192.0.2.10] data=1 commands=1 data=9",
         "unparsed smtpd"},
        {"by sendmail", "postfix/pickup[4]: E263217867B: uid=0 from=<root>", "received local"},
        {"by sendmail, empty sender", "postfix/pickup[4]: E263217867B: uid=33 from=<>", "received local"},
        {"requeued, so not new", "postfix/pickup[4]: E263217867B: uid=109 from=<a@example.net> orig_id=33DB01786C3",
         ""},
        {"pickup in another form", "postfix/pickup[4]: E263217867B: uid=0 from=<root", "unparsed pickup"},
        {"the first accepted recipient", "postfix/smtpd[7]: E263217867B: client=client.example.net[192.0.2.10]", ""},
        {"the same behind a filter",
         "postfix/smtpd[7]: 528FD178677: client=localhost[127.0.0.1], orig_queue_id=3A876178664, "
         "orig_client=client.example.net[192.0.2.10]",
         ""},
        {"a message id", "postfix/cleanup[5]: 33DB01786C3: message-id=<x@example.net>", ""},
        {"no message id", "postfix/cleanup[5]: 33DB01786C3: message-id=<>", ""},
        {"activated", "postfix/qmgr[3]: 33DB01786C3: from=<u@example.net>, size=274, nrcpt=1 (queue active)", ""},
        {"removed", "postfix/qmgr[3]: 33DB01786C3: removed", ""},
        {"expired", "postfix/qmgr[3]: 235B4178667: from=<a@example.org>, status=expired, returned to sender",
         "expired"},
        {"expired by postsuper", "postfix/qmgr[3]: 235B4178667: from=<>, status=force-expired, returned to sender",
         "expired"},
        {"qmgr in another form", "postfix/qmgr[3]: 235B4178667: from=<a@example.org>, status=lost", "unparsed qmgr"},
        {"a bounce", "postfix/bounce[3]: 235B4178667: sender non-delivery notification: 33DB01786C3", ""},
        {"canceled", "postfix/cleanup[5]: 33DB01786C3: removed (canceled)", ""},
        {"lost", "postfix/smtpd[7]: lost connection after DATA (14 bytes) from c[192.0.2.10]", ""},
        {"lost, 3.10", "postfix/smtpd[7]: NOQUEUE: lost connection after EHLO from client.example.net[192.0.2.10]", ""},
        {"not SMTP", "postfix/smtpd[7]: warning: non-SMTP command from c[192.0.2.10]: GET / HTTP/1.0",
         "warnings warning"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_refusals_by_reason) {
    const std::string client = " from client.example.net[192.0.2.10]: ";
    const std::string envelope = "; from=<u@example.net> to=<a@example.org> proto=ESMTP helo=<client.example.net>";
    const auto smtpd = [&](const std::string& reply, const std::string& service = "") {
        return "postfix/" + service + "smtpd[7]: NOQUEUE: reject: RCPT" + client + reply + envelope;
    };
    const Row table[] = {
        {"milter, smtpd",
         "postfix/smtpd[7]: NOQUEUE: milter-reject: MAIL" + client +
             "451 4.7.1 Service unavailable - try again later; from=<u@example.net> proto=ESMTP helo=<c>",
         "rejects milter"},
        {"milter at CONNECT: the client is greeted, and refused at MAIL",
         "postfix/smtpd[7]: NOQUEUE: milter-reject: CONNECT" + client +
             "451 4.7.1 Service unavailable - try again later; proto=SMTP",
         ""},
        {"milter at EHLO, as at CONNECT",
         "postfix/smtpd[7]: NOQUEUE: milter-reject: EHLO" + client +
             "550 5.7.1 not by this milter, status=sent (250 ok); proto=SMTP helo=<milter-refuses.example.net>",
         ""},
        {"milter ends the session at EHLO",
         "postfix/smtpd[7]: NOQUEUE: milter-reject: EHLO" + client +
             "421 4.7.1 not by this milter; proto=SMTP helo=<milter-hangs-up.example.net>",
         "rejects milter"},
        {"milter in another form", "postfix/smtpd[7]: NOQUEUE: milter-reject: EHLO from somewhere: 421",
         "unparsed smtpd"},
        {"milter, cleanup",
         "postfix/cleanup[5]: 7F5C1178682: milter-reject: END-OF-MESSAGE" + client +
             "5.7.1 Gtube pattern; "
             "from=<u@example.net> to=<a@example.org> proto=ESMTP helo=<c>",
         "rejects milter"},
        {"spamass-milter",
         "postfix/cleanup[5]: 7F5C1178682: milter-reject: END-OF-MESSAGE" + client +
             "5.7.1 Blocked by SpamAssassin; from=<u@example.net> to=<a@example.org> proto=ESMTP helo=<c>",
         "rejects milter"},
        {"header",
         "postfix/cleanup[5]: A11AE1786B3: reject: header Subject: rejectme x from client.example.net[192.0.2.10]; "
         "from=<u@example.net> to=<a@example.org> proto=ESMTP helo=<client.example.net>: 5.7.1 not wanted here",
         "rejects content"},
        {"body", "postfix/cleanup[5]: A11AE1786B3: reject: body x from local; from=<root>: 5.7.1 no",
         "rejects content"},
        {"MIME", "postfix/cleanup[5]: A11AE1786B3: reject: mime-error no end from local; from=<root>: 5.6.0 no",
         "rejects content"},
        {"held by a header is no refusal",
         "postfix/cleanup[5]: A11AE1786B3: hold: header Subject: x from local; from=<root>", ""},
        {"before-queue filter",
         "postfix/smtpd[7]: NOQUEUE: proxy-reject: END-OF-MESSAGE: 554 5.7.1 spam; from=<a@b> to=<c@d>",
         "rejects content"},
        {"before-queue filter, after a recipient: without a queue id",
         "postfix/smtpd[7]: proxy-reject: END-OF-MESSAGE: 550 5.7.1 refused by the proxy, status=sent (250 ok); "
         "from=<u@example.net> to=<a@example.org> proto=ESMTP helo=<client.example.net>",
         "rejects content"},
        {"before-queue filter accepts, without a queue id",
         "postfix/smtpd[7]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as C14685E8; from=<u@example.net> "
         "to=<a@example.org> proto=ESMTP helo=<client.example.net>",
         ""},
        {"before-queue filter accepts",
         "postfix/smtpd[7]: NOQUEUE: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok; from=<a@b> to=<c@d>", ""},
        {"block list",
         smtpd("554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using zen.spamhaus.org; "
               "https://www.spamhaus.org/query/ip/192.0.2.10"),
         "rejects dnsbl"},
        {"block list without a text",
         smtpd("554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using bl.example.org"),
         "rejects dnsbl"},
        {"block list of domains",
         smtpd("554 5.7.1 Service unavailable; Sender address [u@example.net] blocked using dbl.example.org"),
         "rejects dnsbl"},
        {"the list refuses our queries",
         smtpd("554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using "
               "zen.spamhaus.org; Error: open resolver; https://check.spamhaus.org/returnc/pub/192.0.2.1/"),
         "rejects dnsbl_refused"},
        {"the same by its address",
         smtpd("554 5.7.1 Service unavailable; Sender address [u@example.net] blocked using "
               "dbl.spamhaus.org; https://check.spamhaus.org/returnc/vol/"),
         "rejects dnsbl_refused"},
        {"an address cannot say so",
         smtpd("554 5.7.1 Service unavailable; Sender address [x] blocked using d; Error: open "
               "resolver@example.net] blocked using dbl.example.org"),
         "rejects dnsbl"},
        {"an address that ends the words neither",
         smtpd("554 5.7.1 Service unavailable; Sender address [x] blocked using d; Error: open resolver; "
               "from=<@example.net] "
               "blocked using dbl.example.org"),
         "rejects dnsbl"},
        {"an address with a blank neither",
         smtpd("554 5.7.1 Service unavailable; Sender address [a b] blocked using d; Error: open "
               "resolver@example.net] blocked using dbl.example.org"),
         "rejects dnsbl"},
        {"nor the HELO",
         "postfix/smtpd[7]: NOQUEUE: reject: CONNECT" + client +
             "554 5.7.1 Service unavailable; Client host "
             "[192.0.2.10] blocked using bl.example.org; listed; proto=ESMTP helo=</returnc/>",
         "rejects dnsbl"},
        {"dnsblog, refused", "postfix/dnsblog[6]: addr 192.0.2.12 listed by domain zen.spamhaus.org as 127.255.255.254",
         "rejects dnsbl_refused"},
        {"dnsblog, listed", "postfix/dnsblog[6]: addr 192.0.2.12 listed by domain bl.example.org as 127.0.0.4", ""},
        {"dnsblog in another form", "postfix/dnsblog[6]: addr 192.0.2.12 listed by domain bl.example.org",
         "unparsed dnsblog"},
        {"relay", smtpd("554 5.7.1 <a@other.example.net>: Relay access denied"), "rejects relay_denied"},
        {"relay, for now", smtpd("454 4.7.1 <a@other.example.net>: Relay access denied"), "rejects relay_denied"},
        {"unknown",
         smtpd("550 5.1.1 <a@example.org>: Recipient address rejected: User unknown in virtual mailbox table"),
         "rejects unknown_recipient"},
        {"unknown, for now", smtpd("450 4.1.1 <a@example.org>: Recipient address rejected: unverified address: later"),
         "rejects unknown_recipient"},
        {"undeliverable", smtpd("550 5.1.1 <a@example.org>: Recipient address rejected: undeliverable address: no"),
         "rejects unknown_recipient"},
        {"sender's domain", smtpd("450 4.1.8 <u@none.example>: Sender address rejected: Domain not found"),
         "rejects sender_domain"},
        {"sender's domain takes no mail",
         smtpd("550 5.7.27 <u@example.net>: Sender address rejected: Domain example.net does not "
               "accept mail (nullMX)"),
         "rejects sender_domain"},
        {"no domain", smtpd("504 5.5.2 <u>: Sender address rejected: need fully-qualified address"),
         "rejects sender_domain"},
        {"recipient's domain", smtpd("450 4.1.2 <a@none.example>: Recipient address rejected: Domain not found"),
         "rejects sender_domain"},
        {"recipient's domain takes no mail",
         smtpd("556 5.1.10 <a@example.net>: Recipient address rejected: Domain example.net does not accept mail "
               "(nullMX)"),
         "rejects sender_domain"},
        {"sender's domain, whose DNS answers nonsense",
         smtpd("450 4.1.8 <u@example.net>: Sender address rejected: Malformed DNS server reply"),
         "rejects sender_domain"},
        {"recipient's domain, whose DNS answers nonsense",
         smtpd("450 4.1.2 <a@example.net>: Recipient address rejected: Malformed DNS server reply"),
         "rejects sender_domain"},
        {"the first code of a refusal", smtpd("400 4.1.11 <a@example.net>: Recipient address rejected: no"),
         "rejects other"},
        {"the last code of a refusal", smtpd("599 5.1.11 <a@example.net>: Recipient address rejected: no"),
         "rejects other"},
        {"three digits of each part", smtpd("550 5.999.999 <a@example.net>: Recipient address rejected: no"),
         "rejects other"},
        {"a code of success", smtpd("399 4.1.1 <a@example.net>: Recipient address rejected: no"), "unparsed smtpd"},
        {"a code behind the last one", smtpd("600 5.1.1 <a@example.net>: Recipient address rejected: no"),
         "unparsed smtpd"},
        {"a code of four digits", smtpd("0550 5.1.1 <a@example.net>: Recipient address rejected: no"),
         "unparsed smtpd"},
        {"a class of two digits", smtpd("550 05.1.1 <a@example.net>: Recipient address rejected: no"),
         "unparsed smtpd"},
        {"a subject of four digits", smtpd("550 5.0001.1 <a@example.net>: Recipient address rejected: no"),
         "unparsed smtpd"},
        {"a detail of four digits", smtpd("550 5.1.0001 <a@example.net>: Recipient address rejected: no"),
         "unparsed smtpd"},
        {"other codes of an address", smtpd("550 5.1.11 <a@example.net>: Recipient address rejected: no"),
         "rejects other"},
        {"HELO", smtpd("504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname"), "rejects helo"},
        {"HELO unknown", smtpd("450 4.7.1 <x>: Helo command rejected: Host not found"), "rejects helo"},
        {"no reverse name", smtpd("450 4.7.25 <unknown[192.0.2.10]>: Client host rejected: cannot find your hostname"),
         "rejects helo"},
        {"no reverse name at all, as smtpd says it to a client without a name",
         "postfix/smtpd[7]: NOQUEUE: reject: RCPT from unknown[192.0.2.14]: 450 4.7.1 Client host rejected: cannot "
         "find "
         "your reverse hostname, [192.0.2.14]; from=<u@example.net> to=<a@example.org> proto=ESMTP "
         "helo=<client.example.net>",
         "rejects helo"},
        {"no name, as smtpd says it", smtpd("450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.14]"),
         "rejects helo"},
        {"no reverse name at all",
         smtpd("450 4.7.1 <unknown[192.0.2.10]>: Client host rejected: cannot find your reverse hostname, "
               "[192.0.2.10]"),
         "rejects helo"},
        {"greylisted",
         smtpd("450 4.2.0 <a@example.org>: Recipient address rejected: Greylisted, see "
               "http://postgrey.example/help/example.org.html"),
         "rejects policy"},
        {"another policy service", smtpd("451 4.7.1 <a@example.org>: Recipient address rejected: try later"),
         "rejects policy"},
        {"size at MAIL",
         "postfix/smtpd[7]: NOQUEUE: reject: MAIL" + client +
             "552 5.3.4 Message size exceeds fixed limit; "
             "proto=ESMTP helo=<c>",
         "rejects size"},
        {"size during DATA", "postfix/smtpd[7]: warning: 33DB01786C3: queue file size limit exceeded",
         "rejects size; warnings warning"},
        {"size of a chunk",
         "postfix/smtpd[7]: warning: 92F65A7437D: BDAT request from c[192.0.2.10] exceeds message size limit",
         "rejects size; warnings warning"},
        {"the same by cleanup is not another",
         "postfix/cleanup[5]: warning: 33DB01786C3: queue file size limit exceeded", "warnings warning"},
        {"STARTTLS", smtpd("450 4.7.1 Session encryption is required"), "rejects tls_or_auth"},
        {"submission without a login",
         smtpd("554 5.7.1 <c[192.0.2.10]>: Client host rejected: Access denied", "submission/"), "rejects tls_or_auth"},
        {"the same elsewhere", smtpd("554 5.7.1 <c[192.0.2.10]>: Client host rejected: Access denied"),
         "rejects other"},
        {"another's address",
         smtpd("553 5.7.1 <b@example.org>: Sender address rejected: not owned by user a@example.org", "submission/"),
         "rejects tls_or_auth"},
        {"not logged in", smtpd("553 5.7.1 <b@example.org>: Sender address rejected: not logged in"),
         "rejects tls_or_auth"},
        {"the database is down", smtpd("451 4.3.0 <a@example.org>: Temporary lookup failure"), "rejects local_error"},
        {"the disk is full",
         "postfix/smtpd[7]: NOQUEUE: reject: MAIL" + client +
             "452 4.3.1 Insufficient system storage; "
             "proto=ESMTP helo=<c>",
         "rejects local_error"},
        {"the policy server is down",
         smtpd("451 4.3.5 <a@example.org>: Recipient address rejected: Server configuration problem"),
         "rejects local_error"},
        {"an access map", smtpd("554 5.7.1 <u@example.net>: Sender address rejected: we know you"), "rejects other"},
        {"pipelining",
         "postfix/smtpd[7]: NOQUEUE: reject: DATA" + client +
             "503 5.5.0 <DATA>: Data command rejected: Improper use "
             "of SMTP command pipelining; from=<u@example.net> proto=SMTP helo=<c>",
         "rejects other"},
        {"after the first recipient",
         "postfix/smtpd[7]: 33DB01786C3: reject: RCPT" + client +
             "554 5.7.1 <a@other.example.net>: "
             "Relay access denied" +
             envelope,
         "rejects relay_denied"},
        {"warn_if_reject",
         "postfix/smtpd[7]: NOQUEUE: reject_warning: RCPT" + client + "554 5.7.1 <a@b>: Relay access denied" + envelope,
         ""},
        {"discard",
         "postfix/smtpd[7]: NOQUEUE: discard: RCPT" + client + "<a@b>: Recipient address triggers DISCARD" + envelope,
         ""},
        {"a name that does not end is no reason",
         "postfix/smtpd[7]: NOQUEUE: reject: RCPT" + client + "554 5.3.5 <Message size exceeds fixed limit",
         "rejects local_error"},
        {"no code", "postfix/smtpd[7]: NOQUEUE: reject: RCPT" + client + "no" + envelope, "unparsed smtpd"},
        {"no client", "postfix/smtpd[7]: NOQUEUE: reject: RCPT from somewhere: 554 5.7.1 no", "unparsed smtpd"},
        {"rate",
         "postfix/smtpd[7]: warning: Connection rate limit exceeded: 7 from unknown[192.0.2.15] for service smtp",
         "rejects rate; warnings warning"},
        {"rate of TLS sessions, the first one above it",
         "postfix/smtpd[7]: warning: New TLS session rate limit exceeded: 3 from client.example.net[192.0.2.10] for "
         "service 2506",
         "rejects rate; warnings warning"},
        {"rate of TLS sessions",
         "postfix/smtpd[7]: warning: Refusing STARTTLS request from client.example.net[192.0.2.10] for service 2506",
         "rejects rate; warnings warning"},
        {"rate of TLS sessions, without a client",
         "postfix/smtpd[7]: warning: Refusing STARTTLS request from somewhere", "warnings warning"},
        {"rate of logins",
         "postfix/smtpd[7]: warning: AUTH command rate limit exceeded: 7 from unknown[192.0.2.15] for service smtp",
         "rejects rate; warnings warning"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_what_postscreen_decided) {
    const Row table[] = {
        {"connect", "postfix/postscreen[6]: CONNECT from [192.0.2.10]:35029 to [192.0.2.1]:25", ""},
        {"pass", "postfix/postscreen[6]: PASS NEW [192.0.2.10]:35029", ""},
        {"rank", "postfix/postscreen[6]: DNSBL rank 1 for [192.0.2.12]:60255", ""},
        {"denylisted", "postfix/postscreen[6]: DENYLISTED [192.0.2.12]:60255", ""},
        {"pregreet",
         "postfix/postscreen[6]: PREGREET 25 after 0.04 from [192.0.2.13]:52179: EHLO client.example.net\\r\\n", ""},
        {"hangup", "postfix/postscreen[6]: HANGUP after 8 from [192.0.2.13]:52179 in tests after SMTP handshake", ""},
        {"a new client",
         "postfix/postscreen[6]: NOQUEUE: reject: RCPT from [192.0.2.10]:35029: 450 4.3.2 Service currently "
         "unavailable; from=<u@example.net>, to=<a@example.org>, proto=ESMTP, helo=<client.example.net>",
         "rejects postscreen"},
        {"listed",
         "postfix/postscreen[6]: NOQUEUE: reject: RCPT from [192.0.2.12]:35029: 550 5.7.1 Service unavailable; client "
         "[192.0.2.12] blocked using bl.example.org; from=<u@example.net>, to=<a@example.org>, proto=ESMTP, helo=<c>",
         "rejects dnsbl"},
        {"busy", "postfix/postscreen[6]: NOQUEUE: reject: CONNECT from [192.0.2.12]:35029: all server ports busy",
         "rejects local_error"},
        {"too many", "postfix/postscreen[6]: NOQUEUE: reject: CONNECT from [192.0.2.12]:35029: too many connections",
         "rejects local_error"},
        {"protocol",
         "postfix/postscreen[6]: NOQUEUE: reject: RCPT from [192.0.2.12]:35029: 550 5.5.1 Protocol error; "
         "from=<u@example.net>, to=<a@example.org>, proto=SMTP, helo=<c>",
         "rejects other"},
        {"another form", "postfix/postscreen[6]: NOQUEUE: reject: RCPT from somewhere", "unparsed postscreen"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_logins) {
    const std::string rest =
        ": user=<a@example.org>, method=PLAIN, rip=192.0.2.10, lip=192.0.2.1, TLS, session=<jULFzUVhT8fAAAIK>";
    const Row table[] = {
        {"SASL",
         "postfix/smtpd[7]: warning: unknown[192.0.2.13]: SASL PLAIN authentication failed: (reason unavailable), "
         "sasl_username=a@example.org",
         "warnings warning; authentications smtp failure"},
        {"SASL before 3.5.27",
         "postfix/submission/smtpd[7]: warning: c.example.net[192.0.2.13]: SASL LOGIN authentication failed: "
         "UGFzc3dvcmQ6",
         "warnings warning; authentications smtp failure"},
        {"SASL, the server is gone",
         "postfix/smtpd[7]: warning: unknown[192.0.2.13]: SASL PLAIN authentication failed: Connection "
         "lost to authentication server, sasl_username=a",
         "warnings warning; authentications smtp error"},
        {"SASL, the server cannot be reached, or neither it nor the client names an account",
         "postfix/submission/smtpd[7]: warning: client.example.net[192.0.2.10]: SASL PLAIN authentication failed: "
         "(reason unavailable), sasl_username=(unavailable)",
         "warnings warning; authentications smtp error"},
        {"SASL, an account with words behind that name",
         "postfix/smtpd[7]: warning: unknown[192.0.2.13]: SASL PLAIN authentication failed: (reason unavailable), "
         "sasl_username=(unavailable)x",
         "warnings warning; authentications smtp failure"},
        {"SASL, no such mechanism",
         "postfix/smtpd[7]: warning: unknown[192.0.2.13]: SASL X authentication failed: Invalid "
         "authentication mechanism",
         "warnings warning; authentications smtp failure"},
        {"SASL, given up", "postfix/smtpd[7]: warning: unknown[192.0.2.13]: SASL LOGIN authentication aborted",
         "warnings warning"},
        {"SASL, no server",
         "postfix/smtpd[7]: warning: SASL: Connect to Dovecot auth socket 'private/auth' failed: Connection "
         "refused",
         "warnings warning"},
        {"SASL in another form", "postfix/smtpd[7]: warning: unknown[192.0.2.13]: SASL PLAIN authentication went wrong",
         "unparsed smtpd; warnings warning"},
        {"IMAP, 2.3",
         "dovecot: imap-login: Login: user=<a@example.org>, method=PLAIN, rip=192.0.2.10, lip=192.0.2.1, mpid=4517, "
         "TLS, session=<YWGjzUVhV8bAAAIK>",
         "authentications imap success"},
        {"IMAP, 2.4", "dovecot: imap-login: Logged in: user=<a@example.org>, method=PLAIN, rip=192.0.2.10",
         "authentications imap success"},
        {"POP3", "dovecot: pop3-login: Login: user=<a@example.org>, method=PLAIN", "authentications pop3 success"},
        {"ManageSieve", "dovecot: managesieve-login: Login: user=<a@example.org>, method=PLAIN",
         "authentications sieve success"},
        {"submission of Dovecot", "dovecot: submission-login: Login: user=<a@example.org>, method=PLAIN",
         "authentications smtp success"},
        {"failed, up to 2.3.14", "dovecot: imap-login: Aborted login (auth failed, 1 attempts in 2 secs)" + rest,
         "authentications imap failure"},
        {"failed, up to 2.3.14, disconnected",
         "dovecot: imap-login: Disconnected (auth failed, 2 attempts in 2 secs)" + rest,
         "authentications imap failure 2"},
        {"failed, 2.3.19",
         "dovecot: imap-login: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 4 secs)" + rest,
         "authentications imap failure"},
        {"failed twice, 2.3.19",
         "dovecot: pop3-login: Disconnected: Connection closed (auth failed, 2 attempts in 13 secs)" + rest,
         "authentications pop3 failure 2"},
        {"failed, 2.4",
         "dovecot: imap-login: Login aborted: Logged out (auth failed, 1 attempts in 4 secs) (auth_failed)" + rest,
         "authentications imap failure"},
        {"the database is down, 2.4",
         "dovecot: imap-login: Login aborted: Logged out (auth failed, 1 attempts in 4 secs) "
         "(auth_temp_failed)" +
             rest,
         "authentications imap error"},
        {"a probe",
         "dovecot: imap-login: Disconnected: Aborted login by logging out (no auth attempts in 0 secs)" + rest, ""},
        {"a probe, 2.4",
         "dovecot: imap-login: Login aborted: Connection closed (no auth attempts in 0 secs) (no_auth_attempts)" + rest,
         ""},
        {"attempts without end", "dovecot: imap-login: Disconnected (auth failed, 999999999 attempts in 1 secs)" + rest,
         "authentications imap failure 100"},
        {"in another form", "dovecot: imap-login: Disconnected (auth failed, many attempts)" + rest,
         "unparsed dovecot"},
        {"a login in another form", "dovecot: imap-login: Login: a@example.org", "unparsed dovecot"},
        {"auth_verbose is of the same attempt",
         "dovecot: auth: passwd-file(a@example.org,192.0.2.10,<jULFzUVhT8fAAAIK>): Password "
         "mismatch",
         ""},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_severities_milters_tls_and_verdicts) {
    const Row table[] = {
        {"a milter that is down",
         "postfix/smtpd[7]: warning: connect to Milter service inet:127.0.0.1:8899: Connection refused",
         "milter errors; warnings warning"},
        {"the same by cleanup",
         "postfix/cleanup[5]: warning: connect to Milter service inet:127.0.0.1:8899: Connection refused",
         "milter errors; warnings warning"},
        {"a milter that talks nonsense",
         "postfix/smtpd[7]: warning: milter inet:127.0.0.1:8891: can't read SMFIC_CONNECT reply "
         "packet header: Success",
         "milter errors; warnings warning"},
        {"the name of another host",
         "postfix/smtpd[7]: warning: hostname h.example.net does not resolve to address 192.0.2.10",
         "warnings warning"},
        {"a map", "postfix/cleanup[5]: warning: 33DB01786C3: virtual_alias_maps map lookup problem for a@example.org",
         "warnings warning"},
        {"a loop", "postfix/cleanup[5]: warning: 33DB01786C3: message rejected: hopcount exceeded", "warnings warning"},
        {"throttling", "postfix/master[1]: warning: /usr/lib/postfix/sbin/smtpd: bad command startup -- throttling",
         "warnings warning"},
        {"a failed exec", "master[949]: fatal: master_spawn: exec /usr/lib/postfix/sbin/x: No such file",
         "warnings fatal"},
        {"sendmail", "postfix/sendmail[12]: fatal: root(0): queue file write error", "warnings fatal"},
        {"a bug", "postfix/qmgr[3]: panic: qmgr_entry_done: no", "warnings panic"},
        {"an error", "postfix/smtp[3]: error: open database /etc/postfix/x.db: No such file", "warnings error"},
        {"another program's warning is not Postfix's", "cron[3]: warning: x", ""},
        {"Dovecot's reload", "dovecot: master: Warning: SIGHUP received - reloading configuration", "warnings warning"},
        {"Dovecot's start", "dovecot: master: Dovecot v2.3.19.1 (9b53102964) starting up for imap, lmtp", ""},
        {"Dovecot's session", "dovecot: imap(a@example.org)<314><xnwLLzbACWs6AQAAds41pg>: Error: open() failed",
         "warnings error"},
        {"Dovecot's login process", "dovecot: imap-login: Error: auth: connect() failed", "warnings error"},
        {"LMTP",
         "dovecot: lmtp(a@example.org)<314><xnwLLzbACWs6AQAAds41pg>: msgid=<m29204.25005@example.net>: saved mail to "
         "INBOX",
         ""},
        {"Sieve",
         "dovecot: lmtp(a@example.org)<314><xnw>: sieve: msgid=<splain@example.net>: stored mail into mailbox 'INBOX'",
         ""},
        {"quota",
         "dovecot: lmtp(a@example.org)<314><xnw>: msgid=<h9668@example.net>: save failed to INBOX: Quota exceeded "
         "(mailbox "
         "for user is full)",
         ""},
        {"LMTP connection", "dovecot: lmtp(314): Connect from local", ""},
        {"inbound TLS",
         "postfix/smtpd[7]: Anonymous TLS connection established from c.example.net[192.0.2.10]: TLSv1.3 with cipher "
         "TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519",
         "tls inbound TLSv1.3"},
        {"inbound TLS with a name",
         "postfix/smtpd[7]: Trusted TLS connection established from c[192.0.2.10] to mail.example.org: "
         "TLSv1.2 with cipher ECDHE (256/256 bits)",
         "tls inbound TLSv1.2"},
        {"inbound TLS of postscreen",
         "postfix/tlsproxy[7]: Anonymous TLS connection established from [192.0.2.10]:2525: TLSv1 with "
         "cipher AES (128/128 bits)",
         "tls inbound TLSv1"},
        {"outbound TLS",
         "postfix/smtp[7]: Untrusted TLS connection established to mx.example.net[192.0.2.25]:25: TLSv1.1 with cipher "
         "AES (128/128 bits)",
         "tls outbound TLSv1.1"},
        {"a future TLS",
         "postfix/smtp[7]: Verified TLS connection established to mx.example.net[192.0.2.25]:25: TLSv1.4 with cipher "
         "AES (128/128 bits)",
         "tls outbound other"},
        {"a connection that is used again",
         "postfix/smtp[7]: Verified TLS connection reused to mx[192.0.2.25]:25: TLSv1.3 with cipher "
         "AES (128/128 bits)",
         ""},
        {"TLS in another form", "postfix/smtp[7]: Verified TLS connection established to mx: TLSv1.3", "unparsed smtp"},
        {"TLS failed", "postfix/smtpd[7]: SSL_accept error from c[192.0.2.10]: -1", ""},
        {"spam", "spamd[4962]: spamd: identified spam (1001.5/5.0) for anna:1001 in 0.1 seconds, 196 bytes.",
         "verdicts spam"},
        {"ham", "spamd[4962]: spamd: clean message (-1.3/5.0) for anna:1001 in 0.1 seconds, 196 bytes.",
         "verdicts ham"},
        {"the same message",
         "spamd[4962]: spamd: result: Y 1001 - GTUBE,NO_RECEIVED scantime=0.1,size=196,user=anna,mid=<x@y>", ""},
        {"spamd in another form", "spamd[4962]: spamd: clean message (low) for anna", "unparsed spamd"},
        {"spamc", "spamc[4962]: skipped message, greater than max message size", ""},
        {"OpenDKIM", "opendkim[4864]: 804D1178680: DKIM-Signature field added (s=mail, d=example.org)", ""},
        {"OpenDKIM without its key", "opendkim[529]: BDF2E1C1982: error loading key 'mail._domainkey.example.org'",
         "milter errors"},
        {"OpenDKIM, a domain of that name",
         "opendkim[529]: BDF2E1C1982: no signing domain match for 'A12345: error loading key ''", ""},
        {"anvil", "postfix/anvil[8]: statistics: max connection rate 1/60s for (smtp:192.0.2.10) at Nov 27 18:14:50",
         ""},
        {"postgrey", "postgrey[8]: action=greylist, reason=new, client_name=c, client_address=192.0.2.10", ""},
        {"postsuper", "postfix/postsuper[8]: Deleted: 22 messages", ""},
    };
    check(table);
}

// None is what it seems: each changes nothing but what its own program means by it.
BOOST_AUTO_TEST_CASE(is_not_deceived_by_what_strangers_write) {
    const Row table[] = {
        {"a recipient with a delivery in it",
         "postfix/smtpd[7]: warning: Illegal address syntax from client.example.net[192.0.2.10] in RCPT command: "
         "<x@\"q>, "
         "relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (y\".example.org>",
         "warnings warning"},
        {"a relay refusal that looks like greylisting",
         "postfix/smtpd[7]: NOQUEUE: reject: RCPT from client.example.net[192.0.2.10]: 554 5.7.1 <x>: Recipient "
         "address rejected: "
         "Greylisted; from=<y> to=<z@other.example.net>: Relay access denied; from=<u@example.net> to=<\"x>: Recipient "
         "address "
         "rejected: Greylisted; from=<y> to=<z\"@other.example.net> proto=ESMTP helo=<client.example.net>",
         "rejects other"},
        {"a user name with a delivery in it",
         "postfix/smtpd[7]: warning: client.example.net[192.0.2.10]: SASL PLAIN authentication failed: (reason "
         "unavailable), "
         "sasl_username=x, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)",
         "warnings warning; authentications smtp failure"},
        {"a message id with a delivery in it",
         "postfix/cleanup[5]: 33DB01786C3: message-id=<x@example.net>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, "
         "status=sent "
         "(250 2.0.0 Ok)",
         ""},
        {"a sender with a delivery in it",
         "postfix/qmgr[3]: 70A5C1786B1: from=<\"x>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 "
         "ok\"@example.net>, "
         "size=274, nrcpt=1 (queue active)",
         ""},
        {"a sender that expires",
         "postfix/qmgr[3]: 70A5C1786B1: from=<\"x>, status=expired, returned to sender\"@example.net>, size=274, "
         "nrcpt=1 (queue "
         "active)",
         ""},
        {"a reply with a delivery in it",
         "postfix/smtp[9]: 9767E1786E4: to=<forge@example.net>, relay=mx.example.net[192.0.2.25]:25, delay=36, "
         "delays=36/0.01/0/0.01, dsn=4.2.0, status=deferred (host mx.example.net[192.0.2.25] said: 450 4.2.0 try "
         "later, "
         "relay=mx.example.net[192.0.2.25]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok) (in "
         "reply to RCPT TO "
         "command))",
         "recipients smtp deferred; failures deferred mailbox"},
        {"the same on the way",
         "postfix/smtp[9]: 9767E1786E4: host mx.example.net[192.0.2.25] said: 450 4.2.0 to=<x>, "
         "relay=mx[192.0.2.25]:25, delay=1, "
         "delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok) (in reply to RCPT TO command)",
         ""},
        {"a recipient by lmtp with a bounce in it",
         "postfix/lmtp[9]: 413741786E1: to=<\"x>, relay=mx, delay=1, delays=0/0/0/1, dsn=5.0.0, status=bounced (550 "
         "no\"@example.org>, "
         "relay=mx1.example.org[private/dovecot-lmtp], delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 "
         "Saved)",
         "recipients lmtp sent"},
        {"a recipient with escapes",
         "postfix/lmtp[9]: 413741786E1: to=<\"a\\\"b\\\\c>, relay=x\"@example.org>, "
         "relay=mx1.example.org[private/dovecot-lmtp], "
         "delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 Saved)",
         "recipients lmtp sent"},
        {"a program's output",
         "postfix/pipe[9]: 42841178983: to=<p@pipefail.example.org>, relay=failpipe, delay=0.02, "
         "delays=0.01/0.01/0/0.01, dsn=4.3.0, "
         "status=deferred (temporary failure. Command output: try later, status=sent (ok) )",
         "recipients pipe deferred; failures deferred system"},
        {"a domain of a local user",
         "postfix/error[9]: 31328178664: to=<x@q>, relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent "
         "(y.example.org>, "
         "relay=none, delay=0.04, delays=0.03/0.01/0/0.01, dsn=5.1.3, status=bounced (bad address syntax)",
         "unparsed error"},
        {"a greeting",
         "postfix/postscreen[6]: PREGREET 44 after 0 from [192.0.2.11]:59177: EHLO postfix/smtp[1]: A: status=sent "
         "(250)\\r\\n",
         ""},
        {"an IMAP user with a bracket of its own",
         "dovecot: imap-login: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 4 secs): "
         "user=<x> (auth failed, "
         "9999 attempts in 1 secs): user=<y>, method=PLAIN, rip=192.0.2.14",
         "authentications imap failure"},
        {"an IMAP user with the bracket of a probe",
         "dovecot: imap-login: Disconnected: user=<x> (auth failed, 99 attempts in 1 secs): user=<y>, method=PLAIN",
         ""},
        {"an IMAP user with a delivery in it",
         "dovecot: imap-login: Disconnected: Aborted login by logging out (auth failed, 1 attempts in 4 secs): "
         "user=<postfix/smtp[7]: "
         "A: , relay=r, x, delays=1/1/1/1, y, status=sent (>, method=PLAIN",
         "authentications imap failure"},
        {"an address in a line of OpenDKIM",
         "opendkim[2]: 3543717867B: no signing domain match for '\"x dkim-signature field added (s=mail, "
         "d=example.org)\"'",
         ""},
        {"a reverse name", "postfix/smtpd[7]: connect from status-sent-250.example.net[192.0.2.10]", ""},
        {"a header with a milter's words",
         "postfix/cleanup[5]: A11AE1786B3: warning: header Subject: milter-reject: x from local; "
         "from=<root>",
         ""},
        {"a HELO with a session's words",
         "postfix/smtpd[7]: NOQUEUE: reject: RCPT from c[192.0.2.10]: 554 5.7.1 <a@b>: Relay access "
         "denied; from=<u@example.net> to=<a@b> proto=ESMTP helo=<data=9,commands=9>",
         "rejects relay_denied"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(counts_repeated_lines_as_often_as_they_were_repeated) {
    const Row table[] = {
        {"four times",
         "postfix/smtpd[5]: message repeated 4 times: [ warning: unknown[192.0.2.10]: SASL LOGIN authentication "
         "failed: "
         "(reason unavailable), sasl_username=a@example.org]",
         "warnings warning 4; authentications smtp failure 4"},
        {"more often than it can be", "postfix/smtpd[5]: message repeated 999999999 times: [ warning: x]",
         "warnings warning 10000"},
        {"a number that is none", "postfix/smtpd[5]: message repeated 99999999999999999999 times: [ warning: x]",
         "unparsed smtpd"},
        {"no time", "postfix/smtpd[5]: message repeated 0 times: [ warning: x]", "unparsed smtpd"},
        {"no time, of a program without outcomes", "postfix/master[5]: message repeated 0 times: [ warning: x]",
         "unparsed none"},
        {"no time, of a program that is not known", "cron[5]: message repeated 0 times: [ warning: x]", ""},
        {"no number", "postfix/smtpd[5]: message repeated  times: [ warning: x]", ""},
        {"a repetition of a repetition",
         "postfix/smtpd[5]: message repeated 2 times: [ message repeated 3 times: [ warning: x]]", ""},
        {"the end of a text stays",
         "postfix/qmgr[3]: message repeated 2 times: [ 235B4178667: from=<>, status=expired, returned to "
         "sender]",
         "expired 2"},
        {"cut", "postfix/qmgr[3]: message repeated 2 times: [ warning: x", "warnings warning 2"},
    };
    check(table);
}

BOOST_AUTO_TEST_CASE(splits_both_forms_of_a_line) {
    const std::string text = "postfix/smtpd[7]: warning: x";
    const struct {
        const char* label;
        std::string line;
        const char* want;
    } table[] = {
        {"ISO 8601", "2026-11-27T18:14:50.123456+00:00 mx1 " + text, "warnings warning"},
        {"ISO 8601 without microseconds", "2026-11-27T18:14:50+00:00 mx1 " + text, "warnings warning"},
        {"ISO 8601, UTC", "2026-11-27T18:14:50Z mx1 " + text, "warnings warning"},
        {"BSD", "Nov  7 18:14:50 mx1 " + text, "warnings warning"},
        {"BSD, two digits", "Nov 17 18:14:50 mx1.example.org " + text, "warnings warning"},
        {"RFC 5424", "<22>1 2026-11-27T18:14:50.123456+00:00 mx1 postfix/smtpd 7 - - warning: x", "unparsed none"},
        {"no host", "Nov  7 18:14:50", "unparsed none"},
        {"no tag", "Nov  7 18:14:50 mx1 ", "unparsed none"},
        {"a tag without a colon", "Nov  7 18:14:50 mx1 postfix/smtpd[7] warning: x", "warnings warning"},
        {"no blank behind the colon", "Nov  7 18:14:50 mx1 postfix/smtpd[7]:warning: x", "warnings warning"},
        {"no text", "Nov  7 18:14:50 mx1 postfix/smtpd[7]:", ""},
        {"NUL in the program",
         std::string("Nov  7 18:14:50 mx1 postfix/smtpd\0: warning: connect to Milter service x", 73),
         "warnings warning"},
        {"no pid", "Nov  7 18:14:50 mx1 postfix/smtpd: warning: x", "warnings warning"},
        {"no program", "Nov  7 18:14:50 mx1 : warning: x", "unparsed none"},
        {"words", "what is this", "unparsed none"},
        {"an empty line", "", ""},
        {"NUL in front", std::string(4096, '\0') + "Nov  7 18:14:50 mx1 " + text, "warnings warning"},
        {"only NUL", std::string(4096, '\0'), ""},
        {"NUL within", std::string("Nov  7 18:14:50 mx1 postfix/smtpd[7]: warning: x\0y", 51), "warnings warning"},
        {"bytes that are no UTF-8", "Nov  7 18:14:50 mx1 postfix/smtpd[7]: warning: \xff\xfe\x80", "warnings warning"},
        {"a host that is no name", "Nov  7 18:14:50 \xff\xfe " + text, "warnings warning"},
    };
    for (const auto& row : table) BOOST_TEST_CONTEXT(row.label) {
            BOOST_TEST(testing::describe(*parsed(row.line + "\n")) == row.want);
        }
}

BOOST_AUTO_TEST_CASE(takes_lines_of_any_length_and_a_last_one_without_its_end) {
    const std::string line = "Nov  7 18:14:50 mx1 postfix/smtpd[7]: warning: ";
    BOOST_TEST(testing::describe(*parsed(line + std::string(1 << 20, 'x') + "\n" + line)) == "warnings warning 2");
    BOOST_TEST(testing::describe(*parsed(std::string(1 << 20, '<') + "\n" + line)) ==
               "unparsed none; warnings warning");
    const auto counters =
        parsed("Nov  7 18:14:50 mx1 postfix/lmtp[7]: A5678178662: to=<" + std::string(1 << 20, '"') + "\n");
    BOOST_TEST(testing::describe(*counters) == "unparsed lmtp");
}

BOOST_AUTO_TEST_CASE(counts_every_line_of_the_file_once) {
    const auto counters =
        parsed(with_stamp("postfix/smtpd[7]: connect from c[192.0.2.10]") + with_stamp("dovecot: auth: x") +
               with_stamp("postfix/smtpd[7]: message repeated 9 times: [ warning: x]") + with_stamp("cron: x") + "\n" +
               with_stamp("spamd[1]: spamd: x") + "rubbish\n");
    BOOST_TEST(counters->lines(Daemon::postfix) == 2);
    BOOST_TEST(counters->lines(Daemon::dovecot) == 1);
    BOOST_TEST(counters->lines(Daemon::spamd) == 1);
    BOOST_TEST(counters->lines(Daemon::other) == 3);
}

BOOST_AUTO_TEST_CASE(sums_delays_of_sent_recipients_only) {
    const std::string sent = "postfix/smtp[9]: A5678178662: to=<b@example.com>, relay=mx[192.0.2.25]:25, delay=";
    const auto counters = parsed(with_stamp(sent + "1.25, delays=0.1/0.05/1/0.1, dsn=2.0.0, status=sent (250 Ok)") +
                                 with_stamp(sent + "0.1, delays=0.1/0/0/0, dsn=2.0.0, status=sent (250 Ok)") +
                                 with_stamp(sent + "100000, delays=99999/0/0/1, dsn=2.0.0, status=sent (250 Ok)") +
                                 with_stamp(sent + "9, delays=9/0/0/0, dsn=4.0.0, status=deferred (no)"));
    BOOST_TEST(counters->delivery_delay.sum_microseconds == 100'001'350'000U);
    BOOST_TEST(counters->delivery_delay.buckets[0] == 1);  // up to 0.1 s, included
    BOOST_TEST(counters->delivery_delay.buckets[3] == 1);  // up to 3 s
    BOOST_TEST(counters->delivery_delay.buckets[12] == 1);
    BOOST_TEST(counters->stage_microseconds(Stage::before_queue) == 99'999'200'000U);
    BOOST_TEST(counters->stage_microseconds(Stage::queue) == 50'000U);
    BOOST_TEST(counters->stage_microseconds(Stage::connect) == 1'000'000U);
    BOOST_TEST(counters->stage_microseconds(Stage::transmit) == 1'100'000U);
}

BOOST_AUTO_TEST_CASE(counts_accounts_at_their_messages) {
    const std::string client =
        "postfix/submission/smtpd[7]: E263217867B: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=";
    const auto counters =
        parsed(with_stamp(client + "a@example.org") + with_stamp(client + "a@example.org, sasl_sender=x@y") +
               with_stamp(client + "b@example.org") +
               with_stamp("postfix/smtpd[7]: NOQUEUE: client=c[192.0.2.10], sasl_method=LOGIN, sasl_username=c") +
               with_stamp("postfix/smtpd[7]: E263217867B: client=c[192.0.2.10]"));
    const auto summary = counters->senders.summary(util::BootTime{});
    BOOST_TEST(summary.senders == 3);
    BOOST_TEST(summary.busiest_messages == 2);
}

BOOST_AUTO_TEST_CASE(reads_entries_of_the_journal) {
    auto counters = std::make_unique<Counters>();
    parse_entry("postfix/smtpd", "warning: x", util::BootTime{}, *counters);
    parse_entry("dovecot", "imap-login: Login: user=<a>, method=PLAIN", util::BootTime{}, *counters);
    parse_entry("", "", util::BootTime{}, *counters);
    BOOST_TEST(testing::describe(*counters) == "warnings warning; authentications imap success");
}

BOOST_AUTO_TEST_CASE(counts_bans_by_jail) {
    const std::string stamp = "2026-11-27 18:13:22,784 ";
    const struct {
        const char* label;
        std::string lines;
        const char* want;
    } table[] = {
        {"a ban", stamp + "fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Ban 192.0.2.11\n",
         "bans postfix-sasl"},
        {"two bans, two jails",
         stamp + "fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Ban 192.0.2.11\n" + stamp +
             "fail2ban.actions        [5400]: NOTICE  [dovecot] Ban 192.0.2.11\n" + stamp +
             "fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Ban 2001:db8::1\n",
         "bans postfix-sasl 2; bans dovecot"},
        {"an end", stamp + "fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Unban 192.0.2.11\n", ""},
        {"restored", stamp + "fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Restore Ban 192.0.2.11\n", ""},
        {"banned already", stamp + "fail2ban.actions        [5400]: WARNING [postfix-sasl] 192.0.2.11 already banned\n",
         ""},
        {"found", stamp + "fail2ban.filter         [5400]: INFO    [sshd] Found 192.0.2.11 - 2026-11-27 18:13:22\n",
         ""},
        {"found Ban", stamp + "fail2ban.filter         [5400]: INFO    [sshd] Ban 192.0.2.11\n", ""},
        {"the server", stamp + "fail2ban.server         [5400]: INFO    Starting Fail2ban v1.0.2\n", ""},
        {"no jail", stamp + "fail2ban.actions        [5400]: NOTICE  Flush ban list\n", ""},
        {"a traceback", "Traceback (most recent call last):\n", ""},
        {"another form", stamp + "fail2ban.actions        5400: NOTICE  [postfix-sasl] Ban 192.0.2.11\n",
         "unparsed fail2ban"},
        {"a name that is no name", stamp + "fail2ban.actions [5400]: NOTICE [a\"b] Ban 192.0.2.11\n", "bans of others"},
    };
    for (const auto& row : table) {
        auto counters = std::make_unique<Counters>();
        parse_fail2ban(row.lines, *counters);
        BOOST_TEST_CONTEXT(row.label) { BOOST_TEST(testing::describe(*counters) == row.want); }
    }
}

BOOST_AUTO_TEST_CASE(a_jail_that_found_something_has_a_counter_at_0) {
    auto counters = std::make_unique<Counters>();
    parse_fail2ban("2026-11-27 18:13:22,784 fail2ban.filter         [5400]: INFO    [sshd] Found 192.0.2.11 - x\n",
                   *counters);
    BOOST_TEST(BanTable::name_of(counters->bans.jails()[0]) == "sshd");
    BOOST_TEST(counters->bans.jails()[0].bans == 0);
}

BOOST_AUTO_TEST_CASE(a_jail_has_its_counter_up_to_the_longest_name) {
    auto counters = std::make_unique<Counters>();
    const std::string longest(BanTable::k_longest_name, 'j');
    counters->bans.add(longest, 2);
    counters->bans.add(longest + "j", 3);
    BOOST_TEST(BanTable::name_of(counters->bans.jails()[0]) == longest);
    BOOST_TEST(counters->bans.jails()[0].bans == 2U);
    BOOST_TEST(counters->bans.others() == 3U);
}

BOOST_AUTO_TEST_CASE(jails_with_a_name_of_one_letter_are_told_apart) {
    auto counters = std::make_unique<Counters>();
    counters->bans.add("a", 2);
    counters->bans.add("b", 3);
    BOOST_TEST(BanTable::name_of(counters->bans.jails()[0]) == "a");
    BOOST_TEST(counters->bans.jails()[0].bans == 2U);
    BOOST_TEST(BanTable::name_of(counters->bans.jails()[1]) == "b");
    BOOST_TEST(counters->bans.jails()[1].bans == 3U);
}

BOOST_AUTO_TEST_CASE(the_seventeenth_jail_counts_with_others) {
    auto counters = std::make_unique<Counters>();
    for (int i = 1; i <= 18; ++i)
        parse_fail2ban(
            "2026-11-27 18:13:22,784 fail2ban.actions [5400]: NOTICE  [jail" + std::to_string(i) + "] Ban 192.0.2.11\n",
            *counters);
    BOOST_TEST(BanTable::name_of(counters->bans.jails()[15]) == "jail16");
    BOOST_TEST(counters->bans.others() == 2);
}

BOOST_AUTO_TEST_CASE(a_service_of_submission_is_known_by_its_name_or_port) {
    for (const char* name : {"submission", "submissions", "smtps", "587", "465"})
        BOOST_TEST(is_submission_service(name), name);
    for (const char* name : {"", "smtp", "smtpd", "submissio", "submissionss", "25", "10025", "5870", "465x"})
        BOOST_TEST(!is_submission_service(name), name);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
