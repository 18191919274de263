# SPDX-License-Identifier: MIT
"""make bench-fleet: what one Prometheus and its fleet dashboard cost for many hosts.

usage: fleet.py PROGRAMS BUILD   HOSTS=500 REPLAYS=5000 MINUTES=2 BESIDE=REVISION ONLY="hosts replays rules dashboard"
HOSTS real responders of one worker each stand behind one nginx, with one MariaDB for all; fewer where memory ends.
REPLAYS targets are files of nginx: a scrape of such a responder whose values change each 15 s. What promtool writes is
asked, too: the rules, whose ranges are not full after MINUTES, over hours of FEW hosts, and the dashboard's queries over
6 hours of HOSTS hosts. BESIDE is a revision of git whose rules and dashboard are measured in the same run. Prints a line
for each figure, with its goal. Exit code 1 where a goal is missed.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import mail_log
from stage import ROOT, Failed, Stage, free_port, listens, wait_until

HOSTS = int(os.environ.get("HOSTS") or 500)
REPLAYS = int(os.environ.get("REPLAYS") or 5000)
MINUTES = float(os.environ.get("MINUTES") or 2)
BESIDE = os.environ.get("BESIDE", "")
ONLY = (os.environ.get("ONLY") or "hosts replays rules dashboard").split()
INTERVAL = 15
HOURS = 6
STEP = 30
FEW = 100  # hosts whose history is written as densely as they are scraped
VARIANTS = 100  # different replays
KEPT_FREE = 3 << 30  # bytes of memory that stay available
SERVICES = ("postfix", "dovecot", "mariadb", "nginx", "opendkim", "spamassassin", "fail2ban", "rsyslog", "php-fpm")
PARTS = ("deploy/prometheus", "deploy/grafana/dashboards/ceymail-fleet.json")
missed = 0


def show(what, value, goal="", met=None):
    global missed
    missed += met is False
    verdict = "" if met is None else ("met" if met else "MISSED")
    print(f"| {what} | {value} | {goal} | {verdict} |", flush=True)


def kilobytes(file, name):
    """Bytes that a file of /proc gives for a name."""
    return sum(int(number) << 10 for number in re.findall(rf"^{name}:\s+(\d+) kB", pathlib.Path(file).read_text(), re.M))


def proportional_set(pids):
    total = 0
    for pid in pids:
        try:
            total += kilobytes(f"/proc/{pid}/smaps_rollup", "Pss")
        except OSError:
            pass  # it ended meanwhile
    return total


def host_name(number):
    return f"mail{number:04}.example.org"


# --- targets ---------------------------------------------------------------------------------------------------------


def start_responders(stage):
    """As many of HOSTS as memory permits, or one where they are not measured; the addresses of their targets."""
    stage.start_mariadb()
    stage.sql("SET GLOBAL max_connections = 5000")
    for name in ("active", "bounce", "corrupt", "deferred", "hold", "incoming", "maildrop"):
        (stage.queue / name).mkdir(parents=True)
    log = stage.directory / "mail.log"
    log.touch()
    names: list[str] = []
    begin = time.monotonic()
    hosts = HOSTS if "hosts" in ONLY else 1  # for a scrape
    while len(names) < hosts and kilobytes("/proc/meminfo", "MemAvailable") > KEPT_FREE:
        name = f"h{len(names)}"
        stage.start_responder(name, workers=1, mail_log=log)
        names.append(name)
    took = time.monotonic() - begin
    port = free_port()
    shipped = (ROOT / "nginx" / "ceymail-metrics.conf").read_text()
    directory = stage.directory / "nginx-hosts"
    directory.mkdir()
    servers, targets = "", []
    for number, name in enumerate(names):
        address = f"127.1.{number // 250}.{number % 250 + 1}:{port}"
        (directory / f"{name}.conf").write_text(
            shipped.replace("fastcgi_pass ceymail_metrics;", f"fastcgi_pass unix:{stage.directory}/{name}/socket;"))
        servers += f"server {{ listen {address}; include {directory}/{name}.conf; }}\n"
        targets.append({"targets": [address], "labels": {"instance": host_name(number)}})
    start_nginx(stage, "nginx-hosts", servers, lambda: listens(("127.1.0.1", port)))
    # A log that a responder finds is not read from its beginning, so each finds it empty first.
    for target in targets:
        scrape(stage, target)
    mail_log.write(log, 50)
    pss = sum(proportional_set(stage.pids(name)) for name in names)
    show("real responders, one worker each", f"{len(names)} of {hosts}, started in {took:.0f} s, "
         f"{pss / len(names) / 1e6:.1f} MB each (PSS)")
    return targets


def start_nginx(stage, name, servers, ready):
    directory = stage.directory / name
    directory.mkdir(exist_ok=True)
    temporary = "".join(f"{kind}_temp_path {directory}/{kind};"
                        for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    (directory / "nginx.conf").write_text(f"""
        daemon off; user root; pid {directory}/nginx.pid; error_log stderr error; worker_processes 1;
        events {{ worker_connections 4096; }}
        http {{ access_log off; default_type text/plain; {temporary}
        {servers} }}""")
    stage.start(name, "nginx", "-e", "stderr", "-p", directory, "-c", directory / "nginx.conf", ready=ready)


def scrape(stage, target):
    request = urllib.request.Request(f"http://{target['targets'][0]}/api/stats/metrics",
                                     headers={"Authorization": f"Bearer {stage.token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


class Sample:
    """A line of a scrape, and what becomes of its value on a host in good health. Of 100 hosts one is ill."""

    HEALTHY = {"_up": 1, "_success": 1, "_attached": 1, "_stale": 0, "_age_seconds": 1, "queue_maildrop": 0}
    # Counters of what goes wrong.
    FAULTS = re.compile("refused|unparsed|skipped|milter|bounced|failure|dnsbl|=\"(401|403|429|503)")

    def __init__(self, name, labels, value, kind):
        self.name, self.labels, self.start = name, labels, float(value)
        self.rises = kind == "counter" or name.endswith("_jiffies")
        self.stays = name.endswith(("_info", "_total_bytes", "created_timestamp_seconds", "start_time_seconds"))
        self.is_age = name.endswith("_timestamp_seconds") and not self.stays
        self.healthy = next((value for end, value in self.HEALTHY.items() if name.endswith(end)), None)
        self.is_fault = bool(self.FAULTS.search(name + labels))

    def at(self, tick, salt):
        """Counters rise by what the host's number gives, readings move about a value of the host's own."""
        ill = salt % VARIANTS == VARIANTS - 1
        if self.stays:
            return self.start
        if self.is_age:
            return int(time.time()) - (300_000 if ill else 600)
        if self.healthy is not None:
            return 0 if ill and self.name.endswith(("_up", "_attached")) else self.healthy
        if self.name.endswith("queue_hold"):
            return salt % 50 if salt % 20 == 0 else 0
        if self.rises:
            if self.is_fault and not ill:
                return self.start
            return self.start + tick * (5 if "idle" in self.name else 10 if "_jiffies" in self.name else salt % 3)
        base = self.start or salt % 40
        return round(base * (0.6 + 0.3 * (salt * 7919 % 100) / 100 + 0.1 * ((tick * 31 + salt * 17) % 10) / 10), 6)


def samples_of(text):
    """A scrape's samples. Services that this machine lacks, and the site's attachment, are added: a host has them."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    samples = [Sample(name, labels or "", value, kinds.get(name)) for name, labels, value
               in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.M)]
    there = {(sample.name, sample.labels) for sample in samples}
    for service in SERVICES:
        for name, value in (("ceymail_service_up", 1), ("ceymail_service_start_time_seconds", 1.79e9)):
            if (name, f'name="{service}"') not in there:
                samples.append(Sample(name, f'name="{service}"', value, "gauge"))
    for name in ("ceymail_attached", "ceymail_queue_oldest_deferred_timestamp_seconds"):
        if (name, "") not in there:
            samples.append(Sample(name, "", 1 if name.endswith("attached") else 1.79e9, "gauge"))
    return samples


