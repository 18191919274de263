# SPDX-License-Identifier: MIT
"""make bench: this responder and its peers side by side, in one run.

usage: run.py PROGRAMS BUILD [MEASUREMENT...]     root, as Postfix needs it; QUICK=1 for a look in two minutes
Writes BUILD/bench.json, BUILD/bench.csv and BUILD/bench.md; named measurements replace theirs in what is there. Ends
with a line for each goal: held, MISSED or not measured. Exit code 1 where one is missed.
"""

import http.client
import itertools
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

import mail_log as mail_log_file
import queue_directory
from figures import Figures
from stage import ADDRESSES, QUERY, ROOT, Failed, Stage, free_port

QUICK = bool(os.environ.get("QUICK"))
PAIRS = 2 if QUICK else 7
SECONDS = 1 if QUICK else 3  # of one run under load
MINUTE = 5 if QUICK else 60
MILLION = 20_000 if QUICK else 1_000_000
SIZES = (0, 1_000, 10_000) if QUICK else (0, 1_000, 10_000, 100_000, 1_000_000)
REAL_MESSAGES = 20_000 if QUICK else 100_000  # at most: showq opens every one
MEASURED_QUEUE = 20_000
LOG_SETS = mail_log_file.SETS // 20 if QUICK else mail_log_file.SETS  # of 60 lines
LOG_GROWTH = (0, 60, 600, 6_000, 60_000, *(() if QUICK else (600_000,)))  # lines
LOG_BLOCKS = 10 if QUICK else 100  # of 20 MB, in one log
BOMB_SETS = 834  # of 60 lines, in a second
BOMB_SECONDS = 20 if QUICK else 60
MEASUREMENTS = {}
# What is promised, each of the figure that bears its name: of the ratio, where that has a peer.
GOALS = {
    "429": (">= 0.95", "refusing, beside a constant libfcgi responder"),
    "401": (">= 0.95", "no token, beside a constant libfcgi responder"),
    "200": (">= 0.9", "cached, token checked, beside libfcgi with one prepared query"),
    "first scrape": ("<= 0.025", "of everything with 20,000 deferred messages, beside postfix_exporter's"),
    "million cold": ("<= 0.65", "reading a million files, beside getdents on one thread"),
    "million unchanged": ("<= 1e-3", "seconds"),
    "million moved": ("<= 0.15", "100 files moved within one of 16 directories, beside cold"),
    "memory": ("<= 8e6", "bytes of all processes after 10,000 requests"),
    "memory growth": ("<= 1.05", "after 1,000,000 requests, beside 10,000"),
    "minute": (f"<= {0.015 * MINUTE:g}", f"s of processor in {MINUTE} s of a scrape a second with a million of all"),
    "idle": ("<= 0", "wake-ups without a scrape"),
    "decision": ("<= 250e-9", "seconds for one of the limiter"),
    "mail bomb": ("<= 1.5", "a scrape during 50,000 lines a second of mail log, beside one of a responder whose log is quiet"),
    "mail bomb, processor": (f"<= {0.015 * BOMB_SECONDS + 0.5:g}", f"s of processor in {BOMB_SECONDS} s of it"),
    "mail bomb, worked off": (f"<= {2 * BOMB_SECONDS}", "s after its end until all is read, each line once"),
    "log reader": ("<= 1.5e6", "bytes (PSS) of the log reader"),
    "log reader growth": ("<= 1.05", f"the same after {LOG_BLOCKS * 20} MB of log, beside 20 MB"),
    "mail log": (">= 250", "MB of mail log a second of processor"),
    "mail log, pflogsumm": (">= 15", "the same, beside pflogsumm"),
    "mail log, exporter": (">= 25", "the same, beside postfix_exporter"),
    "mail log, grep": (">= 0.125", "the same, beside grep -c 'status='"),
    "installed": ("<= 0.5", "a fresh gathering of the installed program in its unit, beside node_exporter's scrape there"),
    "decisions": (">= 4e6", "a second of the limiter over 4 processes"),
}


def measurement(function):
    MEASUREMENTS[function.__name__] = function
    return function


