# SPDX-License-Identifier: MIT
"""A mail log as a host with TLS, OpenDKIM (LogWhy) and LMTP writes it: 205 MB, 1,464,000 lines.

usage: mail_log.py FILE [SETS]      a set is 3 messages received, 1 sent out and 1 session refused: 60 lines
"""

import datetime
import pathlib
import sys

SETS = 24_400
MESSAGES_RECEIVED, MESSAGES_SUBMITTED, RECIPIENTS_SENT = 3, 1, 4  # of a set
FIRST = datetime.datetime(2026, 11, 27, tzinfo=datetime.timezone.utc)
# Of short queue ids, the default.
DIGITS = "0123456789ABCDEF"

RECEIVED = """\
{stamp} mx1 postfix/smtpd[{smtpd}]: connect from mail{n}.example.net[192.0.2.{byte}]
{stamp} mx1 postfix/smtpd[{smtpd}]: Anonymous TLS connection established from mail{n}.example.net[192.0.2.{byte}]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256
{stamp} mx1 postfix/smtpd[{smtpd}]: {qid}: client=mail{n}.example.net[192.0.2.{byte}]
{stamp} mx1 postfix/cleanup[{cleanup}]: {qid}: message-id=<m{n}.{smtpd}@example.net>
{stamp} mx1 opendkim[4864]: {qid}: mail{n}.example.net [192.0.2.{byte}] not internal
{stamp} mx1 opendkim[4864]: {qid}: not authenticated
{stamp} mx1 opendkim[4864]: {qid}: failed to parse Authentication-Results: header field
{stamp} mx1 opendkim[4864]: {qid}: no signing domain match for 'example.net'
{stamp} mx1 opendkim[4864]: {qid}: no signature data
{stamp} mx1 postfix/qmgr[3021]: {qid}: from=<sender{n}@example.net>, size={size}, nrcpt=1 (queue active)
{stamp} mx1 dovecot: lmtp({lmtp}): Connect from local
{stamp} mx1 dovecot: lmtp(user{user}@example.org)<{lmtp}><xnwLLzbACWs6AQAAds41pg>: sieve: msgid=<m{n}.{smtpd}@example.net>: stored mail into mailbox 'INBOX'
{stamp} mx1 postfix/lmtp[{smtp}]: {qid}: to=<user{user}@example.org>, relay=mx1.example.org[private/dovecot-lmtp], delay=0.{byte}, delays=0.{byte}/0.01/0.01/0.05, dsn=2.0.0, status=sent (250 2.0.0 <user{user}@example.org> xnwLLzbACWs6AQAAds41pg Saved)
{stamp} mx1 dovecot: lmtp({lmtp}): Disconnect from local: Logged out (state=READY)
{stamp} mx1 postfix/qmgr[3021]: {qid}: removed
{stamp} mx1 postfix/smtpd[{smtpd}]: disconnect from mail{n}.example.net[192.0.2.{byte}] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7
"""

SUBMITTED = """\
{stamp} mx1 postfix/submission/smtpd[{smtpd}]: connect from client{n}.example.net[198.51.100.{byte}]
{stamp} mx1 postfix/submission/smtpd[{smtpd}]: Anonymous TLS connection established from client{n}.example.net[198.51.100.{byte}]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256
{stamp} mx1 postfix/submission/smtpd[{smtpd}]: {qid}: client=client{n}.example.net[198.51.100.{byte}], sasl_method=PLAIN, sasl_username=user{user}@example.org
{stamp} mx1 postfix/cleanup[{cleanup}]: {qid}: message-id=<s{n}.{smtpd}@example.org>
{stamp} mx1 opendkim[4864]: {qid}: DKIM-Signature field added (s=mail, d=example.org)
{stamp} mx1 postfix/qmgr[3021]: {qid}: from=<user{user}@example.org>, size={size}, nrcpt=1 (queue active)
{stamp} mx1 postfix/submission/smtpd[{smtpd}]: disconnect from client{n}.example.net[198.51.100.{byte}] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8
{stamp} mx1 postfix/smtp[{smtp}]: {qid}: to=<someone{n}@example.com>, relay=mx.example.com[203.0.113.{byte}]:25, delay=1.{byte}, delays=0.12/0.01/0.{byte}/0.4, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4jbh0s2RnPzCbnR)
{stamp} mx1 postfix/qmgr[3021]: {qid}: removed
"""

REFUSED = """\
{stamp} mx1 postfix/smtpd[{smtpd}]: connect from host-{n}.dynamic.example.com[203.0.113.{byte}]
{stamp} mx1 postfix/smtpd[{smtpd}]: NOQUEUE: reject: RCPT from host-{n}.dynamic.example.com[203.0.113.{byte}]: 554 5.7.1 Service unavailable; Client host [203.0.113.{byte}] blocked using zen.example.org; https://www.example.org/query/ip/203.0.113.{byte}; from=<offer{n}@example.com> to=<user{user}@example.org> proto=ESMTP helo=<host-{n}.dynamic.example.com>
{stamp} mx1 postfix/smtpd[{smtpd}]: disconnect from host-{n}.dynamic.example.com[203.0.113.{byte}] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4
"""


def queue_id(number):
    return "".join(DIGITS[number >> shift & 15] for shift in range(36, -4, -4))


def session(template, n):
    stamp = (FIRST + datetime.timedelta(microseconds=n * 700_013)).isoformat(timespec="microseconds")
    return template.format(stamp=stamp, n=n, qid=queue_id(n * 7919 + 0x3000000000), byte=n % 90 + 10, user=n % 900 + 100,
                           smtpd=n % 9000 + 1000, cleanup=n % 8000 + 1000, smtp=n % 7000 + 1000, lmtp=n % 6000 + 1000,
                           size=n % 90_000 + 10_000)


def write(path, sets=SETS):
    """Returns: the number of bytes."""
    with open(path, "w") as log:
        for n in range(0, 5 * sets, 5):
            log.write("".join(session(template, n + i) for i, template in
                              enumerate((RECEIVED, SUBMITTED, RECEIVED, REFUSED, RECEIVED))))
    return pathlib.Path(path).stat().st_size


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SETS)
