# SPDX-License-Identifier: MIT
"""Measures the installed program in its unit; run by `machine`, in the network of the machine that it has booted.

usage: installed.py LEADER QUEUE PAIRS SECONDS     the token on standard input; prints JSON: name -> pairs of runs
"""

import http.client
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

import queue_directory
from run import processor_seconds, proportional_memory, timed
from stage import Failed, wait_until

RESPONDER = (8081, "/api/stats/metrics")
NODE_EXPORTER = (9100, "/metrics")
WITHOUT_SYSTEMD = (9101, "/metrics")
DEFERRED = 20_000  # MEASURED_QUEUE of run.py
EXPIRED = 5.1  # s, a little more than cache_ttl at its default
BETWEEN_SCRAPES = 15
CLIENTS = itertools.count()


class Machine:
    def __init__(self, leader, queue, token):
        self.leader, self.queue, self.token = leader, pathlib.Path(queue), token

    def scrape(self, server):
        """The seconds from the request to the last byte, on a connection that is there; and the text."""
        port, path = server
        client = next(CLIENTS)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60,
                                                source_address=(f"127.8.{client // 250}.{client % 250 + 1}", 0))
        connection.connect()
        text = b""

        def whole():
            nonlocal text
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"} if server == RESPONDER else {})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise Failed(f"{path} on port {port} answers {answer.status}")

        seconds = timed(whole)
        connection.close()
        return seconds, text.decode()

    def inside(self, *command):
        subprocess.run(["nsenter", "-t", self.leader, "-m", "-u", "-i", "-n", "-p", "--root", "--wdns=/", "--", *command],
                       check=True, stdout=subprocess.DEVNULL)

    def pids(self, unit):
        def is_its(pid):
            try:
                return (os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.leader}/ns/pid")
                        and pathlib.Path(f"/proc/{pid}/cgroup").read_text().rstrip().endswith(f"/{unit}"))
            except OSError:
                return False  # it ended meanwhile

        return [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit() and is_its(entry.name)]

    def restart(self):
        self.inside("systemctl", "restart", "ceymail-metrics.service")
        time.sleep(1)  # its processes come up

    def pairs(self, count, peer, before=lambda: time.sleep(EXPIRED)):
        """(ours, the peer's) seconds, who goes first by turns."""
        runs = []
        for pair in range(count):
            before()
            order = (peer, RESPONDER) if pair % 2 else (RESPONDER, peer)
            seconds = {server: self.scrape(server)[0] for server in order}
            runs.append((seconds[RESPONDER], seconds[peer]))
        return runs

    def wait_for_births(self):
        """Until it has asked for the age of every message, a part of them at each scrape."""
        def known():
            time.sleep(EXPIRED)
            return "\nceymail_queue_oldest" in self.scrape(RESPONDER)[1]

        wait_until("the age of the oldest message", known, 300)

    def usage(self, seconds):
        """Of our unit and node_exporter's: processor seconds of scrapes as Prometheus makes them, and memory then."""
        units = [self.pids(unit) for unit in ("ceymail-metrics.service", "prometheus-node-exporter.service")]
        before = [processor_seconds(pids) for pids in units]
        for _ in range(max(1, seconds // BETWEEN_SCRAPES)):
            time.sleep(BETWEEN_SCRAPES)
            self.scrape(RESPONDER)
            self.scrape(NODE_EXPORTER)
        used = [processor_seconds(pids) - earlier for pids, earlier in zip(units, before)]
        return {"processor": [used], "memory": [[proportional_memory(pids) for pids in units]]}


def main(leader, queue, pairs, seconds):
    machine = Machine(leader, queue, sys.stdin.readline().strip())
    pairs, seconds = int(pairs), int(seconds)
    wait_until("the responder answers", lambda: "ceymail_cpu" in machine.scrape(RESPONDER)[1])
    machine.scrape(NODE_EXPORTER), machine.scrape(WITHOUT_SYSTEMD)
    figures = {"fresh": machine.pairs(pairs, NODE_EXPORTER),
               "fresh, systemd left out": machine.pairs(pairs, WITHOUT_SYSTEMD)}
    queue_directory.fill(machine.queue, 0, DEFERRED)
    figures["first"] = machine.pairs(pairs, NODE_EXPORTER, machine.restart)
    machine.wait_for_births()
    figures["deferred"] = machine.pairs(pairs, NODE_EXPORTER)
    print(json.dumps(figures | machine.usage(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
