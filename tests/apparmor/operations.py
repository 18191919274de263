#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what a traced program did that AppArmor looks at, each operation once.

  usage: operations.py PROGRAM TRACE [ROOT]
TRACE: of `strace -f -y -qq -s 256`, with --pidns-translation for a container. It counts from the first time that a process
executes PROGRAM, for that process and its descendants. ROOT: where the program's files are, to follow symbolic links.
A line is PERMISSIONS PATH with the letters of apparmor.d(5); or `signal NUMBER`, `network FAMILY TYPE`.
A path is the one that the kernel has, without symbolic links; a directory ends with a slash.
Source: the hooks of security/apparmor/lsm.c. A failed look-up of a path reaches none of them.
"""
import re
import sys
from pathlib import Path

IN_OWN_NAMESPACE = re.compile(r"\d+ /\* (\d+) in strace's PID NS \*/$")
LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (\d+|0x[0-9a-f]+)(?:<(.*)>(?:\(deleted\))?)?(?: \(.*\))?$")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
DESCRIPTOR = re.compile(r"(?:\d+|AT_FDCWD)<(/[^>]*)>")
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
TYPES = {"SOCK_STREAM": 1, "SOCK_DGRAM": 2, "SOCK_RAW": 3, "SOCK_SEQPACKET": 5}
SIGNALS = {"SIGKILL": 9, "SIGUSR1": 10, "SIGTERM": 15, "SIGCHLD": 17, "SIGINT": 2, "SIGHUP": 1, "SIGQUIT": 3, "0": 0}
CHANGES = ("chmod", "fchmodat", "fchmod", "chown", "fchown", "fchownat", "truncate", "unlink", "unlinkat", "rmdir", "mkdir",
           "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "utimensat")


class Operations:
    def __init__(self, program: str, root: Path) -> None:
        self.program, self.root = program, root
        self.processes: set[str] = set()
        self.found: set[str] = set()

    def add(self, letters: str, path: str, is_directory: bool = False) -> None:
        path = path.removesuffix(" (deleted)")
        # Files without a name, and those that only their descriptors name, are not looked at.
        if path.startswith("/") and not path.startswith("/memfd:") and not re.match("/(anon_hugepage|dev/zero|SYSV)", path):
            self.found.add(f"{letters} {path.rstrip('/') + '/' if is_directory else path}")

    def resolve(self, pid: str, path: str, follow: bool) -> str:
        """Without links; the process table is the program's own."""
        path = re.sub(r"^/proc/(self|thread-self)(?=/|$)", f"/proc/{pid}", path)
        place = Path(path)
        if path.startswith("/proc/"):
            return path
        parts = list(place.parts[1:])
        done: list[str] = []
        for _ in range(200):
            if not parts:
                break
            part = parts.pop(0)
            if part == "..":
                done = done[:-1]
                continue
            here = self.root.joinpath(*done, part)
            if here.is_symlink() and (parts or follow):
                target = here.readlink()
                if target.is_absolute():
                    done = []
                parts = [one for one in target.parts if one != "/"] + parts
            else:
                done.append(part)
        return "/" + "/".join(done)

    def path_in(self, pid: str, arguments: str, follow: bool = True) -> str | None:
        """The file that a call names: by a string, which may begin at a descriptor, or by the descriptor alone."""
        text, base = STRING.search(arguments), DESCRIPTOR.search(arguments)
        name = text.group(1).encode().decode("unicode_escape") if text else ""
        if name.startswith("/"):
            return self.resolve(pid, name, follow)
        if base is None:
            return None
        return self.resolve(pid, f"{base.group(1).rstrip('/')}/{name}", follow) if name else base.group(1)

    def see(self, pid: str, call: str, arguments: str, result: str, opened: str | None) -> None:
        if call in ("clone", "clone3", "fork", "vfork"):
            if pid in self.processes:
                self.processes.add(result)
            return
        if call in ("execve", "execveat"):
            path = self.path_in(pid, arguments)
            if path == self.program and pid not in self.processes:
                self.processes.add(pid)
            elif pid in self.processes and path:
                self.add("x", path)
            return
        if pid in self.processes:
            self.see_own(pid, call, arguments, opened)

    def see_own(self, pid: str, call: str, arguments: str, opened: str | None) -> None:
        is_directory = "S_IFDIR" in arguments or "O_DIRECTORY" in arguments
        if call in ("open", "openat", "openat2", "creat"):
            if opened and "O_PATH" not in arguments:
                letters = "rw" if "O_RDWR" in arguments else "w" if "O_WRONLY" in arguments else "r"
                self.add(letters, opened, is_directory)
        elif call in ("stat", "lstat", "newfstatat", "statx", "fstat"):
            follow = call != "lstat" and "AT_SYMLINK_NOFOLLOW" not in arguments
            if path := self.path_in(pid, arguments.partition(", {")[0], follow):
                self.add("r", path, is_directory)
        elif call == "mmap":
            if (base := DESCRIPTOR.search(arguments)) is not None:
                shared = "MAP_SHARED" in arguments and "PROT_WRITE" in arguments
                letters = "r" * ("PROT_READ" in arguments) + "w" * shared + "m" * ("PROT_EXEC" in arguments)
                if letters:
                    self.add(letters, base.group(1))
        elif call == "flock" or call == "fcntl" and "SETLK" in arguments:
            if (base := DESCRIPTOR.search(arguments)) and "LOCK_UN" not in arguments and "F_UNLCK" not in arguments:
                self.add("k" + "w" * ("LOCK_EX" in arguments or "F_WRLCK" in arguments), base.group(1))
        elif call in ("connect", "sendto", "sendmsg", "bind"):
            if (text := re.search(r'sun_path="([^"]*)"', arguments)) and text.group(1).startswith("/"):
                self.add("w" if call == "bind" else "rw", self.resolve(pid, text.group(1), True))
        elif call in ("rename", "renameat", "renameat2", "link", "linkat"):
            for name in STRING.findall(arguments):
                base = DESCRIPTOR.search(arguments)
                path = name if name.startswith("/") else f"{base.group(1) if base else ''}/{name}"
                self.add("rw" if call.startswith("rename") else "l", self.resolve(pid, path, False))
        elif call in CHANGES:
            if path := self.path_in(pid, arguments, False):
                self.add("w", path, call in ("rmdir", "mkdir", "mkdirat"))
        elif call in ("kill", "tgkill", "pidfd_send_signal"):
            self.found.add(f"signal {SIGNALS.get(arguments.rpartition(', ')[2].partition(',')[0], -1)}")
        elif call in ("socket", "socketpair"):
            family, kind = (arguments.split(", ") + [""])[:2]
            self.found.add(f"network {FAMILIES.get(family, family)} {TYPES.get(kind.partition('|')[0], kind)}")
        elif call in ("ptrace", "mount", "umount2", "pivot_root", "process_vm_readv"):
            self.found.add(call)


def main() -> None:
    seen = Operations(sys.argv[1], Path(sys.argv[3] if len(sys.argv) > 3 else "/"))
    begun: dict[str, str] = {}
    for line in Path(sys.argv[2]).read_text(errors="replace").splitlines():
        pid, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r" *<\.\.\. \w+ resumed>(.*)", rest):
            line = f"{pid} {begun.pop(pid, '').lstrip()}{resumed.group(1)}"
        if match := LINE.match(IN_OWN_NAMESPACE.sub(r"\1", line)):
            seen.see(*match.groups())
    if not seen.processes:
        sys.exit(f"{sys.argv[2]}: {sys.argv[1]} was never executed")
    print("\n".join(sorted(seen.found)))


main()