class Replays:
    """Files that change each interval, of which nginx serves one to each of many targets."""

    def __init__(self, stage, samples):
        self.samples, self.directory = samples, stage.directory / "nginx-replays"
        self.directory.mkdir()
        self.tick = 0
        self.write()
        port = free_port()
        start_nginx(stage, "nginx-replays",
                    f"server {{ listen 127.0.0.1:{port} backlog=4096; keepalive_requests 1000000;\n"
                    f"location ~ ^/\\d*(\\d\\d)/metrics$ {{ alias {self.directory}/$1; }} }}",
                    lambda: listens(("127.0.0.1", port)))
        self.targets = [{"targets": [f"127.0.0.1:{port}"],
                         "labels": {"instance": host_name(number), "__metrics_path__": f"/{number:04}/metrics"}}
                        for number in range(REPLAYS)]
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def write(self):
        for salt in range(VARIANTS):
            lines = (f"{sample.name}{'{' + sample.labels + '}' if sample.labels else ''} {sample.at(self.tick, salt)}\n"
                     for sample in self.samples)
            new = self.directory / "new"
            new.write_text("".join(lines))
            new.rename(self.directory / f"{salt:02}")

    def run(self):
        while not self.ending.wait(INTERVAL):
            self.tick += 1
            self.write()


