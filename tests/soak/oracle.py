# SPDX-License-Identifier: MIT
"""Judges every answer by what was done: book.py has that. A verdict is a list of faults, empty where all is right."""

import pathlib

from exposition import Exposition, Malformed

GRACE = 295  # s after its last verification a token is accepted without MariaDB; auth_grace is 300
LIMIT = 5.5  # s until the answer; the program promises 5
SETTLED = 8.0  # s after which MariaDB or a role is used again as before
READ = 3.0  # s of a log that may be unread beyond the age of the snapshot
READ_AFTER_KILL = 20.0
DATABASE = ("ceymail_domains_total", "ceymail_mailboxes_total", "ceymail_aliases_total")
ALWAYS = ("ceymail_database_up", "ceymail_auth_stale", "ceymail_snapshot_age_seconds")
# Series that come and go by themselves. The ages of messages need their times of birth, of which a part is read at a time.
PASSING = ("ceymail_queue_oldest", "ceymail_queue_deferred_older", "ceymail_service_start_time", "ceymail_token_created",
           "ceymail_rate_limit")


class Oracle:
    def __init__(self, book):
        self.book = book
        self.expected = None  # series that were in the first answer that was all right
        self.before = {}  # counters of the scrape before
        self.wrong_texts = []
        self.judged, self.by_status = 0, {}

    def keep_wrong(self, text):
        """The last answers that were wrong, for the one who looks for the cause."""
        self.wrong_texts = [*self.wrong_texts[-9:], text]

    # --- statuses ---

    def statuses(self, address, token, begin, end):
        """Those that the contract allows for a request from `begin` to `end`."""
        admitted, refused = self.book.requests.limiter_allows(address, begin, end)
        allowed = {429} if refused else set()
        if admitted:
            away = self.book.database_away.touches(begin, end, SETTLED)
            doubtful = away or self.book.database_doubtful.touches(begin, end, SETTLED)
            certain = self.book.database_away.covers(begin - 2, end)
            state = self.book.token_state(token, begin, end)
            if token is None:
                allowed |= {401}
            elif state == "valid":
                allowed |= {200}
                if doubtful and not 0 < end - self.book.verified.get(token, 0) < GRACE:
                    allowed |= {503}
            else:
                allowed |= ({503} if certain else {401, 503} if doubtful else {401}) | ({200} if state is None else set())
        if self.book.kills["worker"].touches(begin, end):
            allowed |= {502}
        return allowed

    def judge(self, address, token, begin, end, counts_before, status, headers, text):
        self.judged += 1
        self.by_status[status] = self.by_status.get(status, 0) + 1
        faults = []
        allowed = self.statuses(address, token, begin, end)
        if status not in allowed:
            faults.append(f"status {status}, allowed is {sorted(allowed)}: {text[:120]!r}")
        if end - begin > LIMIT:
            faults.append(f"answered after {end - begin:.1f} s")
        if status != 502 and headers.get("X-CeyMail-Metrics") != "1":
            faults.append("no X-CeyMail-Metrics")
        if status in (429, 503) and not headers.get("Retry-After", "").isdigit():
            faults.append(f"{status} without Retry-After")
        if status == 200:
            faults += self.judge_text(begin, end, counts_before, text)
            self.book.last_good = begin
            if "\nceymail_database_up 1\n" in text:
                self.book.verified[token] = end
        return faults

    # --- contents ---

    def judge_text(self, begin, end, counts_before, text):
        try:
            exposition = Exposition(text)
        except Malformed as wrong:
            return [f"malformed: {wrong}"]
        samples = exposition.samples
        quiet = self.is_quiet(begin, end)
        faults = self.missing(samples, begin, end, quiet)
        faults += self.fallen(exposition)
        faults += self.wrong_answers(samples, counts_before)
        faults += self.wrong_database(samples, begin, end)
        faults += self.wrong_mail(samples, begin, end)
        faults += self.wrong_gauges(samples, begin, end, quiet)
        if quiet and not faults and self.expected is None:
            self.expected = set(samples)
        return faults

    def is_quiet(self, begin, end):
        return not any(spans.touches(begin, end, SETTLED) for spans in (self.book.kills["gather"], self.book.kills["restart"],
                                                                        self.book.kills["log"], self.book.pressure))

    def database_is_quiet(self, begin, end):
        return not (self.book.database_away.touches(begin, end, SETTLED)
                    or self.book.database_doubtful.touches(begin, end, SETTLED))

    def missing(self, samples, begin, end, quiet):
        faults = [f"{name} is missing" for name in ALWAYS if name not in samples]
        if self.expected is None or not quiet:
            return faults
        database = self.database_is_quiet(begin, end)
        for series in sorted(self.expected - set(samples)):
            of_database = series.startswith(DATABASE) or 'collector="accounts"' in series
            if not series.startswith(PASSING) and (database or not of_database) and series not in ALWAYS:
                faults.append(f"{series} is missing")
        for series in sorted(set(samples) - self.expected):
            if not series.startswith(PASSING) and not series.startswith("ceymail_requests_total"):
                faults.append(f"{series} was not there before")
        return faults

    def fallen(self, exposition):
        counters = exposition.counters()
        faults = [f"{series} fell from {self.before[series]} to {value}" for series, value in counters.items()
                  if value < self.before.get(series, 0)]
        self.before |= counters
        return faults

    def wrong_answers(self, samples, counts_before):
        faults = []
        for series, value in samples.items():
            if series.startswith("ceymail_requests_total{"):
                status = int(series.split('"')[1])
                least, most = counts_before.get(status, 0), self.book.requests.most(status)
                if not least <= value <= most:
                    faults.append(f"{series} is {value}, {least} to {most} were answered")
        return faults

    def wrong_database(self, samples, begin, end):
        up, stale = samples.get("ceymail_database_up"), samples.get("ceymail_auth_stale")
        if self.database_is_quiet(begin, end):
            wanted = (1, 0)
        elif self.book.database_away.covers(begin - 2, end):
            wanted = (0, 1)
        else:
            return [] if (up, stale) in ((1, 0), (0, 1)) else [f"database_up is {up} and auth_stale {stale}"]
        faults = [] if (up, stale) == wanted else [f"database_up and auth_stale are {up}, {stale}, not {wanted}"]
        if self.book.database_away.covers(begin - SETTLED, end):
            faults += [f"{name} is there without MariaDB" for name in DATABASE if name in samples]
        return faults

    def wrong_mail(self, samples, begin, end):
        age = self.age(samples, "mail_log")
        killed = any(self.book.kills[role].touches(begin - READ_AFTER_KILL, end, SETTLED) for role in ("gather", "log", "restart"))
        lag = age + (READ_AFTER_KILL + SETTLED if killed else READ)
        faults = []
        for series, value in samples.items():
            if series in self.book.begun:
                least, most = self.book.written[series].at(begin - lag), self.book.begun[series].at(end)
                if not least <= value <= most:
                    faults.append(f"{series} is {value:.0f}, {least} to {most} were written")
            elif series.startswith("ceymail_mail_") and series.partition("{")[0].endswith("_total") and value != 0:
                if "_stage_seconds_" not in series:
                    faults.append(f"{series} is {value:.0f}, none was written")
        return faults

    def wrong_gauges(self, samples, begin, end, quiet):
        faults = []
        for series, steps in self.book.gauges.items():
            collector = "accounts" if series in DATABASE else "queue"
            least, most = steps.bounds(begin - self.age(samples, collector) - 1, end)
            if series in samples and not least <= samples[series] <= most:
                faults.append(f"{series} is {samples[series]:.0f}, {least} to {most} were there")
        for series, value in samples.items():
            if series.startswith("ceymail_collector_success{") and value != 1 and quiet:
                if 'collector="accounts"' not in series or self.database_is_quiet(begin, end):
                    faults.append(f"{series} is {value:.0f}")
        faults += self.wrong_services(samples, begin, end, quiet)
        total = memory_total()
        if "ceymail_memory_total_bytes" in samples and samples["ceymail_memory_total_bytes"] != total:
            faults.append(f"ceymail_memory_total_bytes is not {total}")
        return faults

    def wrong_services(self, samples, begin, end, quiet):
        wanted = {'ceymail_service_up{name="nginx"}': 1, 'ceymail_service_up{name="postfix"}': 0} if quiet else {}
        if quiet and self.database_is_quiet(begin, end):
            wanted['ceymail_service_up{name="mariadb"}'] = 1
        elif self.book.database_ended.covers(begin - SETTLED, end):
            wanted['ceymail_service_up{name="mariadb"}'] = 0
        return [f"{series} is {samples[series]:.0f}" for series, value in wanted.items()
                if samples.get(series, value) != value]

    @staticmethod
    def age(samples, collector):
        return (samples.get("ceymail_snapshot_age_seconds", 0)
                + samples.get(f'ceymail_collector_age_seconds{{collector="{collector}"}}', 0))

    def judge_end(self, samples):
        """When nothing has been written for a while, nothing may be unread."""
        return [f"{series} is {samples.get(series)} at the end, {steps.now()} were written"
                for series, steps in self.book.written.items() if samples.get(series) != steps.now()]


def memory_total():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0
