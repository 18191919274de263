# SPDX-License-Identifier: MIT
"""Answers what an AppArmor profile allows, by the policy that apparmor_parser makes of it for the kernel.

It walks the state machine of the policy as the kernel does, and knows nothing of the profile's text.
Source: security/apparmor/policy_unpack.c, match.c, file.c, ipc.c and net.c of Linux; bus/apparmor.c of D-Bus.
"""
import struct
import subprocess
from pathlib import Path

EXEC, WRITE, READ, APPEND, LINK, LOCK, MAP = 1, 2, 4, 8, 0x10, 0x20, 0x40
LETTERS = {"x": EXEC, "w": WRITE, "r": READ, "a": APPEND, "l": LINK, "k": LOCK, "m": MAP}
CLASS_MOUNT, CLASS_PTRACE, CLASS_SIGNAL, CLASS_NET, CLASS_DBUS = 7, 9, 10, 14, 32

Value = int | str | bytes | list["Field"]


class Field:
    def __init__(self, name: str, value: Value) -> None:
        self.name, self.value = name, value


class Reader:
    """Takes the tagged fields of a policy apart: policy_unpack.c, enum aa_code."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, code: str) -> int:
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize(code)
        return value

    def bytes_of(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def fields(self, end: int | None = None) -> list[Field]:
        found: list[Field] = []
        while self.at < len(self.data):
            code, name = self.number("B"), ""
            if code == end:
                return found
            if code == 4:
                name = self.bytes_of(self.number("H")).rstrip(b"\0").decode()
                code = self.number("B")
            found.append(Field(name, self.value(code)))
        if end is not None:
            raise ValueError("the policy is cut off")
        return found

    def value(self, code: int) -> Value:
        if code < 4:
            return self.number("BHIQ"[code])
        if code == 5:
            return self.bytes_of(self.number("H")).rstrip(b"\0").decode()
        if code == 6:
            return self.bytes_of(self.number("I"))
        if code in (7, 9):
            return self.fields(code + 1)
        if code == 11:
            self.number("H")
            return self.fields(12)
        raise ValueError(f"unknown field {code} in the policy")


class Machine:
    """A state machine of match.c."""

    ACCEPT, BASE, CHECK, DEFAULT, CLASSES, ACCEPT2, NEXT = 1, 2, 3, 4, 5, 7, 8
    DIFFERENTIAL = 0x80000000

    def __init__(self, blob: bytes) -> None:
        start = blob.index(b"\x1b\x5e\x78\x3d")  # behind the padding
        blob = blob[start:]
        at = struct.unpack_from(">I", blob, 4)[0]
        self.tables: dict[int, tuple[int, ...]] = {}
        while at + 12 <= len(blob):
            kind, width, _, count = struct.unpack_from(">HHII", blob, at)
            if kind == 0:
                break
            self.tables[kind] = struct.unpack_from(f">{count}{' BH I'[width]}", blob, at + 12)
            at += (12 + count * width + 7) // 8 * 8
        self.classes = self.tables.get(self.CLASSES)

    def step(self, state: int, byte: int) -> int:
        symbol = self.classes[byte] if self.classes else byte
        while True:
            base = self.tables[self.BASE][state]
            place = (base & 0xFFFFFF) + symbol
            if self.tables[self.CHECK][place] == state:
                return self.tables[self.NEXT][place]
            state = self.tables[self.DEFAULT][state]
            if not base & self.DIFFERENTIAL:
                return state

    def walk(self, state: int, data: bytes) -> int:
        for byte in data:
            state = self.step(state, byte)
        return state

    def accept(self, state: int) -> int:
        return self.tables[self.ACCEPT][state]


def machine_of(fields: list[Field]) -> tuple[Machine, int]:
    """The machine among fields, and the state at which it starts."""
    blob = next(f.value for f in fields if f.name == "aadfa")
    start = next((f.value for f in fields if f.name in ("dfa_start", "start")), 1)
    assert isinstance(blob, bytes) and isinstance(start, int)
    return Machine(blob), start


class Profile:
    def __init__(self, fields: list[Field]) -> None:
        self.name = str(fields[0].value)
        self.fields = {f.name: f.value for f in fields if f.name}
        self.file, self.file_start = machine_of(fields)
        policy = self.fields["policydb"]
        assert isinstance(policy, list)
        self.policy, self.policy_start = machine_of(policy)
        # Four numbers without a name: the capabilities that are allowed, audited, quiet and kept, the first 32 of each.
        numbers = [f.value for f in fields if not f.name and isinstance(f.value, int)]
        self.capabilities = numbers[0]
        # Of a profile that a path or the name of a program chooses.
        self.attached = "rename" in self.fields or "xmatch" in self.fields or self.name.startswith("/")

    def file_permissions(self, path: str, owner: bool = False) -> int:
        state = self.file.walk(self.file_start, path.encode())
        accept = self.file.accept(state)
        return accept & 0x7F if owner else accept >> 14 & 0x7F

    def allows_file(self, path: str, letters: str) -> bool:
        """Whether a file of another user may be used so; a directory ends with a slash."""
        wanted = sum(LETTERS[letter] for letter in letters)
        return self.file_permissions(path) & wanted == wanted

    def allows_capability(self, number: int) -> bool:
        return bool(self.capabilities >> number & 1)

    def permissions(self, kind: int, query: bytes) -> int:
        state = self.policy.step(self.policy_start, kind)
        # Where the policy does not know the class at all, the kernel refuses nothing of it.
        return self.policy.accept(self.policy.walk(state, query)) & 0x7F if state else 0x7F

    def allows_signal(self, number: int, peer: str, way: int) -> bool:
        return bool(self.permissions(CLASS_SIGNAL, bytes([number]) + peer.encode()) & way)

    def allows_ptrace(self, peer: str, way: int) -> bool:
        return bool(self.permissions(CLASS_PTRACE, peer.encode()) & way)

    def allows_network(self, family: int, kind: int) -> bool:
        return bool(self.permissions(CLASS_NET, struct.pack(">HH", family, kind)))

    def allows_mount(self) -> bool:
        """Whether any rule allows something at this place."""
        state = self.policy.step(self.policy_start, CLASS_MOUNT)
        return not state or self.policy.walk(state, b"/mnt/\0") != 0

    def allows_dbus(self, bus: str, name: str, label: str, path: str, interface: str, member: str) -> bool:
        query = b"\0".join(word.encode() for word in (bus, name, label, path, interface, member))
        return bool(self.permissions(CLASS_DBUS, query) & WRITE)


def compile_profile(file: Path, parser: list[str] | None = None) -> Profile:
    """The profile in a file. ValueError with the parser's words where it has any."""
    command = parser or ["/sbin/apparmor_parser", "--kernel-features=/etc/apparmor.d/abi/3.0"]
    done = subprocess.run(
        [*command, "--skip-kernel-load", "--skip-cache", "--stdout", str(file)], capture_output=True
    )
    words = done.stderr.decode()
    if done.returncode or words:
        raise ValueError(words or f"apparmor_parser ended with {done.returncode}")
    for field in Reader(done.stdout).fields():
        if field.name == "profile" and isinstance(field.value, list):
            return Profile(field.value)
    raise ValueError(f"no profile in {file}")
