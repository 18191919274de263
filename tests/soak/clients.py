# SPDX-License-Identifier: MIT
"""Who asks: a Prometheus with the right token, and strangers. Every answer is judged."""

import http.client
import itertools
import random
import threading
import time

from host import PORT

PATH = "/api/stats/metrics"
TIMEOUT = 5  # s, as Prometheus says it


class Client(threading.Thread):
    def __init__(self, name, book, oracle, report, seed, interval):
        super().__init__(daemon=True, name=name)
        self.book, self.oracle, self.report, self.interval = book, oracle, report, interval
        self.random, self.stopped = random.Random(seed), threading.Event()

    def ask(self, address, token):
        """Returns the samples of a good answer."""
        begin, counts = self.book.requests.begin()
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(TIMEOUT)} | ({"Authorization": f"Bearer {token}"} if token else {})
        status, answer, text = 0, http.client.HTTPMessage(), ""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20, source_address=(address, 0))
        try:
            connection.request("GET", PATH, headers=headers)
            response = connection.getresponse()
            status, answer, text = response.status, response.headers, response.read().decode()
        except (OSError, http.client.HTTPException) as wrong:
            text = f"{type(wrong).__name__}: {wrong}"
        finally:
            connection.close()
        end = time.monotonic()
        faults = self.oracle.judge(address, token, begin, end, counts, status, answer, text)
        self.book.requests.end(address, begin, status, answer.get("X-CeyMail-Metrics") == "1")
        if status == 200 and faults:
            self.oracle.keep_wrong(text)
        for fault in faults:
            self.report(f"{self.name} at {address}: {fault}")
        return text if status == 200 else None

    def turn(self):
        raise NotImplementedError

    def run(self):
        due = time.monotonic()
        while not self.stopped.is_set():
            self.turn()
            due = max(due + self.interval, time.monotonic())
            self.stopped.wait(due - time.monotonic())


class Scraper(Client):
    def turn(self):
        self.ask("127.0.0.1", self.book.token)


class Strangers(Client):
    """By turns: no token, a wrong one, one that was revoked; now and then one address asks without pause."""

    turns = itertools.count()

    def turn(self):
        turn = next(self.turns)
        revoked = [token for token in self.book.valid if token != self.book.token]
        tokens = (None, "ceymail_metrics_" + "x" * 43, revoked[-1] if revoked else "y" * 40)
        self.ask(f"127.0.{1 + turn % 5}.2", tokens[turn % 3])
        if turn % 12 == 11:
            for _ in range(self.random.randrange(10, 25)):
                self.ask("127.0.9.9", tokens[1])
