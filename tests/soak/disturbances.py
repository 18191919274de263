# SPDX-License-Identifier: MIT
"""What disturbs the host, one at a time. Each writes into the book what it does, and leaves the host as it was."""

import os
import signal
import subprocess
import sys
import time
from typing import IO, cast

from host import Host
from stage import wait_until

NEIGHBOUR = 512 * 1024 * 1024  # bytes
HOUR = 3600
LOCKED = ", ".join(f"{table} WRITE" for table in ("ceymail_dashboard.metrics_tokens", "ceymail.virtual_domains",
                                                   "ceymail.virtual_users", "ceymail.virtual_aliases"))


class Disturbances:
    def __init__(self, host: Host, book, writer, queue, random, before_kill):
        self.host, self.book, self.writer, self.queue, self.random = host, book, writer, queue, random
        self.before_kill = before_kill  # keeps the figures of a process that is about to end
        self.rotated = 0.0
        self.hurried = False  # a soak of a minute

    def some_seconds(self, least, most):
        time.sleep(self.random.uniform(least, most) / (4 if self.hurried else 1))

    # --- the log and the queue ---

    def rotation_by_rename(self):
        self.rotation(self.writer.rotate_by_rename)

    def rotation_by_copytruncate(self):
        self.rotation(self.writer.rotate_by_copytruncate)

    def rotation(self, rotate):
        """Between two there is a scrape, as between two nights."""
        wait_until("there is a scrape since the last rotation", lambda: self.book.last_good > self.rotated)
        rotate()
        self.rotated = time.monotonic()

    def queue_burst(self):
        for change in (self.queue.add, self.queue.remove):
            for _ in range(400):
                change("deferred")
            self.some_seconds(5, 15)

    # --- the program ---

    def reload(self):
        self.host.processes["responder"].send_signal(signal.SIGHUP)

    def restart(self):
        self.before_kill()
        self.book.kills["restart"].begin()
        self.host.end_of("responder")
        self.host.start_responder()
        self.book.kills["restart"].end()

    def kill(self, role, name):
        self.before_kill()
        pids = self.host.by_role().get(role)
        if not pids:
            return
        self.book.kills[name].begin()
        pid = self.random.choice(pids)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        self.book.kills[name].end()

    def kill_gatherer(self):
        self.kill("gatherer", "gather")

    def kill_log_reader(self):
        self.kill("log reader", "log")

    def kill_worker(self):
        self.kill("workers", "worker")

    # --- MariaDB ---

    def database_stopped(self):
        self.database_ended(signal.SIGTERM)

    def database_killed(self):
        self.database_ended(signal.SIGKILL)

    def database_ended(self, how):
        def end():
            self.host.end_of("mariadb", how)
            self.book.database_ended.begin()

        def start():
            self.book.database_ended.end()
            self.host.start_database()

        self.database_gone(end, start)

    def database_frozen(self):
        process = self.host.processes["mariadb"]
        self.database_gone(lambda: process.send_signal(signal.SIGSTOP), lambda: process.send_signal(signal.SIGCONT))

    def database_locked(self):
        client = subprocess.Popen(["mariadb", "--no-defaults", "--unbuffered", "--batch", "--skip-column-names",
                                   f"--socket={self.host.database}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        questions, answers = cast(IO[str], client.stdin), cast(IO[str], client.stdout)

        def lock():
            print(f"LOCK TABLES {LOCKED}; SELECT 'locked';", file=questions, flush=True)
            answers.readline()

        def unlock():
            questions.close()
            client.wait(30)

        self.database_gone(lock, unlock)

    def database_gone(self, take_away, bring_back):
        self.book.database_doubtful.begin()
        take_away()
        self.book.database_away.begin()
        self.some_seconds(10, 40)
        self.book.database_away.end()
        bring_back()
        self.book.database_doubtful.end()

    def aliases(self):
        """Mail accounts come and go, too."""
        steps = self.book.gauges["ceymail_aliases_total"]
        count = self.random.randrange(1, 20)
        steps.change(count)
        self.host.sql("INSERT INTO ceymail.virtual_aliases (domain_id, source, destination) VALUES "
                      + ", ".join("(3, 'soak', 'soak')" for _ in range(count)))
        self.some_seconds(10, 20)
        self.host.sql("DELETE FROM ceymail.virtual_aliases WHERE source = 'soak'")
        steps.change(-count)

    # --- the token ---

    def token_regenerated(self):
        begun = time.monotonic()
        self.book.token_made(self.host.make_token(), begun)

    def token_revoked(self):
        begun = time.monotonic()
        self.host.token_tool("schema", "revoke")
        with self.book.token_lock:
            self.book.revoked(begun)
        self.some_seconds(10, 20)
        self.token_regenerated()

    # --- the machine ---

    def memory_pressure(self):
        """A neighbour that uses half a gigabyte, and the kernel takes the program's pages away."""
        self.book.pressure.begin()
        code = f"import time; block = bytearray({NEIGHBOUR}); block[::4096] = b'x' * len(block[::4096]); time.sleep(60)"
        neighbour = subprocess.Popen([sys.executable, "-c", code])
        for _ in range(3):
            self.some_seconds(2, 5)
            self.host.page_out()
        neighbour.kill()
        neighbour.wait()
        self.book.pressure.end()

    def clock_forward(self):
        self.stepped_clock(self.random.uniform(1, 26) * HOUR)

    def clock_back(self):
        self.stepped_clock(-self.random.uniform(1, 26) * HOUR)

    def stepped_clock(self, seconds):
        self.host.step_clock(seconds)
        self.some_seconds(10, 20)
        self.host.step_clock(0)


KINDS = ("rotation_by_rename", "kill_worker", "database_stopped", "queue_burst", "kill_gatherer", "clock_forward",
         "rotation_by_copytruncate", "token_regenerated", "kill_log_reader", "database_killed", "reload", "aliases",
         "memory_pressure", "database_frozen", "clock_back", "token_revoked", "database_locked", "restart")


# They end processes of the program. After a third of a soak they are left out: a leak shows only in a process that lives.
ENDING = ("kill_worker", "kill_gatherer", "kill_log_reader", "restart")


def schedule(random, seconds):
    """[(second, kind)]: each kind once in a round, every round in another order."""
    hurried = seconds < 600
    gaps = (1, 3) if hurried else (15, 55)
    events, at = [], 5 if hurried else 30
    while at < seconds - 10:
        kinds = [kind for kind in KINDS if hurried or at < seconds / 3 or kind not in ENDING]
        for kind in random.sample(kinds, len(kinds)):
            events.append((at, kind))
            at += random.uniform(*gaps)
    return [event for event in events if event[0] < seconds - 10]
