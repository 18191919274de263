# SPDX-License-Identifier: MIT
# The book of what a case did, and its comparison with what the endpoint counted meanwhile.
import collections
import http.client
import json
import os
import re
import ssl
import subprocess
import time

STATE = "/root/mail-state.json"
MAIL_LOG = "/var/log/mail.log"
FAIL2BAN_LOG = "/var/log/fail2ban.log"
PATIENCE = 20  # seconds until all is counted

# Times are not in the book. Nor are lines and warnings: they are counted in the log itself.
IN_THE_LOG = re.compile(r"ceymail_mail_(log_lines|log_foreign_lines|warnings)_total")
NOT_IN_THE_BOOK = re.compile(r"ceymail_mail_delivery_stage_seconds_total|" + IN_THE_LOG.pattern)
IN_THE_BOOK = re.compile(r"ceymail_(mail_[a-z0-9_]+(_total|_count)|bans_total)(\{|$)")


class Book:
    """Counters by series. Each method is something that was done."""

    def __init__(self):
        self.counters: collections.Counter[str] = collections.Counter()
        self.senders: collections.Counter[str] = collections.Counter()

    def add(self, metric, times=1, **labels):
        text = ",".join(f'{name}="{value}"' for name, value in labels.items())
        self.counters[f"ceymail_{metric}" + (f"{{{text}}}" if text else "")] += times

    def received(self, source, times=1):
        self.add("mail_received_total", times, source=source)

    def sent(self, transport, times=1):
        self.add("mail_recipients_total", times, transport=transport, status="sent")
        self.add("mail_delivery_delay_seconds_count", times)

    def deferred(self, transport, failure, times=1):
        self._failed(transport, "deferred", failure, times)

    def bounced(self, transport, failure, times=1):
        self._failed(transport, "bounced", failure, times)

    def _failed(self, transport, status, failure, times):
        self.add("mail_recipients_total", times, transport=transport, status=status)
        self.add("mail_failures_total", times, **{"status": status, "class": failure})

    def expired(self, times=1):
        self.add("mail_expired_total", times)

    def refused(self, reason, times=1):
        self.add("mail_rejects_total", times, reason=reason)

    def login(self, service, result="success", times=1):
        self.add("mail_authentications_total", times, service=service, result=result)

    def handed_in(self, account, times=1):
        """Messages by an account that had logged in."""
        self.senders[account] += times

    def tls(self, direction, protocol="TLSv1.3", times=1):
        self.add("mail_tls_total", times, direction=direction, protocol=protocol)

    def milter_errors(self, times=1):
        self.add("mail_milter_errors_total", times)

    def verdict(self, verdict, times=1):
        self.add("mail_spam_verdicts_total", times, verdict=verdict)

    def bans(self, jail, times=1):
        self.add("bans_total", times, jail=jail)


class FileLog:
    """What rsyslog wrote."""

    def position(self):
        return os.path.getsize(MAIL_LOG) if os.path.exists(MAIL_LOG) else 0

    def entries(self, position):
        with open(MAIL_LOG, "rb") as log:
            log.seek(position)
            for line in log.read().split(b"\n")[:-1]:
                _, _, rest = line.decode("latin-1").split(" ", 2)
                tag, _, text = rest.partition(" ")
                yield tag.rstrip(":").split("[")[0], text


class JournalLog:
    """What the journal has. The program of lines that do not count is None: ceymail-metrics.conf(5), mail_log."""

    units = re.compile("postfix|dovecot|spamd|spamassassin|opendkim")

    def position(self):
        shown = subprocess.run(["journalctl", "-n", "1", "--show-cursor", "-q"], capture_output=True, text=True, check=True)
        return shown.stdout.rpartition("-- cursor: ")[2].strip()

    def entries(self, position):
        shown = subprocess.run(["journalctl", "-q", "-o", "json", "--after-cursor", position, "SYSLOG_FACILITY=2"],
                               capture_output=True, text=True, check=True)
        for line in shown.stdout.splitlines():
            entry = json.loads(line)
            text = entry.get("MESSAGE", "")
            uid, unit = int(entry.get("_UID", "65534")), entry.get("_SYSTEMD_UNIT", "")
            trusted = uid == 0 or self.units.match(unit) or (uid < 1000 and not unit.endswith(".service"))
            yield entry.get("SYSLOG_IDENTIFIER", "") if trusted else None, text if isinstance(text, str) else bytes(text).decode("latin-1")


def daemon_of(tag):
    if tag in ("dovecot", "spamd"):
        return tag
    return "postfix" if tag == "master" or (tag.startswith("postfix") and "/" in tag) else "other"


