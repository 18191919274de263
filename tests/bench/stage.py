# SPDX-License-Identifier: MIT
"""The stage of the bench: a private MariaDB, Postfix and nginx, the shipped responder and its peers, in one directory."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
MINIATURE = ROOT / "deploy" / "miniature"
QUERY = "SELECT id, token_sha256 FROM ceymail_dashboard.metrics_tokens WHERE active = 1"
WORKERS = 2
ADDRESSES = 5120  # clients that a load passes for: 12 a second each is more than a machine can ask; the limiter holds 8192


class Failed(Exception):
    """Something of the stage does not come up or does not answer as it must."""


def wait_until(what, condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what} is not so after {patience} s")
        time.sleep(0.02)


def listens(address):
    """Whether somebody does, at a path or a (host, port)."""
    with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX) as probe:
        return probe.connect_ex(address) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid):
    """The pid and all below it."""
    found = [pid]
    for parent in found:
        for children in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                pass  # it ended meanwhile
    return found


class Stage:
    """Owns the directory and the processes; `with` ends them."""

    def __init__(self, programs, directory):
        self.programs = pathlib.Path(programs).resolve()
        self.directory = pathlib.Path(directory).resolve()
        self.processes = {}
        self.queue = self.directory / "postfix" / "queue"
        self.deferred = 0  # messages that resize_queue() has put there
        self.ports = {}
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in list(reversed(self.processes)):
            self.stop(name)
        shutil.rmtree(self.queue / "deferred", ignore_errors=True)

    # --- processes ---

    def start(self, name, *command, ready=None):
        log = open(self.directory / f"{name}.log", "ab")
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
        self.processes[name] = process

        def come():
            if process.poll() is not None:
                raise Failed(f"{name} ended; see {log.name}")
            return ready is None or ready()

        wait_until(f"{name} is up", come)
        return process

    def stop(self, name):
        process = self.processes.pop(name)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pids(self, name):
        return descendants(self.processes[name].pid)

    # --- servers ---

    def start_mariadb(self):
        directory = self.directory / "mariadb"
        directory.mkdir()
        self.database = directory / "mysqld.sock"

        def answers():
            return subprocess.run(["mariadb-admin", "--no-defaults", f"--socket={self.database}", "ping"],
                                  capture_output=True).returncode == 0

        self.start("mariadb", MINIATURE / "mariadb", directory, ready=answers)
        self.sql((MINIATURE / "sample.sql").read_text())
        self.write_configuration("schema")
        self.token_tool("schema", "init")
        token = self.directory / "token"
        self.token_tool("schema", "generate", "--output", token)
        self.token = token.read_text().strip()

    def sql(self, text):
        done = subprocess.run(["mariadb", "--no-defaults", "--batch", "--skip-column-names",
                               f"--socket={self.database}"], input=text, text=True, capture_output=True)
        if done.returncode:
            raise Failed(f"MariaDB: {done.stderr}")
        return done.stdout

    def start_postfix(self):
        self.start("postfix", MINIATURE / "postfix", self.directory / "postfix",
                   ready=lambda: (self.queue / "public" / "pickup").exists())
        subprocess.run([MINIATURE / "messages", self.directory / "postfix", "1", "0"], check=True)

    def write_configuration(self, name, **settings):
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        settings = {"listen": f"unix:{directory}/socket", "listen_group": "", "user": "root",
                    "runtime_directory": directory, "workers": WORKERS, "database_socket": self.database,
                    "database_option_file": self.directory / "database.cnf", "queue_directory": self.queue,
                    "service_manager": "processes"} | settings
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
        (directory / "ceymail-metrics.conf").write_text(lines)
        return directory / "ceymail-metrics.conf"

    def token_tool(self, name, *words):
        subprocess.run([self.programs / "ceymail-token", "--config", self.directory / name / "ceymail-metrics.conf",
                        *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_responder(self, name, **settings):
        """The shipped binary; `settings` are lines of its configuration."""
        configuration = self.write_configuration(name, **settings)
        socket_path = str(self.directory / name / "socket")
        self.start(name, self.programs / "ceymail-metrics", "--config", configuration,
                   ready=lambda: listens(socket_path))

    def start_constant(self, name, answer, *query):
        (self.directory / name).mkdir(exist_ok=True)
        file = self.directory / name / "answer"
        file.write_bytes(answer)
        socket_path = str(self.directory / name / "socket")
        self.start(name, self.programs / "bench" / "constant_responder", f"unix:{socket_path}", WORKERS, file, *query,
                   ready=lambda: listens(socket_path))

    def start_nginx(self, responders, static_body):
        """One server for each of `responders` with the shipped location, one with a file, one that only refuses."""
        directory = self.directory / "nginx"
        directory.mkdir()
        (directory / "static").mkdir()
        (directory / "static" / "metrics").write_bytes(static_body)
        shipped = (ROOT / "nginx" / "ceymail-metrics.conf").read_text()
        servers = ""
        for name in responders:
            location = directory / f"{name}.conf"
            location.write_text(shipped.replace("fastcgi_pass ceymail_metrics;", f"fastcgi_pass {name};"))
            servers += f"upstream {name} {{ server unix:{self.directory}/{name}/socket; }}\n"
            servers += f"server {{ listen 127.0.0.1:{self.port(name)}; include {location}; }}\n"
        servers += f"""
        server {{
            listen 127.0.0.1:{self.port("static")};
            root {directory}/static; default_type text/plain; location = /api/stats/metrics {{ alias {directory}/static/metrics; }}
        }}
        limit_req_zone $binary_remote_addr zone=addresses:1m rate=12r/m;
        server {{
            listen 127.0.0.1:{self.port("limit_req")};
            limit_req zone=addresses; limit_req_status 429; limit_req_log_level info;
            location / {{ alias {directory}/static/metrics; }}
        }}
        """
        (directory / "nginx.conf").write_text(f"""
        daemon off; user root; pid {directory}/nginx.pid; error_log stderr error; worker_processes 2;
        events {{ worker_connections 512; }}
        http {{
            access_log off; keepalive_requests 1000000000; open_file_cache max=16;
            {"".join(f"{kind}_temp_path {directory}/{kind};" for kind in
                     ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))}
            # The load passes for many clients; this is how a web server behind another learns of them.
            set_real_ip_from 127.0.0.1; real_ip_header X-Bench-Address;
            {servers}
        }}
        """)

        self.start("nginx", "nginx", "-e", "stderr", "-p", directory, "-c", directory / "nginx.conf",
                   ready=lambda: listens(("127.0.0.1", self.ports["static"])))

    def port(self, name):
        return self.ports.setdefault(name, free_port())

    # --- requests ---

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}/api/stats/metrics"

    def ask(self, name, address="10.1.0.1", token=None):
        """Status, headers, body."""
        headers = {"X-Bench-Address": address} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url(name), headers=headers), timeout=30) as got:
                return got.status, got.headers, got.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.headers, refusal.read()

    def answer_of(self, name, status, **how):
        """What the responder answers, as a CGI response, for a peer to say the same."""
        got, headers, body = self.ask(name, **how)
        if got != status:
            raise Failed(f"{name} answers {got}, not {status}: {body!r}")
        kept = "".join(f"{key}: {value}\r\n" for key, value in headers.items()
                       if key not in ("Server", "Date", "Connection", "Transfer-Encoding"))
        return f"Status: {status}\r\n{kept}\r\n".encode() + body

    def load(self, name, seconds, addresses=1, token=None, connections=8):
        """wrk's figures of one run."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s",
                   str(ROOT / "tests" / "bench" / "load.lua"), self.url(name), "--", str(addresses)]
        done = subprocess.run(command + ([token] if token else []), check=True, capture_output=True, text=True)
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        figures["per_second"] = figures["requests"] / figures["seconds"]
        return figures

    def answers(self, name):
        """How often each status has been answered, by the responder's own count."""
        for attempt in range(20):  # after a load the limiter's table may have no room for a new address
            status, _, text = self.ask(name, f"10.9.{attempt}.{time.monotonic_ns() % 256}", self.token)
            if status == 200:
                break
            time.sleep(0.2)
        else:
            raise Failed(f"{name} answers {status}: {text!r}")
        return {line.split('"')[1]: int(line.split()[-1]) for line in text.decode().splitlines()
                if line.startswith("ceymail_requests_total{")}
