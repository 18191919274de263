# SPDX-License-Identifier: MIT
"""What was done, and when, by the clock of the soak (time.monotonic). Everything that disturbs writes here; the oracle reads."""

import bisect
import threading
import time

LONG_AGO = 600  # s: what is older matters for no judgement


class Steps:
    """A value over time, of which a reader may have seen any state within a span, or a part of a change in it."""

    def __init__(self, value=0):
        self.lock, self.times, self.values = threading.Lock(), [0.0], [value]

    def change(self, difference):
        with self.lock:
            self.times.append(time.monotonic())
            self.values.append(self.values[-1] + difference)
            if len(self.times) > 200_000:
                del self.times[:100_000], self.values[:100_000]

    def now(self):
        return self.values[-1]

    def at(self, moment):
        with self.lock:
            return self.values[max(0, bisect.bisect_right(self.times, moment) - 1)]

    def bounds(self, begin, end):
        """The least and the most that counting one by one between the two could find."""
        with self.lock:
            first = max(0, bisect.bisect_right(self.times, begin) - 1)
            last = max(first, bisect.bisect_right(self.times, end) - 1)
            least = most = self.values[first]
            for before, after in zip(self.values[first:last], self.values[first + 1:last + 1]):
                least, most = least - max(0, before - after), most + max(0, after - before)
            return least, most


class Spans:
    """Times in which something was so: (begin, end), the last one perhaps open."""

    def __init__(self):
        self.spans = []

    def begin(self):
        self.spans.append([time.monotonic(), float("inf")])

    def end(self):
        self.spans[-1][1] = time.monotonic()

    def moment(self):
        self.begin()
        self.end()

    def touches(self, begin, end, after=0.0):
        """Whether a part of [begin, end] lies in one, each being longer by `after`."""
        return any(first <= end and last + after >= begin for first, last in self.spans[-50:])

    def covers(self, begin, end):
        return any(first <= begin and last >= end for first, last in self.spans[-50:])


class Requests:
    """All requests of all clients: what the counters of answers and the limiter must have seen."""

    WINDOW, LIMIT = 60.0, 12
    DOUBT = 0.05  # s: this process and the responder read the clock at their own times

    def __init__(self):
        self.lock = threading.Lock()
        self.answered, self.unanswered, self.under_way = {}, 0, 0
        self.admitted = {}  # address -> [(begin, end, certain)]

    def begin(self):
        with self.lock:
            self.under_way += 1
            return time.monotonic(), dict(self.answered)

    def limiter_allows(self, address, begin, end):
        """(may be admitted, may be refused)"""
        with self.lock:
            log = self.admitted.get(address, [])
            sure = sum(certain and end - first < self.WINDOW - self.DOUBT for first, _, certain in log)
            possible = sum(begin - last < self.WINDOW + self.DOUBT for _, last, _ in log)
        return sure < self.LIMIT, possible >= self.LIMIT

    def end(self, address, begin, status, ours):
        with self.lock:
            now = time.monotonic()
            self.under_way -= 1
            if ours:
                self.answered[status] = self.answered.get(status, 0) + 1
            else:
                self.unanswered += 1
            if status != 429:
                log = self.admitted.setdefault(address, [])
                log.append((begin, now, ours))
                while log and now - log[0][1] > 2 * self.WINDOW:
                    log.pop(0)

    def most(self, status):
        with self.lock:
            return self.answered.get(status, 0) + self.unanswered + self.under_way


class Book:
    def __init__(self):
        self.begun, self.written = {}, {}  # sample of the mail log -> Steps: before and after the writing
        self.gauges = {}  # series -> Steps
        self.database_away = Spans()  # certainly
        self.database_ended = Spans()  # its process
        self.database_doubtful = Spans()  # on its way down or up
        self.kills = {role: Spans() for role in ("gather", "log", "worker", "restart")}
        self.pressure = Spans()
        self.requests = Requests()
        self.token, self.token_lock = "", threading.Lock()
        self.verified = {}  # token -> when MariaDB was last seen to have verified it
        self.last_good = 0.0  # begin of the last scrape that was answered 200
        self.valid = {}  # token -> [valid at the latest from, valid at least until, revoked at the latest at]

    def token_made(self, token, begun):
        with self.token_lock:
            self.revoked(begun)
            self.valid[token] = [time.monotonic(), float("inf"), float("inf")]
            self.token = token

    def revoked(self, begun):
        if self.token and self.valid[self.token][1] == float("inf"):
            self.valid[self.token][1:] = [begun, time.monotonic()]

    def token_state(self, token, begin, end):
        """valid, invalid, or None where it changed meanwhile."""
        if token not in self.valid:
            return "invalid"
        made, until, gone = self.valid[token]
        if begin >= made and end <= until:
            return "valid"
        return "invalid" if begin >= gone else None
