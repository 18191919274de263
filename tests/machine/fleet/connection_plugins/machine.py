# SPDX-License-Identifier: MIT
# Ansible's way into the machine of tests/machine/run: its namespaces, entered by the process id in MACHINE_LEADER.
import os
import subprocess

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
    name: machine
    short_description: run commands in the booted test machine
    description: Enters the namespaces of the process that the file MACHINE_LEADER names.
    author: ceymail-metrics
    options: {}
"""


class Connection(ConnectionBase):
    transport = "machine"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def _inside(self, arguments, **how):
        with open(os.environ["MACHINE_LEADER"], encoding="ascii") as file:
            leader = file.read().strip()
        return subprocess.run(
            ["nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "--root", "--wdns=/", "--", *arguments],
            stderr=subprocess.PIPE, check=False, **how)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        how = {"input": in_data} if in_data is not None else {"stdin": subprocess.DEVNULL}
        done = self._inside(["/bin/sh", "-c", cmd], stdout=subprocess.PIPE, **how)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        with open(in_path, "rb") as file:
            done = self._inside(["/bin/sh", "-c", 'cat >"$0"', out_path], stdin=file, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AnsibleError(f"cannot write {out_path}: {done.stderr!r}")

    def fetch_file(self, in_path, out_path):
        with open(out_path, "wb") as file:
            done = self._inside(["/bin/cat", in_path], stdin=subprocess.DEVNULL, stdout=file)
        if done.returncode != 0:
            raise AnsibleError(f"cannot read {in_path}: {done.stderr!r}")

    def close(self):
        self._connected = False