DOVECOT_SEVERITY = re.compile(r"[a-z0-9-]+(?:\([^)]*\))?(?:<[^>]*>)*: (Warning|Error|Fatal|Panic): ")


def severity_of(daemon, text):
    if daemon == "postfix":
        match = re.match(r"(warning|error|fatal|panic): ", text)
    else:
        match = DOVECOT_SEVERITY.match(text) if daemon == "dovecot" else None
    return match[1].lower() if match else None


def count_log(log, state):
    """Lines and warnings since the beginning, in the log itself."""
    counters: collections.Counter[str] = collections.Counter()
    for tag, text in log.entries(state["log"]):
        if tag is None:
            counters["ceymail_mail_log_foreign_lines_total"] += 1
            continue
        daemon = daemon_of(tag)
        counters[f'ceymail_mail_log_lines_total{{daemon="{daemon}"}}'] += 1
        folded = re.match(r"message repeated (\d+) times: \[ (.*)\]$", text)
        if severity := severity_of(daemon, folded[2] if folded else text):
            counters[f'ceymail_mail_warnings_total{{severity="{severity}"}}'] += int(folded[1]) if folded else 1
    with open(FAIL2BAN_LOG, "rb") as bans:
        bans.seek(state["fail2ban"])
        counters['ceymail_mail_log_lines_total{daemon="fail2ban"}'] += bans.read().count(b"\n")
    return counters


def scrape(state):
    """All metrics by series. Each scrape comes from another address, so that the limiter lets it pass."""
    state["scrapes"] = number = state.get("scrapes", 0) + 1
    connection = http.client.HTTPSConnection("127.0.0.1", timeout=20, context=ssl._create_unverified_context(),
                                             source_address=(f"127.9.{number // 250}.{number % 250 + 1}", 0))
    with open("/root/header", encoding="ascii") as header:
        token = header.read().strip().partition(": ")[2]
    connection.request("GET", "/api/stats/metrics", headers={"Host": "mail.example.test", "Authorization": token})
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, f"scrape: {answer.status} {text[:200]}"
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {series: int(value) for series, _, value in lines if value.isdecimal()}  # no other counter is in the book


def read_state():
    with open(STATE, encoding="utf-8") as file:
        return json.load(file)


def write_state(state):
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump(state, file)


def begin(log):
    """From here on all is in the book. Nothing else may be written to the log meanwhile."""
    state: dict = {"senders": {}}
    lines = 'ceymail_mail_log_lines_total{daemon="postfix"}'
    before = scrape(state).get(lines, 0)
    subprocess.run(["logger", "-p", "mail.info", "-t", "postfix/qmgr", "the book is opened"], check=True)
    end = time.monotonic() + PATIENCE
    while scrape(state).get(lines, 0) <= before:
        assert time.monotonic() < end, "a line is not counted"
        time.sleep(0.3)
    state["log"], state["fail2ban"] = log.position(), os.path.getsize(FAIL2BAN_LOG)
    state["first"] = state["last"] = scrape(state)
    write_state(state)


def differences(state, now, book, log):
    """Lines that say what was counted otherwise than it was done."""
    since = lambda then, series: now.get(series, 0) - then.get(series, 0)
    found = {}
    for series in sorted({*now, *book.counters}):
        if IN_THE_BOOK.match(series) and not NOT_IN_THE_BOOK.match(series):
            found[series] = since(state["last"], series), book.counters[series]
    in_log = count_log(log, state)
    for series in sorted({*now, *in_log}):
        if IN_THE_LOG.match(series):
            found[series] = since(state["first"], series), in_log[series]
    senders = collections.Counter(state["senders"]) + book.senders
    found["ceymail_mail_authenticated_senders"] = now.get("ceymail_mail_authenticated_senders"), len(senders)
    busiest = max(senders.values(), default=0)
    found["ceymail_mail_busiest_sender_messages"] = now.get("ceymail_mail_busiest_sender_messages"), busiest
    found["ceymail_mail_log_unread_bytes"] = now.get("ceymail_mail_log_unread_bytes", 0), 0
    return [f"{series}: counted {got}, done {want}" for series, (got, want) in found.items() if got != want]


def close(book, log):
    """Compares. What is counted too late, or besides, is a difference of the next case."""
    state = read_state()
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if not (wrong := differences(state, now := scrape(state), book, log)) or time.monotonic() > end:
                break
        except (OSError, http.client.HTTPException, AssertionError):  # the service was restarted a moment ago
            if time.monotonic() > end:
                raise
        time.sleep(0.3)
    state["last"] = now
    state["senders"] = collections.Counter(state["senders"]) + book.senders
    write_state(state)
    return wrong
