# SPDX-License-Identifier: MIT
"""The mail server's load: a log whose every counter is known, and a queue whose every file is."""

import itertools
import os
import pathlib
import random
import shutil
import threading
import time

import mail_log
from book import Steps

DEFERRED = """\
{stamp} mx1 postfix/smtp[{smtp}]: {qid}: to=<someone{n}@example.com>, relay=none, delay=30, delays=0.{byte}/0/29.4/0, dsn=4.4.1, status=deferred (connect to mx.example.com[203.0.113.{byte}]:25: Connection timed out)
"""
LOGIN = """\
{stamp} mx1 dovecot: imap-login: Login: user=<user{user}@example.org>, method=PLAIN, rip=198.51.100.{byte}, lip=192.0.2.1, mpid={lmtp}, TLS, session=<Cq3T0pxK7sXAAAIB>
"""

LINES = "ceymail_mail_log_lines_total"
TLS = 'ceymail_mail_tls_total{direction="inbound",protocol="TLSv1.3"}'
DELAY = "ceymail_mail_delivery_delay_seconds"
# What one session adds, by the HELP of the metrics. Series that are here for no session must stay 0.
SESSIONS = (
    (mail_log.RECEIVED, {
        f'{LINES}{{daemon="postfix"}}': 8, f'{LINES}{{daemon="dovecot"}}': 3, f'{LINES}{{daemon="other"}}': 5,
        'ceymail_mail_received_total{source="smtp"}': 1, TLS: 1,
        'ceymail_mail_recipients_total{transport="lmtp",status="sent"}': 1, f"{DELAY}_count": 1}),
    (mail_log.SUBMITTED, {
        f'{LINES}{{daemon="postfix"}}': 8, f'{LINES}{{daemon="other"}}': 1,
        'ceymail_mail_received_total{source="submission"}': 1, TLS: 1,
        'ceymail_mail_authentications_total{service="smtp",result="success"}': 1,
        'ceymail_mail_recipients_total{transport="smtp",status="sent"}': 1, f"{DELAY}_count": 1}),
    (mail_log.REFUSED, {
        f'{LINES}{{daemon="postfix"}}': 3, 'ceymail_mail_rejects_total{reason="dnsbl"}': 1}),
    (DEFERRED, {
        f'{LINES}{{daemon="postfix"}}': 1, 'ceymail_mail_recipients_total{transport="smtp",status="deferred"}': 1,
        'ceymail_mail_failures_total{status="deferred",class="network"}': 1}),
    (LOGIN, {
        f'{LINES}{{daemon="dovecot"}}': 1,
        'ceymail_mail_authentications_total{service="imap",result="success"}': 1}),
)
TURNS = (0, 1, 0, 2, 3, 0, 4)  # which session follows which
SESSIONS_PER_SECOND = 18  # 120 lines a second
KNOWN = {series for _, counts in SESSIONS for series in counts}


class Writer(threading.Thread):
    """Writes the log as syslog does: appends, and opens it again when it was renamed."""

    def __init__(self, path, book, seed):
        super().__init__(daemon=True, name="writer")
        self.path, self.book, self.random = pathlib.Path(path), book, random.Random(seed)
        book.begun = {series: Steps() for series in KNOWN}
        book.written = {series: Steps() for series in KNOWN}
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.reopen()

    def reopen(self):
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)

    def run(self):
        due = time.monotonic()
        for n in itertools.count():
            if self.stopped.is_set():
                return
            template, counts = SESSIONS[TURNS[n % len(TURNS)]]
            self.write(mail_log.session(template, n).encode(), counts)
            due = max(due + 1 / SESSIONS_PER_SECOND, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    def write(self, text, counts):
        """Now and then in two halves, as a line may be read before it is whole."""
        with self.lock:
            for series, count in counts.items():
                self.book.begun[series].change(count)
            cut = self.random.randrange(len(text)) if self.random.random() < 0.02 else len(text)
            os.write(self.file, text[:cut])
            if cut < len(text):
                time.sleep(0.01)
                os.write(self.file, text[cut:])
            for series, count in counts.items():
                self.book.written[series].change(count)

    def make_room(self):
        old = self.path.with_name("mail.log.1")
        if old.exists():
            os.rename(old, self.path.with_name("mail.log.2"))
        return old

    def rotate_by_rename(self):
        """As logrotate and rsyslog do it: the writer still has the old file open for a while."""
        os.rename(self.path, self.make_room())
        time.sleep(self.random.uniform(0, 2))
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o640))
        time.sleep(self.random.uniform(0, 1))
        with self.lock:
            os.close(self.file)
            self.reopen()

    def rotate_by_copytruncate(self):
        """The writer waits, since a line between copy and truncation would be in no file, and no reader could count it."""
        with self.lock:
            shutil.copyfile(self.path, self.make_room())
            os.truncate(self.path, 0)


QUEUES = ("active", "deferred", "bounce", "hold", "incoming", "maildrop")


class Queue(threading.Thread):
    """Messages that come, wait and go in all directories of a Postfix queue."""

    def __init__(self, path, book, seed):
        super().__init__(daemon=True, name="queue")
        self.path, self.random, self.numbers = pathlib.Path(path), random.Random(seed), itertools.count(0x3000000000)
        self.steps = {name: Steps() for name in QUEUES}
        book.gauges |= {f"ceymail_queue_{name}": steps for name, steps in self.steps.items()}
        self.messages: dict[str, list[str]] = {name: [] for name in QUEUES}
        self.lock, self.stopped = threading.Lock(), threading.Event()
        for name in QUEUES:
            for digit in mail_log.DIGITS if name in ("deferred", "bounce", "hold") else ("",):
                (self.path / name / digit).mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(300):
            self.add("deferred")

    def file(self, name, qid):
        return self.path / name / (qid[-1] if name in ("deferred", "bounce", "hold") else "") / qid

    def add(self, name):
        with self.lock:
            qid = mail_log.queue_id(next(self.numbers))
            self.file(name, qid).touch(mode=0o700)
            self.messages[name].append(qid)
            self.steps[name].change(1)

    def remove(self, name):
        with self.lock:
            if self.messages[name]:
                at = self.random.randrange(len(self.messages[name]))
                self.file(name, self.messages[name].pop(at)).unlink()
                self.steps[name].change(-1)

    def run(self):
        while not self.stopped.wait(self.random.expovariate(8)):
            name = self.random.choice(QUEUES)
            few = len(self.messages[name]) < (300 if name == "deferred" else 40)
            self.add(name) if self.random.random() < (0.6 if few else 0.4) else self.remove(name)