# --- Prometheus ------------------------------------------------------------------------------------------------------


class Shipped:
    """Rules and dashboard of the working tree, or of a revision."""

    def __init__(self, stage, revision=None):
        self.name = revision or "now"
        self.directory = stage.directory / f"shipped-{self.name}"
        self.directory.mkdir()
        if revision:
            archive = subprocess.run(["git", "-C", ROOT, "archive", revision, *PARTS], check=True, capture_output=True)
            subprocess.run(["tar", "-x", "-C", self.directory], input=archive.stdout, check=True)
        else:
            for part in PARTS:
                target = self.directory / part
                target.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-r", ROOT / part, target], check=True)
        self.rules = sorted((self.directory / PARTS[0]).glob("*.rules.yml"))
        self.dashboard = self.directory / PARTS[1]


class Prometheus:
    """One that is Stage's; `targets` None: it scrapes nothing and evaluates nothing."""

    def __init__(self, stage, shipped, targets, data):
        self.stage, self.name = stage, f"prometheus-{data.name}"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = f"global: {{scrape_interval: {INTERVAL}s, evaluation_interval: {INTERVAL}s}}\n"
        if targets is not None:
            (stage.directory / "targets.json").write_text(json.dumps(targets))
            configuration += f"rule_files: {json.dumps([str(file) for file in shipped.rules])}\n"
            configuration += ("scrape_configs:\n- job_name: ceymail\n  metrics_path: /api/stats/metrics\n"
                              f"  authorization: {{credentials_file: {stage.directory}/token}}\n"
                              f"  file_sd_configs: [{{files: [{stage.directory}/targets.json]}}]\n")
        file = stage.directory / "prometheus.yml"
        file.write_text(configuration)
        stage.start(self.name, "prometheus", f"--config.file={file}", f"--storage.tsdb.path={data}",
                    f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=10y",
                    "--storage.tsdb.allow-overlapping-blocks", "--log.level=warn", ready=self.is_ready)
        self.pid = stage.processes[self.name].pid

    def is_ready(self):
        try:
            return self.get("/-/ready") is not None
        except OSError:
            return False

    def get(self, path, **words):
        query = urllib.parse.urlencode(words, doseq=True)
        with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=300) as answer:
            return answer.read()

    def value(self, expression):
        result = json.loads(self.get("/api/v1/query", query=expression))["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def own(self):
        return re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", self.get("/metrics").decode(), re.M)

    def own_value(self, wanted):
        return next(float(value) for name, _, value in self.own() if name == wanted)

    def processor(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        return kilobytes(f"/proc/{self.pid}/status", "VmRSS")

    def stop(self):
        self.stage.stop(self.name)


def watch(stage, shipped, targets, what, goal):
    """Scrapes for MINUTES after all are there."""
    prometheus = Prometheus(stage, shipped, targets, stage.directory / f"data-{what}-{shipped.name}")
    what = f"{len(targets)} {what}, {shipped.name}"
    deadline = time.monotonic() + 300
    while prometheus.value('count(up{job="ceymail"})') < len(targets):
        if time.monotonic() > deadline:
            raise Failed("Prometheus has not scraped every target after 300 s")
        time.sleep(5)
    time.sleep(2 * INTERVAL)
    before, begin, began_at = prometheus.processor(), time.monotonic(), time.time()
    durations: dict[str, list[float]] = {}
    seconds = int(MINUTES * 60)
    while time.monotonic() - begin < seconds:
        time.sleep(5)
        own = prometheus.own()
        recent = {labels for name, labels, value in own
                  if name == "prometheus_rule_group_last_evaluation_timestamp_seconds" and float(value) >= began_at}
        for name, labels, value in own:
            if name == "prometheus_rule_group_last_duration_seconds" and labels in recent:
                durations.setdefault(labels.split(";")[-1].rstrip('"'), []).append(float(value))
    cost = (prometheus.processor() - before) / (time.monotonic() - begin)
    scrapes = json.loads(prometheus.get("/api/v1/query", query=f'up{{job="ceymail"}}[{seconds}s]'))["data"]["result"]
    expected = sum(len(series["values"]) for series in scrapes)
    gone = sum(value == "0" for series in scrapes for _, value in series["values"])
    for series in scrapes:
        moments = [moment for moment, _ in series["values"]]
        gone += sum(round((after - moment) / INTERVAL) - 1 for moment, after in zip(moments, moments[1:]))
    own = prometheus.own()
    late = [float(value) for name, labels, value in own
            if name == "prometheus_target_interval_length_seconds" and 'quantile="0.99"' in labels]
    skipped = sum(float(value) for name, _, value in own if name == "prometheus_rule_group_iterations_missed_total")
    slowest = max(durations, key=lambda group: statistics.median(durations[group]))
    judge = shipped.name == "now"
    show(f"{what}: missed scrapes", f"{gone} of {expected} (interval, p99: {max(late):.2f} s)",
         "0", gone == 0 if judge else None)
    median = statistics.median(durations[slowest])
    longest = max(durations, key=lambda group: max(durations[group]))
    show(f"{what}: slowest rule group", f"{median:.2f} s ({slowest}; longest of all {max(durations[longest]):.2f} s, "
         f"{longest}; {skipped:.0f} evaluations missed)", f"<= {goal} s", median <= goal if judge else None)
    show(f"{what}: processor", f"{100 * cost:.1f} % of a core")
    show(f"{what}: memory", f"{prometheus.memory() / 1e6:.0f} MB")
    show(f"{what}: series a host", f"{prometheus.own_value('prometheus_tsdb_head_series') / len(targets):.0f}")
    if os.environ.get("VERBOSE"):
        for group, values in sorted(durations.items(), key=lambda item: -statistics.median(item[1])):
            print(f"    {group}: {statistics.median(values):.3f} s", file=sys.stderr)
        groups = json.loads(prometheus.get("/api/v1/rules"))["data"]["groups"]
        rules = sorted(((rule["evaluationTime"], rule["name"]) for group in groups for rule in group["rules"]), reverse=True)
        for seconds, name in rules[:15]:
            print(f"        {seconds:.3f} s {name}", file=sys.stderr)
    prometheus.stop()


# --- history ---------------------------------------------------------------------------------------------------------


def write_history(stage, samples, shipped, end, hosts, step):
    """Six hours of hosts, a sample each `step` seconds, in the data of a Prometheus; recorded series by promtool, too."""
    texts = "".join(file.read_text() for file in [*shipped.rules, shipped.dashboard])
    texts += (ROOT / "deploy/grafana/dashboards/ceymail-fleet.json").read_text()
    wanted = set(re.findall(r"\bceymail_\w+", texts)) | {"ceymail_build_info"}
    data = stage.directory / f"data-history-{shipped.name}-{hosts}"
    data.mkdir(exist_ok=True)
    text = stage.directory / "history"
    times = range(end - HOURS * 3600, end + 1, step)
    rnd = random.Random(1)
    with open(text, "w") as file:
        for host in range(hosts):
            where = f'job="ceymail",instance="{host_name(host)}"'
            dark = len(times) - rnd.randrange(10, 200) if host % 100 == 99 else len(times)
            for sample in (sample for sample in samples if sample.name in wanted):
                head = f"{sample.name}{{{where}{',' if sample.labels else ''}{sample.labels}}} "
                file.writelines(f"{head}{sample.at(tick * step // INTERVAL, host % VARIANTS)} {moment}\n"
                                for tick, moment in enumerate(times[:dark]))
            file.writelines(f"scrape_duration_seconds{{{where}}} {0.004 + rnd.random() / 100:.6f} {moment}\n"
                            for moment in times)
            file.writelines(f"up{{{where}}} {int(tick < dark)} {moment}\n" for tick, moment in enumerate(times))
            if host % 20 == 0:
                head = f'ALERTS{{{where},alertname="CeymailDeferredHigh",alertstate="firing",severity="warning"}} 1 '
                file.writelines(f"{head}{moment}\n" for moment in times[rnd.randrange(100):])
        file.write("# EOF\n")
    promtool = ["promtool", "tsdb", "create-blocks-from"]
    run_quietly(*promtool, "openmetrics", text, data)
    text.unlink()
    # A rule sees what an earlier pass recorded, so those that need it come in a later one.
    order = sorted(shipped.rules, key=lambda file: ("fleet" in file.name, file.name))
    for files in (order[:-1], order[-1:]) if "fleet" in order[-1].name else (order,):
        files = [file for file in files if "record:" in file.read_text()]
        prometheus = Prometheus(stage, shipped, None, data)
        run_quietly(*promtool, "rules", f"--start={end - HOURS * 3600}", f"--end={end}", f"--eval-interval={step}s",
                    f"--url={prometheus.url}", f"--output-dir={data}", *files)
        prometheus.stop()
    return data


def run_quietly(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{command[:4]}: {done.stdout[-500:]}{done.stderr[-2000:]}")


# --- rules -----------------------------------------------------------------------------------------------------------


def groups_of(stage, shipped, data):
    """Prometheus's own list of them."""
    prometheus = Prometheus(stage, shipped, [], data)
    groups = json.loads(prometheus.get("/api/v1/rules"))["data"]["groups"]
    prometheus.stop()
    return groups


def processor_of(prometheus, query, end):
    """Seconds of one evaluation, without the writing of its result."""
    def ask():
        prometheus.get("/api/v1/query", query=f"count({query})", time=end)

    ask()
    rounds, before, begin = 0, prometheus.processor(), time.monotonic()
    while rounds < 10 or time.monotonic() - begin < 0.5:
        ask()
        rounds += 1
    return (prometheus.processor() - before) / rounds


def measure_rules(stage, samples, shipped):
    """What the rules take when their ranges are full. Seconds of processor, which other work does not lengthen much."""
    end = int(time.time()) // 3600 * 3600
    groups = groups_of(stage, shipped, stage.directory / f"data-empty-{shipped.name}")
    data = write_history(stage, samples, shipped, end, FEW, INTERVAL)
    prometheus = Prometheus(stage, shipped, None, data)
    # promtool leaves a block for each rule; a Prometheus that has recorded them has one for all.
    deadline = time.monotonic() + 300
    while prometheus.own_value("prometheus_tsdb_blocks_loaded") > 20 and time.monotonic() < deadline:
        time.sleep(5)
    asking = processor_of(prometheus, "vector(1)", end)  # which does not grow with the hosts
    cost = {group["name"]: REPLAYS / FEW * sum(max(0.0, processor_of(prometheus, rule["query"], end) - asking)
                                               for rule in group["rules"])
            for group in groups}
    prometheus.stop()
    what = f"rules of {REPLAYS} hosts with {HOURS} h of history, reckoned from {FEW}, {shipped.name}"
    slowest = max(cost, key=lambda group: cost[group])
    judge = shipped.name == "now"
    show(f"{what}: most of one group", f"{cost[slowest]:.2f} s of processor ({slowest})", "<= 1.5 s",
         cost[slowest] <= 1.5 if judge else None)
    share = sum(cost[group["name"]] / group["interval"] for group in groups)
    show(f"{what}: all", f"{100 * share:.0f} % of a core")
    if os.environ.get("VERBOSE"):
        for name, seconds in sorted(cost.items(), key=lambda item: -item[1]):
            print(f"    {name}: {seconds:.3f} s", file=sys.stderr)


# --- the dashboard ---------------------------------------------------------------------------------------------------


def requests_of(dashboard, end):
    """As Grafana makes them: (title, path, parameters)."""
    span = {"start": end - HOURS * 3600, "end": end}

    def filled(text):
        return re.sub(r"\$(job|instance)\b", ".+", text.replace("$__rate_interval", "1m"))

    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = filled(target["expr"])
            if target.get("instant"):
                yield panel["title"], "/api/v1/query", {"query": query, "time": end}
            else:
                yield panel["title"], "/api/v1/query_range", {"query": query, "step": STEP} | span
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], "/api/v1/query_range", {"query": filled(annotation["expr"]), "step": 60} | span
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            [(series, label)] = re.findall(r"^label_values\((.*), *(\w+)\)$", filled(variable["query"]))
            yield variable["name"], f"/api/v1/label/{label}/values", {"match[]": series} | span


def ask_dashboard(prometheus, file, end):
    """Seconds and bytes of all requests one after the other, the best of three rounds; and of each."""
    rounds = []
    for _ in range(3):
        each = []
        for title, path, words in requests_of(json.loads(file.read_text()), end):
            begin = time.perf_counter()
            size = len(prometheus.get(path, **words))
            each.append((time.perf_counter() - begin, size, title))
        rounds.append(each)
    return min(rounds, key=lambda each: sum(row[0] for row in each))


def measure_dashboard(stage, samples, both):
    end = int(time.time()) // 3600 * 3600
    begin = time.monotonic()
    data = write_history(stage, samples, both[0], end, HOSTS, 60)
    prometheus = Prometheus(stage, both[0], None, data)
    print(f"    history written in {time.monotonic() - begin:.0f} s", file=sys.stderr)
    figures = {}
    for shipped in both:
        each = ask_dashboard(prometheus, shipped.dashboard, end)
        seconds, size = sum(row[0] for row in each), sum(row[1] for row in each)
        figures[shipped.name] = seconds, size
        judge = shipped.name == "now"
        show(f"fleet dashboard of {HOSTS} hosts over {HOURS} h, {len(each)} queries, {shipped.name}: time",
             f"{seconds:.2f} s", "<= 1.5 s", seconds <= 1.5 if judge else None)
        show(f"the same: bytes", f"{size / 1e6:.2f} MB", "<= 5 MB", size <= 5e6 if judge else None)
        if os.environ.get("VERBOSE"):
            for row in sorted(each, reverse=True)[:12]:
                print(f"    {row[0]:.3f} s {row[1] / 1e6:.2f} MB {row[2]}", file=sys.stderr)
    if BESIDE:
        now, then = figures["now"], figures[BESIDE]
        show(f"the dashboard, beside {BESIDE}", f"{then[0] / now[0]:.0f} times as fast, "
             f"{then[1] / now[1]:.0f} times fewer bytes")
    prometheus.stop()


def end_on(_number, _frame):
    sys.exit("bench-fleet: terminated")  # leaves the stage, which ends its processes


def main(programs, build):
    signal.signal(signal.SIGTERM, end_on)
    with Stage(programs, pathlib.Path(build) / "bench-fleet") as stage:
        both = [Shipped(stage)] + ([Shipped(stage, BESIDE)] if BESIDE else [])
        print(f"| {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start | figure | goal | |\n|---|---|---|---|")
        targets = start_responders(stage)
        while "ceymail_mail_recipients_total" not in (text := scrape(stage, targets[0])):
            time.sleep(INTERVAL / 2)
        samples = samples_of(text)
        show("samples of a scrape", f"{len(samples)}")
        if "hosts" in ONLY:
            for shipped in both:
                watch(stage, shipped, targets, "hosts", 0.5)
        for name in [name for name in stage.processes if re.fullmatch(r"h\d+|nginx-hosts", name)]:
            stage.stop(name)
        if "replays" in ONLY:
            replays = Replays(stage, samples)
            for shipped in both:
                watch(stage, shipped, replays.targets, "replays", 1.5)
            replays.ending.set()
        if "rules" in ONLY:
            for shipped in both:
                measure_rules(stage, samples, shipped)
        if "dashboard" in ONLY:
            measure_dashboard(stage, samples, both)
        print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    shutil.rmtree(stage.directory, ignore_errors=True)
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:3]))
    except Failed as failure:
        sys.exit(f"bench-fleet: {failure}")