def timed(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def run_program(*command):
    return timed(lambda: subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL))


CLIENTS = itertools.cycle(range(2000))


def scrape(port, path="/metrics", token=None):
    """The seconds from the request to the last byte, on a connection that is there."""
    client = next(CLIENTS)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    headers = {"X-Bench-Address": f"10.2.{client // 250}.{client % 250}"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def whole():
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise Failed(f"{path} on port {port} answers {answer.status}")

    seconds = timed(whole)
    connection.close()
    return seconds


def own_scrape(stage: Stage, name):
    return scrape(stage.ports[name], "/api/stats/metrics", stage.token)


def first_scrape(stage: Stage, name, **settings):
    """Of a responder that is up and remembers nothing; it stays."""
    if name in stage.processes:
        stage.stop(name)
    stage.start_responder(name, rate_window=1, **settings)
    time.sleep(0.3)  # its processes come up
    return own_scrape(stage, name)


def processor_seconds(pids):
    """To the nanosecond, threads that have ended included: clock_getcpuclockid(3), whose number a pid tells."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


def times_running(pids):
    """How often a thread of them was put on a processor."""
    switches = 0
    for pid in pids:
        for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
            switches += sum(int(line.split()[1]) for line in status.read_text().splitlines() if "ctxt_switches" in line)
    return switches


def proportional_memory(pids):
    kilobytes = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes * 1024


# --- set the stage ---------------------------------------------------------------------------------------------------

RESPONDERS = ("refusing", "serving", "cold", "steady")
CONSTANTS = ("constant_429", "constant_401", "constant_200", "constant_query")


def set_stage(stage: Stage):
    stage.start_postfix()
    stage.start_mariadb()
    stage.sql("SET GLOBAL innodb_buffer_pool_size = 256 * 1024 * 1024")
    stage.start_responder("refusing")
    # 12 a second and not a minute, so that one machine can pass for enough clients; the work is the same.
    stage.start_responder("serving", rate_window=1)
    for name in RESPONDERS + CONSTANTS:
        stage.port(name)
    stage.start_nginx(RESPONDERS + CONSTANTS, b"x" * 3200)
    served = stage.answer_of("serving", 200, token=stage.token)
    for _ in range(12):
        stage.ask("refusing", "10.0.0.1")  # the one that the load passes for
    stage.start_constant("constant_429", stage.answer_of("refusing", 429, address="10.0.0.1"))
    stage.start_constant("constant_401", stage.answer_of("serving", 401))
    stage.start_constant("constant_200", served)
    stage.start_constant("constant_query", served, stage.database, stage.directory / "database.cnf", QUERY)


def start_exporters(stage: Stage):
    stage.ports |= {"node": free_port(), "postfix": free_port()}
    log = stage.directory / "mail.log"
    log.touch()

    def answers(name):
        def ask():
            try:
                return scrape(stage.ports[name]) > 0
            except (OSError, http.client.HTTPException):
                return False
        return ask

    stage.start("node_exporter", "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{stage.ports['node']}",
                ready=answers("node"))
    stage.start("postfix_exporter", "prometheus-postfix-exporter",
                f"--web.listen-address=127.0.0.1:{stage.ports['postfix']}", f"--postfix.logfile_path={log}",
                f"--postfix.showq_path={stage.queue}/public/showq", ready=answers("postfix"))


# --- measurements ----------------------------------------------------------------------------------------------------

def compare_load(stage: Stage, figures: Figures, name, ours, peer, peer_name, status, goal=None, **load):
    """Pairs of runs; all answers of ours must be what they are to be, but for one in 500."""
    runs = []
    for pair in range(PAIRS):
        before = stage.answers(ours)
        order = (peer, ours) if pair % 2 else (ours, peer)
        rates = {server: stage.load(server, SECONDS, **load)["per_second"] for server in order}
        after = stage.answers(ours)
        counts = {code: after[code] - before[code] for code in after}
        if counts[status] < 0.998 * sum(counts.values()):
            raise Failed(f"{name}: the answers were {counts}")
        runs.append((rates[ours], rates[peer]))
    figures.pair(name, peer_name, "/s", runs, goal)


@measurement
def requests(stage: Stage, figures: Figures):
    compare_load(stage, figures, "refusing (429)", "refusing", "constant_429", "constant libfcgi", "429", "429")
    compare_load(stage, figures, "no token (401)", "serving", "constant_401", "constant libfcgi", "401", "401",
                 addresses=ADDRESSES)
    compare_load(stage, figures, "cached 200, token checked in MariaDB", "serving", "constant_query",
                 "constant libfcgi with one prepared query", "200", "200", addresses=ADDRESSES, token=stage.token)
    compare_load(stage, figures, "cached 200, token checked in MariaDB", "serving", "constant_200",
                 "constant libfcgi without any", "200", addresses=ADDRESSES, token=stage.token)
    for name, what in (("static", "nginx alone: static file"), ("limit_req", "nginx alone: limit_req refusing")):
        figures.single(what, "/s", [stage.load(name, SECONDS)["per_second"] for _ in range(PAIRS)])


@measurement
def causal_read(stage: Stage, figures: Figures):
    """Of the token, on a node of a Galera cluster of three on this machine, beside a plain read there."""
    lines = [subprocess.run([stage.programs / "tests-fleet", "--run_test=cost"], check=True, cwd=ROOT, text=True,
                            env=os.environ | {"CEYMAIL_BUILD": str(stage.programs)}, capture_output=True).stdout
             for _ in range(2 if QUICK else 3)]
    runs = [[float(word) * 1e-6 for word in re.findall(r"([0-9.]+) us", line)] for line in lines]
    figures.pair("causal read on Galera, median", "plain read", "s", [(run[0], run[2]) for run in runs])
    figures.pair("causal read on Galera, 99th percentile", "plain read", "s", [(run[1], run[3]) for run in runs])


@measurement
def memory(stage: Stage, figures: Figures):
    def serve(wanted):
        while sum(stage.answers("serving").values()) < wanted:
            stage.load("serving", 2, addresses=ADDRESSES, token=stage.token)
            stage.load("serving", 2, addresses=1)  # nearly all refused

    for name in set(RESPONDERS) & set(stage.processes):
        stage.stop(name)  # a second one would share its pages with the one that is measured
    stage.start_responder("serving", rate_window=1)
    asked = sum(stage.answers("serving").values())
    serve(asked + 10_000)
    after_some = proportional_memory(stage.pids("serving"))
    figures.single("memory (PSS) of all processes after 10,000 requests", "B", [after_some], "memory")
    serve(asked + (100_000 if QUICK else 1_000_000))
    after_many = proportional_memory(stage.pids("serving"))
    figures.pair("memory after 1,000,000 requests", "after 10,000", "B", [(after_many, after_some)],
                 "memory growth")
    for _ in range(20):
        scrape(stage.ports["node"])
        scrape(stage.ports["postfix"])
    exporters = sum(proportional_memory(stage.pids(name)) for name in ("node_exporter", "postfix_exporter"))
    figures.pair("memory after 1,000,000 requests", "node_exporter and postfix_exporter", "B", [(after_many, exporters)])
    stage.start_responder("refusing")


def resize_queue(stage: Stage, size):
    """Deferred messages, real ones as far as they are needed; behind them names alone."""
    there = stage.deferred
    real = min(max(size, there), REAL_MESSAGES)
    queue_directory.fill(stage.queue, there, min(size, real), queue_directory.real_message(stage.queue))
    queue_directory.fill(stage.queue, max(there, real), size)
    queue_directory.empty(stage.queue, size, there)
    stage.deferred = size


def postqueue(stage: Stage):
    return run_program("postqueue", "-c", stage.directory / "postfix" / "etc", "-j")


def find(stage: Stage):
    return run_program("find", stage.queue, "-type", "f")


@measurement
def first_scrapes(stage: Stage, figures: Figures):
    """With nothing remembered, of everything, beside what the peers need each time."""
    resize_queue(stage, MEASURED_QUEUE)
    name, peer = f"first scrape ever, {MEASURED_QUEUE:,} deferred", "postfix_exporter"
    figures.pair(name, peer, "s", [(first_scrape(stage, "cold"), scrape(stage.ports["postfix"])) for _ in range(PAIRS)],
                 "first scrape")
    figures.pair(name, "postqueue -j", "s", [(first_scrape(stage, "cold"), postqueue(stage)) for _ in range(PAIRS)])
    figures.pair(name, "find", "s", [(first_scrape(stage, "cold"), find(stage)) for _ in range(PAIRS)])
    figures.pair(name, "node_exporter", "s",
                 [(first_scrape(stage, "cold"), scrape(stage.ports["node"])) for _ in range(PAIRS)])
    figures.pair(f"next scrape, {MEASURED_QUEUE:,} deferred", peer, "s",
                 [(own_scrape(stage, "cold"), scrape(stage.ports["postfix"])) for _ in range(PAIRS)])


@measurement
def queue(stage: Stage, figures: Figures):
    """Grows the private Postfix's queue, and looks at each size what a scrape costs."""
    curve = "deferred messages"
    for size in SIZES:
        resize_queue(stage, size)
        pairs = PAIRS if size < 100_000 else 3
        cold = statistics.median(first_scrape(stage, "cold") for _ in range(pairs))
        figures.point(curve, size, "first scrape ever", cold)
        first_scrape(stage, "steady", cache_ttl=0)
        figures.point(curve, size, "scrape", statistics.median(own_scrape(stage, "steady") for _ in range(11)))
        figures.point(curve, size, "find", statistics.median(find(stage) for _ in range(pairs)))
        if size <= REAL_MESSAGES:
            figures.point(curve, size, "postfix_exporter",
                          statistics.median(scrape(stage.ports["postfix"]) for _ in range(pairs)))
            figures.point(curve, size, "postqueue -j", statistics.median(postqueue(stage) for _ in range(pairs)))


@measurement
def million_files(stage: Stage, figures: Figures):
    resize_queue(stage, MILLION)
    runs = json.loads(subprocess.run([stage.programs / "bench" / "queue_reader", stage.queue, str(PAIRS)],
                                     check=True, capture_output=True).stdout)
    files = f"{runs['files']:,} files"
    cold = runs["cold"]
    figures.pair(f"{files}, cold", "getdents on one thread", "s", list(zip(cold, runs["getdents_1"])), "million cold")
    figures.pair(f"{files}, cold", "getdents on two threads", "s", list(zip(cold, runs["getdents_2"])))
    figures.single(f"{files}, unchanged", "s", runs["unchanged"], "million unchanged")
    figures.pair(f"{files}, 100 moved in one directory of 16", "cold", "s", list(zip(runs["moved"], cold)),
                 "million moved")


def grow_accounts(stage: Stage, size):
    there = int(stage.sql("SELECT COUNT(*) FROM ceymail.virtual_users"))
    if size > there:
        stage.sql("INSERT INTO ceymail.virtual_users (domain_id, email, password) SELECT 1, "
                  f"CONCAT('user', seq, '@example.com'), '!' FROM ceymail.seq_{there + 1}_to_{size}")


@measurement
def accounts(stage: Stage, figures: Figures):
    def count():
        return float(stage.sql("SET @begin = SYSDATE(6); SELECT COUNT(*) FROM ceymail.virtual_users; "
                               "SELECT TIMESTAMPDIFF(MICROSECOND, @begin, SYSDATE(6));").split()[1]) / 1e6

    for size in SIZES:
        grow_accounts(stage, size)
        count()
        cold = statistics.median(first_scrape(stage, "cold", queue_directory=empty_queue(stage)) for _ in range(3))
        figures.point("mailboxes", size, "first scrape ever", cold)
        first_scrape(stage, "steady", queue_directory=empty_queue(stage), cache_ttl=0)
        figures.point("mailboxes", size, "scrape", statistics.median(own_scrape(stage, "steady") for _ in range(11)))
        figures.point("mailboxes", size, "SELECT COUNT(*)", statistics.median(count() for _ in range(5)))


def empty_queue(stage: Stage):
    queue = stage.directory / "empty"
    return queue if queue.exists() else queue_directory.make(queue)


@measurement
def a_minute(stage: Stage, figures: Figures):
    """A scrape a second with a million of all, and 100 messages moved each second; then none."""
    resize_queue(stage, MILLION)
    grow_accounts(stage, MILLION)
    first_scrape(stage, "steady")
    own_scrape(stage, "steady")
    over = threading.Event()

    def change():
        second = 0
        while not over.wait(1):
            queue_directory.move(stage.queue, queue_directory.DIGITS[second % 16], 100)
            second += 1

    changing = threading.Thread(target=change)
    changing.start()
    pids, database = stage.pids("steady"), stage.pids("mariadb")
    before, before_database = processor_seconds(pids), processor_seconds(database)
    slowest = 0
    for second in range(MINUTE):
        begin = time.monotonic()
        slowest = max(slowest, own_scrape(stage, "steady"))
        time.sleep(max(0, 1 - (time.monotonic() - begin)))
    used, used_database = processor_seconds(pids) - before, processor_seconds(database) - before_database
    over.set()
    changing.join()
    figures.single(f"processor time in {MINUTE} s of a scrape a second, {MILLION:,} messages and mailboxes", "s",
                   [used], "minute")
    figures.single("the same and MariaDB's", "s", [used + used_database])
    figures.single("slowest scrape meanwhile", "s", [slowest])
    time.sleep(1)
    before = times_running(pids)
    time.sleep(MINUTE)
    figures.single(f"wake-ups in {MINUTE} s without a scrape", "", [times_running(pids) - before], "idle")


@measurement
def limiter(stage: Stage, figures: Figures):
    file = stage.directory / "micro.json"
    subprocess.run([stage.programs / "bench" / "micro", f"--benchmark_out={file}", "--benchmark_repetitions=5",
                    f"--benchmark_min_time={0.01 if QUICK else 0.05}"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    runs: dict[str, list[float]] = {}
    for run in json.loads(file.read_text())["benchmarks"]:
        if run["run_type"] == "iteration":
            # None of them waits: processor time is what they take, also where the machine has other things to do.
            runs.setdefault(run["run_name"], []).append(run["cpu_time"] / 1e9)
    for name, values in runs.items():
        if not name.startswith("limiter/"):
            figures.single(f"micro: {name.replace('_', ' ')}", "s", values)
            continue
        addresses = int(name.split("/")[1])
        figures.point("addresses in the limiter", addresses, "one decision", statistics.median(values))
        if addresses in (1, 4096, 8192):
            figures.single(f"one decision of the limiter, {addresses} addresses", "s", values,
                           "decision" if addresses == 1 else None)
    rates = [json.loads(subprocess.run([stage.programs / "bench" / "limiter_processes", "0.3" if QUICK else "1"],
                                       check=True, capture_output=True).stdout) for _ in range(PAIRS)]
    for processes in rates[0]:
        figures.single(f"decisions of the limiter, {processes} processes", "/s", [rate[processes] for rate in rates],
                       "decisions" if processes == "4" else None)


def processor_time_of(output, *command):
    """Seconds of a program from its start to its end; what it prints goes to the file `output`."""
    with open(output, "wb") as file:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file,
                                   env=os.environ | {"LC_ALL": "C"})
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{command[0]} ends with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def exporter_time(stage: Stage, log, sets=LOG_SETS):
    """Of postfix_exporter, which only follows a file: from the moment when the lines come to the last of them."""
    name, followed = "log_exporter", stage.directory / "followed.log"
    followed.write_bytes(b"")
    stage.ports[name] = free_port()
    address = f"127.0.0.1:{stage.ports[name]}"

    def removed():
        """The messages that it has seen leave the queue."""
        connection = http.client.HTTPConnection(address, timeout=60)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except OSError:
            return -1
        finally:
            connection.close()
        values = [line.split()[1] for line in text.splitlines() if line.startswith("postfix_qmgr_messages_removed_total ")]
        return int(float(values[0])) if values else 0

    stage.start(name, "prometheus-postfix-exporter", f"--web.listen-address={address}",
                f"--postfix.logfile_path={followed}", "--postfix.showq_path=/nonexistent", ready=lambda: removed() >= 0)
    time.sleep(1)  # it has opened the file
    before = processor_seconds(stage.pids(name))
    with open(followed, "ab") as end, open(log, "rb") as lines:
        while block := lines.read(1 << 20):
            end.write(block)
    messages = mail_log_file.RECIPIENTS_SENT * sets
    deadline = time.monotonic() + 600
    while removed() < messages:
        if time.monotonic() > deadline:
            raise Failed(f"postfix_exporter has seen {removed()} of {messages} messages after 600 s")
        time.sleep(1)
    seconds = processor_seconds(stage.pids(name)) - before
    stage.stop(name)
    return seconds


@measurement
def mail_log(stage: Stage, figures: Figures):
    """Processor time for a log in the page cache, ours and a peer's one right after the other."""
    log, output = stage.directory / "big.log", stage.directory / "output"
    megabytes = mail_log_file.write(log, LOG_SETS) / 1e6
    parser = stage.programs / "bench" / "mail_log_parser"
    want = {"received": mail_log_file.MESSAGES_RECEIVED * LOG_SETS, "submitted": mail_log_file.MESSAGES_SUBMITTED * LOG_SETS,
            "sent": mail_log_file.RECIPIENTS_SENT * LOG_SETS, "unparsed": 0}

    def ours():
        seconds = processor_time_of(output, parser, log)
        if (got := json.loads(output.read_text())) != want:
            raise Failed(f"the parser counted {got} instead of {want}")
        return megabytes / seconds

    def against(peer, goal, theirs, pairs):
        figures.pair(f"mail log of {megabytes:.0f} MB", peer, "MB/s", [(ours(), megabytes / theirs()) for _ in range(pairs)],
                     goal)

    figures.single(f"mail log of {megabytes:.0f} MB", "MB/s", [ours() for _ in range(PAIRS)], "mail log")
    against("grep -c 'status='", "mail log, grep", lambda: processor_time_of(output, "grep", "-c", "status=", log), PAIRS)
    against("pflogsumm", "mail log, pflogsumm", lambda: processor_time_of(output, "pflogsumm", log), min(PAIRS, 3))
    against("postfix_exporter", "mail log, exporter", lambda: exporter_time(stage, log), min(PAIRS, 3))
    log.unlink()


def metrics_of(stage: Stage, name):
    """The seconds of a scrape, and its samples."""
    client = next(CLIENTS)
    begin = time.perf_counter()
    status, _, body = stage.ask(name, f"10.3.{client // 250}.{client % 250}", stage.token)
    seconds = time.perf_counter() - begin
    if status != 200:
        raise Failed(f"{name} answers {status}: {body!r}")
    lines = (line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
    return seconds, {series: float(value) for series, value in lines}


def follow_log(stage: Stage, name, **settings):
    """Starts a responder with a mail log of its own, which is empty, and counters at 0. Returns the log."""
    if name in stage.processes:
        stage.stop(name)
    (stage.directory / name / "mail-log").unlink(missing_ok=True)
    log = stage.directory / f"{name}.log.followed"
    log.write_bytes(b"")
    first_scrape(stage, name, queue_directory=empty_queue(stage), mail_log=log, fail2ban_log="", **settings)
    return log


UNREAD = "ceymail_mail_log_unread_bytes"


def is_read(samples, sets):
    """Whether all lines of so many sets are counted. Raises Failed where one is counted twice or given up."""
    source = "ceymail_mail_received_total{{source=\"{}\"}}"
    pairs = [(samples.get(source.format("smtp"), 0), mail_log_file.MESSAGES_RECEIVED * sets),
             (samples.get(source.format("submission"), 0), mail_log_file.MESSAGES_SUBMITTED * sets)]
    unparsed = sum(value for series, value in samples.items() if series.startswith("ceymail_mail_log_unparsed_lines_total"))
    if unparsed or samples.get("ceymail_mail_log_skipped_bytes_total") or any(got > want for got, want in pairs):
        raise Failed(f"the log has {pairs} messages, counted and written; {unparsed:.0f} lines not understood")
    return samples.get(UNREAD) == 0 and all(got == want for got, want in pairs)


@measurement
def log_growth(stage: Stage, figures: Figures):
    """The processor time of a scrape by the lines that came since the last one, beside that of peers for the lines."""
    curve, lines, output = "new lines of mail log (processor time)", stage.directory / "lines.log", stage.directory / "output"
    log, sets = follow_log(stage, "steady", work_budget_percent=0, cache_ttl=0), 0

    def ours(block):
        nonlocal sets
        with open(log, "ab") as end:
            end.write(block)
        sets += size // 60
        before = processor_seconds(stage.pids("steady"))
        for _ in range(1000):
            if is_read(samples := metrics_of(stage, "steady")[1], sets):
                return processor_seconds(stage.pids("steady")) - before
        raise Failed(f"{samples.get(UNREAD)} bytes of the log are left after 1000 scrapes")

    for size in LOG_GROWTH:
        lines.write_bytes(b"")
        if size:
            mail_log_file.write(lines, size // 60)
        block = lines.read_bytes()
        figures.point(curve, size, "scrape", statistics.median(ours(block) for _ in range(PAIRS)))
        pairs = min(PAIRS, 3)
        figures.point(curve, size, "postfix_exporter",
                      statistics.median(exporter_time(stage, lines, size // 60) for _ in range(pairs)))
        if size:
            figures.point(curve, size, "pflogsumm",
                          statistics.median(processor_time_of(output, "pflogsumm", lines) for _ in range(pairs)))
    log.unlink()


@measurement
def mail_bomb(stage: Stage, figures: Figures):
    """50,000 lines a second for a minute, in the log of a responder with its usual work budget; beside it a second
    responder, whose log is quiet."""
    log, _ = follow_log(stage, "steady"), follow_log(stage, "cold")
    mail_log_file.write(stage.directory / "second.log", BOMB_SETS)
    lines = (stage.directory / "second.log").read_bytes().splitlines(keepends=True)
    tenths = [b"".join(lines[len(lines) * part // 10:len(lines) * (part + 1) // 10]) for part in range(10)]

    def scrape_each_second():
        """The flooded one and the quiet one right after each other."""
        runs = []
        for second in range(BOMB_SECONDS):
            begin = time.monotonic()
            order = ("steady", "cold") if second % 2 else ("cold", "steady")
            runs.append({name: metrics_of(stage, name) for name in order})
            time.sleep(max(0, 1 - (time.monotonic() - begin)))
        return runs

    def write():
        begin = time.monotonic()
        with open(log, "ab", buffering=0) as end:
            for number in range(10 * BOMB_SECONDS):
                time.sleep(max(0, begin + number / 10 - time.monotonic()))
                end.write(tenths[number % 10])

    writing = threading.Thread(target=write)
    before = processor_seconds(stage.pids("steady"))
    writing.start()
    runs = scrape_each_second()
    used = processor_seconds(stage.pids("steady")) - before
    writing.join()
    over = time.monotonic()
    while not is_read(samples := metrics_of(stage, "steady")[1], BOMB_SETS * BOMB_SECONDS):
        if time.monotonic() > over + 900:
            raise Failed(f"{samples.get(UNREAD)} bytes of the log are not worked off after 900 s")
        time.sleep(1)
    worked_off = time.monotonic() - over
    what = f"{len(lines) * BOMB_SECONDS:,} lines of mail log in {BOMB_SECONDS} s"
    figures.pair(f"scrape during {what}", "one with a quiet log", "s",
                 [(run["steady"][0], run["cold"][0]) for run in runs], "mail bomb")
    figures.pair(f"slowest scrape during {what}", "one with a quiet log", "s",
                 [(max(run["steady"][0] for run in runs), max(run["cold"][0] for run in runs))])
    figures.single(f"processor time during {what}", "s", [used], "mail bomb, processor")
    figures.single(f"most that was unread during {what}", "B", [max(run["steady"][1].get(UNREAD, 0) for run in runs)])
    figures.single(f"until all of {what} is read, each line once", "s", [worked_off],
                   "mail bomb, worked off")
    log.unlink()


@measurement
def log_reader(stage: Stage, figures: Figures):
    """Its memory, alone on the machine: another responder would share its pages."""
    for name in set(RESPONDERS) & set(stage.processes):
        stage.stop(name)
    log = follow_log(stage, "steady", work_budget_percent=0, cache_ttl=0)
    sets = mail_log_file.SETS // 10
    mail_log_file.write(stage.directory / "block.log", sets)
    block = (stage.directory / "block.log").read_bytes()
    reader = [pid for pid in stage.pids("steady")
              if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "ceymail-reader"]

    def memory_after(first, last):
        for blocks in range(first, last):
            with open(log, "ab") as end:
                end.write(block)
            while not is_read(metrics_of(stage, "steady")[1], (blocks + 1) * sets):
                pass
        return proportional_memory(reader)

    after_some = memory_after(0, 1)
    after_many = memory_after(1, LOG_BLOCKS)
    megabytes = f"{LOG_BLOCKS * len(block) / 1e6:,.0f} MB"
    figures.single(f"memory (PSS) of the log reader, log of {megabytes}", "B", [after_many], "log reader")
    figures.pair(f"memory of the log reader after {megabytes} of log", f"after {len(block) / 1e6:.0f} MB", "B",
                 [(after_many, after_some)], "log reader growth")
    log.unlink()
    stage.start_responder("refusing")


@measurement
def installed(stage: Stage, figures: Figures):
    """As the package installs it, in its unit on a machine that is booted for this, with Debian's node_exporter."""
    done = subprocess.run([ROOT / "tests" / "bench" / "machine", stage.directory.parent, str(PAIRS), str(MINUTE)],
                          cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failed("the machine cannot be measured; it says above why")
    runs = json.loads(done.stdout)
    peer, deferred = "node_exporter", f"{MEASURED_QUEUE:,} deferred"
    figures.pair("installed: fresh gathering", peer, "s", runs["fresh"], "installed")
    figures.pair("installed: fresh gathering", f"{peer} --no-collector.systemd", "s", runs["fresh, systemd left out"])
    figures.pair(f"installed: fresh gathering, {deferred}", peer, "s", runs["deferred"])
    figures.pair(f"installed: first scrape after a restart, {deferred}", peer, "s", runs["first"])
    figures.pair("installed: memory (PSS) of the unit", peer, "B", runs["memory"])
    figures.pair(f"installed: processor time in {max(MINUTE, 15)} s of a scrape every 15 s", peer, "s", runs["processor"])


# ---------------------------------------------------------------------------------------------------------------------

def main(programs, build, *wanted):
    if unknown := set(wanted) - set(MEASUREMENTS):
        raise Failed(f"there is no {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    figures = Figures(QUICK, GOALS)
    figures.keep_others(build, wanted or MEASUREMENTS)
    with Stage(programs, pathlib.Path(build) / "bench") as stage:
        set_stage(stage)
        start_exporters(stage)
        for name in wanted or MEASUREMENTS:
            print(f"--- {name}", flush=True)
            figures.measurement = name
            MEASUREMENTS[name](stage, figures)
            figures.write(build)
    print(f"{len(figures.rows)} figures in {build}/bench.json")
    outcomes = figures.outcomes()
    for name, outcome in outcomes.items():
        print(f"{outcome:<12}  {name}: {' '.join(GOALS[name])}")
    failing = {"MISSED"} if wanted else {"MISSED", "not measured"}
    return 1 if failing & set(outcomes.values()) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: told to stop"))  # and the stage stops what it started
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
    try:
        sys.exit(main(*sys.argv[1:]))
    except Failed as failure:
        sys.exit(f"bench: {failure}")
