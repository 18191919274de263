#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# What is done to the mail host, each function with the book of what it did. Run in the machine.
#   usage: cases.py SOURCE begin | NAME      SOURCE: rsyslog or journal, where the lines are
import contextlib
import json
import os
import socket
import ssl
import sys
import time

import book as books
from sessions import CLIENT, Imap, Lines, Pop3, Sieve, Smtp, mail, refused, run, sendmail, spamd

A, B = "a@example.org", "b@example.org"
SUBMISSION = 587
CLASSES = ["other", "addressing", "mailbox", "system", "network", "protocol", "content", "policy"]
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"not in {seconds} s: {what}"
        time.sleep(0.1)
    return result


def queue():
    return [json.loads(line) for line in run("postqueue", "-j").splitlines()]


def is_idle():
    return all(entry["queue_name"] in ("deferred", "hold") for entry in queue())


def settle():
    """Until Postfix has nothing to do; what it could not deliver is removed."""
    until(is_idle, "the queue is idle")
    if queue():
        run("postsuper", "-d", "ALL")


# --- received ----------------------------------------------------------------------------------------------------


def case_messages_of_strangers_by_data_and_bdat(book):
    with Smtp() as smtp:
        smtp.envelope(A, B)
        smtp.data()
        smtp.envelope(A)
        for last in (False, False, True):
            smtp.bdat("Subject: in three parts\r\n" if not last else "\r\nx\r\n", last)
        smtp.envelope(B)
        smtp.data("Message-ID: <x@example.net>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)\r\n\r\nx")
    with Smtp() as smtp:
        smtp.envelope(A)
        smtp.send("RSET")
        smtp.envelope(B)
        smtp.data()
    book.received("smtp", 4)
    book.sent("lmtp", 5)


def case_a_session_that_leaves_in_the_middle_of_a_message(book):
    with Smtp() as smtp:
        smtp.envelope(A)
        smtp.send("DATA", 354)
        smtp.write("Subject: no end\r\n")
        smtp.socket.shutdown(socket.SHUT_RDWR)
    mail(A)
    book.received("smtp")
    book.sent("lmtp")


def case_messages_by_sendmail(book):
    for _ in range(3):
        sendmail(A, B)
    book.received("local", 3)
    book.sent("lmtp", 6)


def case_a_message_that_was_requeued_is_received_once(book):
    sendmail("450-4.2.0@remote.example", sender="")
    until(is_idle, "the queue is idle")
    run("postsuper", "-r", "ALL")
    sendmail(A)  # wakes pickup(8)
    book.received("local", 2)
    book.deferred("smtp", "mailbox", 2)
    book.sent("lmtp")


def case_messages_of_accounts_to_another_host(book):
    for account, messages in ((A, 3), (B, 1)):
        with Smtp(port=SUBMISSION) as smtp:
            smtp.start_tls()
            smtp.log_in(account)
            for _ in range(messages):
                smtp.envelope("friend@remote.example", sender=account)
                smtp.data()
        book.handed_in(account, messages)
    book.tls("inbound", times=2)
    book.login("smtp", times=2)
    book.received("submission", 4)
    book.sent("smtp", 4)


def case_messages_that_are_held_discarded_or_warned_of_are_received(book):
    for sender in ("held@example.net", "discarded@example.net", "warned@example.net"):
        mail(A, sender=sender)
    mail(A, message="X-Hold: me\r\n\r\nx")
    mail(A, message="X-Discard: me\r\n\r\nx")
    mail(A, message="X-Warn: of me\r\n\r\nx")
    mail("x@discarded.example.org")
    book.received("smtp", 7)
    book.sent("lmtp", 2)


# --- delivered, deferred, bounced --------------------------------------------------------------------------------


def case_deferrals_by_each_class(book):
    sendmail(*(f"450-4.{number}.1@remote.example" for number in range(8)), sender="")
    book.received("local")
    for failure in CLASSES:
        book.deferred("smtp", failure)


def case_bounces_by_each_class(book):
    sendmail(*(f"550-5.{number}.1@remote.example" for number in range(8)), sender="")
    sendmail("data-554-5.6.0@remote.example", sender="")
    sendmail("550-5.9.1@remote.example", sender="")
    book.received("local", 3)
    for failure in CLASSES:
        book.bounced("smtp", failure)
    book.bounced("smtp", "content")
    book.bounced("smtp", "other")


def case_a_bounce_comes_back_as_a_message_that_nobody_handed_in(book):
    sendmail("550-5.1.1@remote.example", "friend@remote.example")
    book.received("local")
    book.bounced("smtp", "addressing")
    book.sent("smtp")
    book.sent("lmtp")


