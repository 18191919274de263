# SPDX-License-Identifier: MIT
"""The host of the soak, in namespaces of its own: the installed program behind nginx and beside a MariaDB."""

import ctypes
import mmap
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

from stage import Stage, descendants, listens, wait_until

ROLES = {"ceymail-gather": "gatherer", "ceymail-reader": "log reader", "ceymail-worker": "workers"}
PORT = 8080
STEP = 8  # bytes of the file with the step of the clock


class Host(Stage):
    """`installed`: what `make install DESTDIR=` has made. Owns `directory`, a tmpfs of this mount namespace."""

    def __init__(self, installed, directory, repository, interposer):
        self.root = repository
        self.installed, self.interposer = pathlib.Path(installed), pathlib.Path(interposer)
        super().__init__(self.installed / "usr/sbin", directory)
        self.directory.chmod(0o755)
        self.log, self.queue = self.directory / "mail.log", self.directory / "queue"
        self.clock = self.directory / "clock"
        self.clock.write_bytes(bytes(STEP))
        for name in ("run", "state", "state/service"):
            (self.directory / name).mkdir(mode=0o750)
        for name in ("run", "state/service"):
            subprocess.run(["chown", "nobody:nogroup", self.directory / name], check=True)
        (self.directory / "state").chmod(0o755)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.directory / "socket"))
        (self.directory / "socket").chmod(0o666)
        self.listener.listen(128)

    def write_configuration(self, name, **settings):
        settings = {"user": "nobody", "runtime_directory": self.directory / "run", "state_directory": self.directory / "state",
                    "database_socket": self.database, "database_option_file": self.directory / "database.cnf",
                    "queue_directory": self.queue, "mail_log": self.log, "fail2ban_log": "",
                    "service_manager": "processes", "certificate": "none", "backup_directory": "",
                    "disk": self.directory} | settings
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        file = directory / "ceymail-metrics.conf"
        file.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        return file

    # --- the program ---

    def start_responder(self):
        """As spawn-fcgi does: the socket is descriptor 0 and stays when the program goes."""
        environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": str(self.interposer), "CEYMAIL_STEPPED_CLOCK": str(self.clock)}
        log = open(self.directory / "responder.log", "ab")
        self.processes["responder"] = subprocess.Popen(
            [str(self.installed / "usr/libexec/ceymail-metrics"), "--config",
             str(self.directory / "schema/ceymail-metrics.conf")],
            stdin=self.listener.fileno(), stdout=log, stderr=log, env=environment, start_new_session=True)
        wait_until("the responder has its processes", lambda: set(self.by_role()) >= {"supervisor", *ROLES.values()})

    def by_role(self):
        """role -> pids"""
        found: dict[str, list[int]] = {}
        supervisor = self.processes["responder"].pid
        for pid in descendants(supervisor):
            try:
                name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:
                continue  # it ended meanwhile
            role = "supervisor" if pid == supervisor else ROLES.get(name)
            if role:
                found.setdefault(role, []).append(pid)
        return found

    def start_nginx(self):
        directory = self.directory / "nginx"
        directory.mkdir()
        location = (self.installed / "etc/nginx/snippets/ceymail-metrics.conf")
        temporary = " ".join(f"{kind}_temp_path {directory}/{kind};"
                             for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
        (directory / "nginx.conf").write_text(f"""
            daemon off; user nobody nogroup; pid {directory}/nginx.pid; error_log stderr error; worker_processes 1;
            events {{ worker_connections 64; }}
            http {{ access_log off; {temporary}
                upstream ceymail_metrics {{ server unix:{self.directory}/socket; }}
                server {{ listen 127.0.0.1:{PORT}; include {location}; }} }}
            """)
        self.start("nginx", "nginx", "-e", "stderr", "-p", directory, "-c", directory / "nginx.conf",
                   ready=lambda: listens(("127.0.0.1", PORT)))

    # --- MariaDB ---

    def start_database(self):
        ping = ["mariadb-admin", "--no-defaults", f"--socket={self.database}", "ping"]
        self.start("mariadb", self.root / "deploy/miniature/mariadb", self.directory / "mariadb",
                   ready=lambda: listens(str(self.database)) and subprocess.run(ping, capture_output=True).returncode == 0)

    def make_token(self):
        file = self.directory / "token"
        file.unlink(missing_ok=True)
        self.token_tool("schema", "generate", "--output", file)
        return file.read_text().strip()

    # --- clock and memory ---

    def step_clock(self, seconds):
        with open(self.clock, "r+b") as file, mmap.mmap(file.fileno(), STEP) as mapped:
            mapped[:] = struct.pack("q", int(seconds * 1e9))

    def page_out(self):
        """Takes the pages of all roles away that can be read again, as a kernel short of memory does."""
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in (pid for pids in self.by_role().values() for pid in pids):
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                continue
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                begin, end = (int(word, 16) for word in line.split()[0].split("-"))
                vector = struct.pack("QQ", begin, end - begin)
                libc.syscall(440, pidfd, vector, 1, 21, 0)  # process_madvise(MADV_PAGEOUT)
            os.close(pidfd)

    def end_of(self, name, how=signal.SIGTERM, patience=30):
        process = self.processes[name]
        process.send_signal(how)
        process.wait(patience)
        del self.processes[name]
