#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints which operations an AppArmor profile refuses.

  usage: judge.py [--idle] PROFILE
Standard input: operations as of operations.py prints them. Also, for questions that no trace answers:
`capability NUMBER`; `kill NUMBER PEER`; `ptrace PEER`; `dbus NAME PATH INTERFACE MEMBER`, on the system bus; `attached`:
whether a path or a name of a program chooses the profile.
--idle: prints instead the rules without which nothing more is refused.
A file belongs to another user, so an `owner` rule allows nothing. Exit code 0: nothing is refused; 1: something is; 2: the
profile is faulty, and apparmor_parser's words are printed.
"""
import sys
import tempfile
from pathlib import Path

from policy import READ, WRITE, Profile, compile_profile

MOUNTS = ("mount", "umount2", "pivot_root")


def allows(profile: Profile, operation: str) -> bool:
    kind, _, rest = operation.partition(" ")
    words = rest.split(" ")
    if kind == "signal":  # within the service, and from systemd
        number = int(words[0])
        own = profile.allows_signal(number, profile.name, READ) and profile.allows_signal(number, profile.name, WRITE)
        return own and profile.allows_signal(number, "unconfined", READ)
    if kind == "kill":
        return profile.allows_signal(int(words[0]), words[1], WRITE)
    if kind == "network":
        return profile.allows_network(int(words[0]), int(words[1]))
    if kind == "capability":
        return profile.allows_capability(int(words[0]))
    if kind == "ptrace":
        return profile.allows_ptrace(words[0], WRITE)
    if kind == "dbus":
        return profile.allows_dbus("system", words[0], "unconfined", *words[1:])
    if kind == "attached":
        return profile.attached
    if kind in MOUNTS:
        return profile.allows_mount()
    return profile.allows_file(rest, kind)


def refused_of(profile: Profile, operations: list[str]) -> list[str]:
    return [one for one in operations if not allows(profile, one)]


def idle_rules(file: Path, operations: list[str]) -> list[str]:
    """Each rule is taken out alone."""
    head, brace, body = file.read_text().partition(") {\n")
    lines = body.splitlines()
    idle: list[str] = []
    begin = None
    for at, line in enumerate(lines):
        if line.strip().startswith(("#", "include", "}")) or not line.strip():
            continue
        begin = at if begin is None else begin
        if not line.endswith(","):
            continue
        with tempfile.NamedTemporaryFile("w") as other:
            other.write(head + brace + "\n".join(lines[:begin] + lines[at + 1 :]) + "\n")
            other.flush()
            if not refused_of(compile_profile(Path(other.name)), operations):
                idle.append(" ".join(one.strip() for one in lines[begin : at + 1]))
        begin = None
    return idle


def main() -> None:
    file = Path(sys.argv[-1])
    operations = [line for line in sys.stdin.read().splitlines() if line]
    try:
        found = idle_rules(file, operations) if "--idle" in sys.argv else refused_of(compile_profile(file), operations)
    except ValueError as error:
        print(error)
        sys.exit(2)
    print("\n".join(found))
    sys.exit(1 if found else 0)


main()
