# SPDX-License-Identifier: MIT
"""make soak: a mail server under load for HOURS, with an oracle that judges every scrape.

usage: run.py INSTALLED INTERPOSER REPORT HOURS SEED      as root, in the namespaces that `run` makes
Writes REPORT/soak.md and REPORT/soak.csv. Exit code 1 if a scrape was wrong or a figure grew.
"""

import collections
import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/bench"))

from book import Book, Steps  # noqa: E402
from clients import Scraper, Strangers  # noqa: E402
from disturbances import Disturbances, schedule  # noqa: E402
from exposition import Exposition  # noqa: E402
from figures import Figures  # noqa: E402
from host import Host  # noqa: E402
from mail import Queue, Writer  # noqa: E402
from oracle import SETTLED, Oracle  # noqa: E402
from stage import Failed, wait_until  # noqa: E402

DIRECTORY = "/mnt/soak"  # below the tmpfs of this mount namespace
KILLS = {"gatherer": "gather", "log reader": "log", "workers": "worker"}
SHOWN = 40  # faults, in the report
FRESH = 5.2  # s, a little more than cache_ttl
PATIENCE = 300  # s beyond HOURS for start and end; then it is stuck


class Interrupted(Exception):
    """By a signal, whose name it has."""


class Soak:
    def __init__(self, installed, interposer, report, hours, seed):
        self.report, self.seconds, self.seed = pathlib.Path(report), float(hours) * 3600, int(seed)
        self.random = random.Random(self.seed)
        self.events = schedule(self.random, self.seconds)
        self.faults, self.history = [], []
        self.book = Book()
        self.oracle = Oracle(self.book)
        self.host = Host(installed, DIRECTORY, ROOT, interposer)
        self.began = time.monotonic()
        self.over = threading.Event()
        self.figures = Figures(self.host)

    def say(self, text):
        print(f"{time.monotonic() - self.began:8.1f} s  {text}", flush=True)

    def wrong(self, text):
        """A fault: with what was done last, so that it can be looked for."""
        fault = f"{time.monotonic() - self.began:.1f} s: {text} (last: {', '.join(self.history[-3:])})"
        self.faults.append(fault)
        self.say(f"WRONG {fault}")

    def set_up(self):
        host = self.host
        (host.directory / "mariadb").mkdir()
        host.database = host.directory / "mariadb/mysqld.sock"
        host.start_database()
        host.sql((ROOT / "deploy/miniature/sample.sql").read_text())
        self.book.gauges |= {"ceymail_domains_total": Steps(3), "ceymail_mailboxes_total": Steps(12),
                             "ceymail_aliases_total": Steps(7)}
        self.writer = Writer(host.log, self.book, self.seed)
        self.queue = Queue(host.queue, self.book, self.seed)
        host.write_configuration("schema")
        host.token_tool("schema", "init")
        self.book.token_made(host.make_token(), time.monotonic())
        host.start_nginx()
        host.start_responder()

    def run(self):
        self.set_up()
        interval = 6 if self.seconds >= 600 else 5.1
        self.clients = [Scraper("scraper", self.book, self.oracle, self.wrong, self.seed, interval),
                        Strangers("stranger", self.book, self.oracle, self.wrong, self.seed, 7 if self.seconds >= 600 else 2)]
        self.warm_up()
        for thread in (self.queue, *self.clients):
            thread.start()
        minutes = threading.Thread(target=self.look, daemon=True)
        minutes.start()
        self.disturb()
        self.over.set()
        minutes.join()
        self.end()

    def warm_up(self):
        """Until the first answer has all that the log and the database give."""
        # The first look at a log finds its end: what is there already is not counted.
        def is_followed():
            return "\nceymail_mail_log_lines_total" in (self.clients[0].ask("127.0.8.1", self.book.token) or "")

        if not is_followed():
            time.sleep(FRESH)
            if not is_followed():
                raise Failed("the mail log is not followed")
        self.writer.start()
        wait_until("all kinds of lines are written", lambda: all(steps.now() for steps in self.book.written.values()))
        for address in ("127.0.8.2", "127.0.8.3"):
            time.sleep(FRESH)
            self.oracle.expected = None
            self.clients[0].ask(address, self.book.token)
        if not self.oracle.expected:
            raise Failed("no answer is right before anything was disturbed")
        self.began = self.figures.began = time.monotonic()
        self.first_processes = self.host.by_role()
        self.say("all is as it should be: the disturbances begin")

    def look(self):
        every = min(60, self.seconds / 12)
        begin, before = self.began, self.first_processes
        while not self.over.wait(every):
            try:
                self.figures.take()
                now = self.host.by_role()
            except (OSError, ValueError) as error:
                self.say(f"no figures: {error}")
                continue
            for role, pids in before.items():
                kills = (self.book.kills["restart"], self.book.kills[KILLS.get(role, "restart")])
                if now.get(role) != pids and not any(spans.touches(begin, time.monotonic()) for spans in kills):
                    self.wrong(f"{role}: the processes {pids} became {now.get(role)}, and none was killed")
            begin, before = time.monotonic() - SETTLED, now

    def disturb(self):
        disturbances = Disturbances(self.host, self.book, self.writer, self.queue, self.random, self.figures.look_at_processor)
        disturbances.hurried = self.seconds < 600
        for at, kind in self.events:
            late = time.monotonic() - self.began
            if late > self.seconds - 10:
                break
            time.sleep(max(0.0, at - late))
            self.say(kind)
            self.history.append(f"{kind} at {time.monotonic() - self.began:.1f} s")
            getattr(disturbances, kind)()
        time.sleep(max(0.0, self.began + self.seconds - time.monotonic()))

    def end(self):
        """The load ends; what was written must be read by then, each line once."""
        for stopped in (self.writer.stopped, self.queue.stopped, *(client.stopped for client in self.clients)):
            stopped.set()
        for thread in (self.writer, self.queue, *self.clients):
            thread.join(30)
        for address in ("127.0.7.1", "127.0.7.2"):
            time.sleep(FRESH)
            text = self.clients[0].ask(address, self.book.token)
        for fault in self.oracle.judge_end(Exposition(text).samples) if text else ["no answer at the end"]:
            self.wrong(fault)

    def write_report(self):
        seconds = min(self.seconds, time.monotonic() - self.began)
        lines, wrong = self.figures.table(seconds)
        statuses = ", ".join(f"{count} times {status}" for status, count in sorted(self.oracle.by_status.items()))
        kinds = collections.Counter(entry.split(" at ")[0] for entry in self.history)
        text = [f"# Soak of {seconds / 3600:.3g} of {self.seconds / 3600:g} hours, SEED={self.seed}", "", *lines, "",
                f"{self.oracle.judged} answers judged ({statuses}), {len(self.faults)} wrong: "
                f"{'BROKEN' if self.faults else 'held'}", "",
                "Disturbances: " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())), ""]
        text += [f"- {fault}" for fault in self.faults[:SHOWN] + wrong]
        print("\n" + "\n".join(text), flush=True)
        (self.report / "soak.md").write_text("\n".join(text) + "\n")
        if self.faults:
            (self.report / "wrong.txt").write_text("\n----\n".join(self.oracle.wrong_texts))
            shutil.copy(self.host.directory / "responder.log", self.report / "responder.log")
        self.figures.write_csv(self.report / "soak.csv")
        return 1 if self.faults or wrong else 0


def interrupt(number, _):
    raise Interrupted(signal.Signals(number).name)


def main(*arguments):
    soak = Soak(*arguments)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, interrupt)
    signal.alarm(int(soak.seconds) + PATIENCE)
    print(f"soak: {soak.seconds:.0f} s, SEED={soak.seed}; disturbances:")
    for at, kind in soak.events:
        print(f"  {at:8.1f} s  {kind}")
    try:
        soak.run()
    except Interrupted as signal_name:
        soak.wrong(f"{signal_name} ended the soak before its time")
    except Exception as error:  # what is known by then is worth a report
        traceback.print_exc()
        soak.wrong(f"the soak cannot go on: {error}")
    return soak.write_report()


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # the first process of its namespace: the kernel ends all others