def case_a_host_that_is_down_is_not_tried_for_a_while(book):
    sendmail("x@down.example", sender="")
    until(lambda: any(entry["queue_name"] == "deferred" for entry in queue()), "it is deferred")
    sendmail("x@down.example", "y@down.example", sender="")
    book.received("local", 2)
    book.deferred("smtp", "network")
    book.deferred("error", "network", 2)


def case_domains_that_do_not_exist_or_take_no_mail(book):
    sendmail("x@nowhere.example", sender="")
    sendmail("x@nullmx.example", sender="")
    book.received("local", 2)
    book.bounced("smtp", "network")
    book.bounced("smtp", "addressing")


def case_a_host_that_hangs_up(book):
    sendmail("hangup@remote.example", sender="")
    book.received("local")
    book.deferred("smtp", "network")


def case_a_mailbox_that_is_full_and_one_that_dovecot_does_not_know(book):
    mail("full@example.org", sender="", message="Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 20000)
    mail("nodovecot@example.org", sender="")
    mail("locked@example.org", sender="")
    book.received("smtp", 3)
    book.bounced("lmtp", "mailbox")
    book.bounced("lmtp", "addressing")
    book.deferred("lmtp", "mailbox")


def case_dovecot_is_down(book):
    run("systemctl", "stop", "dovecot.socket", "dovecot.service", check=False)
    try:
        sendmail(A, sender="")
        until(is_idle, "the queue is idle")
    finally:
        run("systemctl", "start", "dovecot.service")
    run("postqueue", "-f")
    until(lambda: not queue(), "it is delivered")
    book.received("local")
    book.deferred("lmtp", "network")
    book.sent("lmtp")


def case_local_mailboxes_commands_and_users_that_are_not_there(book):
    for user in ("mailuser", "gone", "command", "busy", "broken"):
        sendmail(user + "@local.example.org", sender="")
    book.received("local", 5)
    book.sent("local", 2)
    book.bounced("local", "addressing")
    book.deferred("local", "system")
    book.bounced("local", "system")


def case_an_alias_counts_what_becomes_of_it_and_not_itself(book):
    mail("team@local.example.org")
    book.received("smtp")
    book.sent("lmtp", 2)
    book.sent("smtp")


def case_mailboxes_of_virtual(book):
    sendmail("v@vbox.example.org", "gone@vbox.example.org", "locked@vbox.example.org", sender="")
    book.received("local")
    book.sent("virtual")
    book.bounced("virtual", "addressing")
    book.deferred("virtual", "mailbox")


def case_programs(book):
    sendmail("0@pipe.example.org", sender="")
    sendmail("75@pipe.example.org", sender="")
    sendmail("67@pipe.example.org", sender="")
    sendmail("69@pipe.example.org", sender="")
    book.received("local", 4)
    book.sent("pipe")
    book.deferred("pipe", "system")
    book.bounced("pipe", "addressing")
    book.bounced("pipe", "system")


def case_transports_that_only_refuse(book):
    sendmail("x@closed.example.org", sender="")
    sendmail("x@later.example.org", sender="")
    book.received("local", 2)
    book.bounced("error", "policy")
    book.deferred("error", "system")


def case_messages_that_stayed_for_too_long(book):
    sendmail("450-4.2.0@remote.example")
    until(is_idle, "the queue is idle")
    run("postsuper", "-e", "ALL")
    run("postqueue", "-f")
    until(lambda: not queue(), "it is returned")
    book.received("local")
    book.deferred("smtp", "mailbox")
    book.expired()
    book.sent("lmtp")
    run("postconf", "maximal_queue_lifetime=3s", "bounce_queue_lifetime=3s")
    run("postfix", "reload")
    sendmail("450-4.2.0@remote.example")
    until(is_idle, "the queue is idle")
    time.sleep(4)
    run("postqueue", "-f")
    until(lambda: not queue(), "it is returned")
    run("postconf", "maximal_queue_lifetime=5d", "bounce_queue_lifetime=5d")
    run("postfix", "reload")
    book.received("local")
    book.deferred("smtp", "mailbox", 2)
    book.expired()
    book.sent("lmtp")


def case_probes_of_addresses_are_no_mail(book):
    refused("550-5.1.1@remote.example", 450, port=2536)
    mail("friend@remote.example", port=2536)
    book.refused("unknown_recipient")
    book.received("smtp")
    book.sent("smtp")


# --- content filters ---------------------------------------------------------------------------------------------


def case_content_filters_count_once(book):
    mail(A, B, port=2521)
    mail(A, port=2522)
    book.received("smtp", 2)
    book.sent("lmtp", 3)


def case_a_content_filter_by_sendmail_counts_again(book):
    mail(A, port=2523)
    book.received("smtp")
    book.sent("pipe")
    book.received("local")
    book.sent("lmtp")


def case_a_filter_before_the_queue(book):
    mail(A, B, port=2524)
    mail(A, port=2524, code=550, message="Subject: refused by the proxy\r\n\r\nx")
    book.received("smtp")
    book.sent("lmtp", 2)
    book.refused("content")


# --- refused -----------------------------------------------------------------------------------------------------


def case_relaying_is_refused(book):
    refused("x@elsewhere.example", 554)
    refused('"x>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok"@elsewhere.example', 554)
    book.refused("relay_denied", 2)


def case_unknown_recipients_are_refused(book):
    with Smtp() as smtp:
        smtp.envelope(A)
        smtp.send("RCPT TO:<nobody@example.org>", 550)
        smtp.send("RCPT TO:<gone@local.example.org>", 550)
        smtp.data()
    book.refused("unknown_recipient", 2)
    book.received("smtp")
    book.sent("lmtp")


def case_senders_without_a_domain_are_refused(book):
    refused(sender="x@nowhere.example", code=450)
    refused(sender="x@nullmx.example", code=550)
    refused(sender="unqualified", code=504)
    book.refused("sender_domain", 3)


def case_greetings_and_names_of_clients_are_refused(book):
    refused(helo="unqualified", code=504)
    refused(helo="in..valid", code=501)
    refused(helo="nowhere.example", code=450, sender="helo@example.net")
    refused(source="192.0.2.14", code=450)
    book.refused("helo", 4)


def case_block_lists(book):
    refused(source="192.0.2.12", code=554)
    refused(sender="x@listed.example", code=554)
    book.refused("dnsbl", 2)
    refused(source="192.0.2.13", code=554)
    book.refused("dnsbl_refused")


def case_access_maps_and_pipelining_are_other(book):
    refused(sender="barred@example.net", code=554)
    with Smtp() as smtp:
        smtp.write("MAIL FROM:<u@example.net>\r\nRCPT TO:<a@example.org>\r\n")
        smtp.reply(250)
        smtp.reply(250)
        smtp.send("VRFY root", 502)
    book.refused("other")


def case_greylisting_and_a_policy_service(book):
    refused(port=2534, code=450)
    time.sleep(2.1)
    mail(A, port=2534)
    refused(B, port=2537, code=450)
    mail(A, port=2537)
    book.refused("policy", 2)
    book.received("smtp", 2)
    book.sent("lmtp", 2)


def case_content_is_refused_by_header_and_body(book):
    mail(A, message="X-Refuse: me, status=sent (250 ok)\r\n\r\nx", code=550)
    mail(A, message="Subject: x\r\n\r\nrefuse this body", code=550)
    sendmail_with_refused_header()
    book.refused("content", 3)
    book.received("local")
    book.bounced("error", "policy")


def sendmail_with_refused_header():
    run("/usr/sbin/sendmail", "-f", "<>", A, stdin="X-Refuse: me\n\nx\n")


def case_a_milter_refuses(book):
    mail(A, port=2511)
    refused("milter-refuses@example.org", 550, port=2511)
    mail(A, port=2511, message="Subject: milter-refuses\r\n\r\nx", code=550)
    mail(A, port=2511, message="Subject: milter-defers\r\n\r\nx", code=451)
    book.refused("milter", 3)
    book.received("smtp")
    book.sent("lmtp")


def case_a_milter_discards(book):
    mail(A, port=2511, message="Subject: milter-discards\r\n\r\nx")
    book.received("smtp")


def case_milters_that_are_down(book):
    mail(A, port=2512)
    book.received("smtp")
    book.sent("lmtp")
    book.milter_errors()


def case_a_milter_that_is_down_makes_clients_come_back(book):
    with Smtp(port=2513) as smtp:
        smtp.send("MAIL FROM:<u@example.net>", 451)
    book.milter_errors()
    book.refused("milter")


def case_a_milter_refuses_a_greeting(book):
    with Smtp(port=2511, helo="milter-refuses.example.net") as smtp:
        for _ in range(2):
            smtp.send("MAIL FROM:<u@example.net>", 550)
    with Smtp(port=2511, helo=None) as smtp:
        smtp.send("EHLO milter-hangs-up.example.net", 421)
    book.refused("milter", 3)


def case_a_milter_that_breaks_the_protocol(book):
    mail(A, port=2514)
    book.received("smtp")
    book.sent("lmtp")
    book.milter_errors()


def case_opendkim_signs_or_has_no_key(book):
    mail("friend@remote.example", sender="a@signed.example", port=2515, source="127.0.0.1",
         message="From: a@signed.example\r\nSubject: x\r\n\r\nx")
    book.received("smtp")
    book.sent("smtp")
    with Smtp(port=2515, source="127.0.0.1") as smtp:
        smtp.envelope("friend@remote.example", sender="a@keyless.example")
        smtp.data("From: a@keyless.example\r\nSubject: x\r\n\r\nx", 451)
    book.refused("milter")
    book.milter_errors()


def case_rates(book):
    with Smtp(port=2501), Smtp(port=2501):
        pass
    for _ in range(2):
        with Smtp(port=2501, greeting=421):
            pass
    book.refused("rate", 2)
    with Smtp(port=2502) as smtp:
        for _ in range(2):
            smtp.envelope(A)
            smtp.send("RSET")
        smtp.send("MAIL FROM:<u@example.net>", 450)
    book.refused("rate")
    with Smtp(port=2503) as smtp:
        smtp.envelope(A, B)
        smtp.send("RCPT TO:<full@example.org>", 450)
    book.refused("rate")
    for code in (235, 235, 450):
        with Smtp(port=2504) as smtp:
            smtp.log_in(A, code=code)
    book.refused("rate")
    book.login("smtp", times=2)
    with Smtp(port=2505), Smtp(port=2505), Smtp(port=2505, greeting=421):
        pass
    book.refused("rate")
    for _ in range(2):
        with Smtp(port=2506) as smtp:
            smtp.start_tls()
    with Smtp(port=2506) as smtp:
        smtp.start_tls(then=421)
    with Smtp(port=2506) as smtp:
        smtp.send("STARTTLS", 454)
    book.tls("inbound", times=3)
    book.refused("rate", 2)


def case_sizes(book):
    with Smtp() as smtp:
        smtp.send("MAIL FROM:<u@example.net> SIZE=99999999", 552)
    mail(A, message="Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 40000, code=552)
    book.refused("size", 2)


def case_tls_or_a_login_is_wanted(book):
    refused(port=SUBMISSION, code=554)
    refused(port=2535, code=450)
    refused(sender=A, code=553)
    with Smtp(port=SUBMISSION) as smtp:
        smtp.log_in(A)
        smtp.send(f"MAIL FROM:<{B}>")
        smtp.send(f"RCPT TO:<{A}>", 553)
    book.refused("tls_or_auth", 4)
    book.login("smtp")


def case_faults_of_the_host(book):
    with Smtp(port=2531) as smtp:
        smtp.send("MAIL FROM:<u@example.net>", 452)
    refused(port=2532, code=451)
    refused(port=2533, code=451)
    book.refused("local_error", 3)
    book.sent("local")  # Postfix tells the postmaster of the first


# --- logins ------------------------------------------------------------------------------------------------------


def case_wrong_logins_of_smtp(book):
    with Smtp(port=SUBMISSION) as smtp:
        smtp.log_in(A, "wrong", 535)
        smtp.log_in_by_login("nobody", "wrong", 535)
        smtp.log_in("x, relay=mx, status=sent (250 ok)", "wrong", 535)
        smtp.send("AUTH PLAIN", 334)
        smtp.send("*", 501)
        smtp.log_in_by_login(A, "right")
    with Smtp() as smtp:
        smtp.log_in("nobody", "wrong", 535)
        smtp.send("AUTH GSSAPI YWJj", 535)  # not offered
        smtp.send("AUTH PLAIN eA==", 535)  # without an account
    book.login("smtp", "failure", 5)
    book.login("smtp", "error")
    book.login("smtp")


def case_the_authentication_server_ends_during_a_session(book):
    with Smtp(port=SUBMISSION) as smtp:
        run("systemctl", "stop", "dovecot.socket", "dovecot.service", check=False)
        smtp.log_in(A, code=454)
    run("systemctl", "start", "dovecot.service")
    book.login("smtp", "error")


def case_logins_of_imap_pop3_and_sieve(book):
    for service, client in (("imap", Imap), ("pop3", Pop3), ("sieve", Sieve)):
        no = "-ERR" if service == "pop3" else "NO"
        with client() as session:
            session.log_in(A, "right")
            session.log_out()
        book.login(service)
        with client() as session:
            session.log_in(A, "wrong", no)
            session.log_in("x> (auth failed, 9999 attempts in 1 secs): user=<y" if service == "imap" else B, "wrong", no)
            session.log_out()
        book.login(service, "failure", 2)
        with client() as session:  # Dovecot forgets the failure: a known limit
            session.log_in(A, "wrong", no)
            session.log_in(A, "right")
            session.log_out()
        book.login(service)
        with client() as session:
            session.log_out()


# --- TLS, spam, bans, postscreen ---------------------------------------------------------------------------------


def case_tls_in_and_out(book):
    for version, name in ((ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
        with Smtp() as smtp:
            smtp.start_tls(version)
            smtp.envelope(A)
            smtp.data()
        book.tls("inbound", name)
    book.received("smtp", 2)
    book.sent("lmtp", 2)
    sendmail("x@tls.example", sender="")
    sendmail("x@oldtls.example", sender="")
    book.received("local", 2)
    book.tls("outbound", "TLSv1.3")
    book.tls("outbound", "TLSv1.2")
    book.sent("smtp", 2)


def case_verdicts_of_spamd(book):
    for body in ("hello", "hello again", GTUBE):
        answer = spamd(f"From: u@example.net\r\nSubject: x\r\n\r\n{body}\r\n")
        assert ("True" in answer) == (body == GTUBE), answer
    book.verdict("ham", 2)
    book.verdict("spam")


def ban(jail, *addresses):
    for address in addresses:
        run("fail2ban-client", "set", jail, "banip", address)
        until(lambda address=address: address in run("fail2ban-client", "status", jail), f"{address} is banned")


def case_bans(book):
    ban("postfix-sasl", "192.0.2.91", "192.0.2.92")
    ban("dovecot", "192.0.2.91")
    run("fail2ban-client", "set", "dovecot", "unbanip", "192.0.2.91")
    until(lambda: "192.0.2.91" not in run("fail2ban-client", "status", "dovecot"), "it is unbanned")
    ban("dovecot", "192.0.2.91")
    run("fail2ban-client", "set", "dovecot", "banip", "192.0.2.91")  # already banned
    run("systemctl", "restart", "fail2ban")
    until(lambda: "192.0.2.91" in run("fail2ban-client", "status", "dovecot", check=False), "the ban is restored")
    book.bans("postfix-sasl", 2)
    book.bans("dovecot", 2)


def case_postscreen(book):
    def session(source, code):
        with Smtp(port=2541, source=source) as smtp:
            smtp.send("MAIL FROM:<u@example.net>")
            smtp.send("RCPT TO:<a@example.org>", code)

    session(CLIENT, 450)  # the test of a new client
    session("192.0.2.12", 550)
    session("192.0.2.13", 450)
    book.refused("postscreen", 2)
    book.refused("dnsbl")
    book.refused("dnsbl_refused")
    with Lines("192.0.2.1", 2541, "192.0.2.17") as early:
        early.write("EHLO postfix/smtp[1]: A: status=sent (250)\r\n")
        with contextlib.suppress(ConnectionResetError):
            early.file.read()
    mail(A, port=2541)
    book.received("smtp")
    book.sent("lmtp")


# --- the way of the lines ----------------------------------------------------------------------------------------


def case_a_restart_of_the_service_counts_nothing_twice(book):
    mail(A)
    run("systemctl", "stop", "ceymail-metrics.service")
    mail(A)
    run("systemctl", "start", "ceymail-metrics.service")
    mail(A)
    processes = run("pgrep", "-x", "ceymail-gather|ceymail-reader").split()
    assert len(processes) == 2, processes
    run("kill", "-KILL", *processes)
    mail(A)
    book.received("smtp", 4)
    book.sent("lmtp", 4)


def case_lines_that_rsyslog_folds_count_each(book):
    """As Ubuntu's rsyslog does. The journal folds none."""
    configuration = "/etc/rsyslog.conf"
    with open(configuration, encoding="utf-8") as file:
        before = file.read()
    folds = os.path.exists(books.MAIL_LOG)
    if folds:
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("$RepeatedMsgReduction on\n" + before)
        run("systemctl", "restart", "rsyslog")
    with Smtp(port=SUBMISSION) as smtp:
        for _ in range(6):
            smtp.log_in(A, "wrong", 535)
    book.login("smtp", "failure", 6)
    if folds:
        until(lambda: "message repeated 5 times: [ " in run("tail", "-n", "5", books.MAIL_LOG), "the lines are folded")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(before)
        run("systemctl", "restart", "rsyslog")


def case_nothing_was_counted_late_or_besides(_book):
    time.sleep(3)


def main():
    source, name = sys.argv[1:]
    log = books.JournalLog() if source == "journal" else books.FileLog()
    if name == "begin":
        return books.begin(log)
    book = books.Book()
    globals()["case_" + name](book)
    settle()
    wrong = books.close(book, log)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main())
