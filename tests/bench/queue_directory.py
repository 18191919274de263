# SPDX-License-Identifier: MIT
"""Fills a Postfix queue with deferred messages: copies of a real one, or empty files where only names matter."""

import os
import pathlib
import pwd

DIGITS = "0123456789ABCDEF"


def name_of(number):
    """A short queue id; its first digit names the directory (hash_queue_depth = 1)."""
    return f"{DIGITS[number % 16]}{number:010X}"


def real_message(queue):
    return next(path for path in (queue / "deferred").rglob("*") if path.is_file())


def fill(queue, first, last, template=None):
    """Messages `first` to `last` - 1. Postfix believes copies of `template`; their time of retry is the template's."""
    owner = pwd.getpwnam("postfix")
    content, times = b"", (0, 0)
    if template:
        content, times = template.read_bytes(), (template.stat().st_atime_ns, template.stat().st_mtime_ns)
    for digit in DIGITS:
        directory = queue / "deferred" / digit
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(directory, owner.pw_uid, owner.pw_gid)
    for number in range(first, last):
        name = name_of(number)
        path = f"{queue}/deferred/{name[0]}/{name}"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        if template:
            os.write(file, content)
            os.fchown(file, owner.pw_uid, owner.pw_gid)
            os.fchmod(file, 0o700)
            os.utime(file, ns=times)
        os.close(file)


def empty(queue, first, last):
    """Takes messages `first` to `last` - 1 away again."""
    for number in range(first, last):
        name = name_of(number)
        pathlib.Path(f"{queue}/deferred/{name[0]}/{name}").unlink(missing_ok=True)  # Postfix may have delivered it


def make(queue):
    """A queue directory without a Postfix."""
    queue = pathlib.Path(queue)
    for name in ("active", "deferred", "bounce", "hold"):
        (queue / name).mkdir(parents=True)
    return queue


def move(queue, digit, count):
    """Moves `count` messages within one directory, there and back."""
    directory = f"{queue}/deferred/{digit}"
    with os.scandir(directory) as entries:
        names = [entry.name for _, entry in zip(range(count), entries)]
    for name in names:
        os.rename(f"{directory}/{name}", f"{directory}/{name}X")
    for name in names:
        os.rename(f"{directory}/{name}X", f"{directory}/{name}")
