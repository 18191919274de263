#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the table by room and the list of unreached lines from DIRECTORY/lcov.info, and compares the list with
tests/coverage/unreached.

usage: report.py DIRECTORY      run by tests/coverage/run, in the root of the tree
"""

import collections
import pathlib
import re
import sys

GOALS = {"lines": 95.0, "branches": 85.0}
KNOWN = pathlib.Path(__file__).with_name("unreached")

# By the habit of this code, `::name(` is a call of the C library. An error of one is made by failing-calls.so alone.
SYSTEM_CALL = re.compile(r"(?<![\w>])::[a-z]\w*\(|\berrno\b|sd_[a-z_]+\(|mysql_[a-z_]+\(")


class Source:
    """One file: its text, the counts of its lines, the counts of the arms of its branches."""

    def __init__(self, path):
        self.path = path
        self.text = [""] + pathlib.Path(path).read_text().splitlines()
        self.lines = {}
        self.arms = []  # (line, taken)

    @property
    def room(self):
        return self.path.split("/")[-2]

    def statement(self, number):
        """The line, and those after it up to the end of the statement, three at most."""
        last = number
        while last < number + 2 and last + 1 < len(self.text) and not re.search(r"[;{}]\s*(//.*)?$", self.text[last]):
            last += 1
        return "\n".join(self.text[number : last + 1])

    def is_error_of_a_call(self, number):
        return SYSTEM_CALL.search(self.statement(number)) is not None

    def stretches(self):
        """Lists of unreached lines without a reached one between them."""
        found = []
        for number in sorted(self.lines):
            if self.lines[number] > 0:
                found.append([])
            elif found and found[-1]:
                found[-1].append(number)
            else:
                found.append([number])
        return [stretch for stretch in found if stretch]


def read_lcov(path):
    root = str(pathlib.Path.cwd()) + "/"
    sources, source = [], None
    for line in path.read_text().splitlines():
        tag, _, rest = line.partition(":")
        if tag == "SF":
            source = Source(rest.removeprefix(root))
            sources.append(source)
        elif tag == "DA":
            number, count = rest.split(",")[:2]
            source.lines[int(number)] = int(count)
        elif tag == "BRDA":
            number, _, _, taken = rest.split(",")
            source.arms.append((int(number), taken not in ("-", "0")))
    return sources


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def table(sources):
    """Returns its rows: room, lines reached, lines, arms taken, arms, arms without errors of calls."""
    rows = collections.OrderedDict()
    for source in sorted(sources, key=lambda source: source.room):
        for room in (source.room, "all"):
            row = rows.setdefault(room, [0] * 5)
            row[0] += sum(count > 0 for count in source.lines.values())
            row[1] += len(source.lines)
            row[2] += sum(taken for _, taken in source.arms)
            row[3] += len(source.arms)
            row[4] += sum(taken or not source.is_error_of_a_call(number) for number, taken in source.arms)
    rows.move_to_end("all")
    return rows


def markdown(rows):
    text = "| room | lines | of | % | branches | of | % | % without errors of calls |\n|---|---|---|---|---|---|---|---|\n"
    for room, (lines, of_lines, arms, of_arms, without) in rows.items():
        text += (f"| {room} | {lines} | {of_lines} | {percent(lines, of_lines):.1f} | {arms} | {of_arms} "
                 f"| {percent(arms, of_arms):.1f} | {percent(arms, without):.1f} |\n")
    return text


def read_known():
    """Lines `FILE | TEXT OF THE LINE | REASON`."""
    entries = []
    for line in KNOWN.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            path, rest = line.split(" | ", 1)
            text, reason = rest.rsplit(" | ", 1)  # the text may have the sign too
            entries.append((path, text.strip(), reason.strip()))
    return entries


def compare(sources, entries):
    """Returns: what is wrong with the entries, and the stretches that have neither an entry nor the rule for calls."""
    by_path = {source.path: source for source in sources}
    wrong, explained = [], set()
    for path, text, reason in entries:
        source = by_path.get(path)
        numbers = [n for n in (source.lines if source else []) if source.text[n].strip() == text]
        unreached = [n for n in numbers if source.lines[n] == 0]
        if not numbers:
            wrong.append(f"{path}: there is no such line: {text}")
        elif not unreached and not reason.startswith("sometimes"):
            wrong.append(f"{path}:{numbers[0]}: is reached meanwhile: {text}")
        explained.update((path, n) for n in unreached)
    open_, of_calls, known = [], 0, 0
    for source in sources:
        for stretch in source.stretches():
            if any((source.path, n) in explained for n in stretch):
                known += len(stretch)
            elif all(SYSTEM_CALL.search(source.statement(n)) or source.text[n].strip() in ("}", "};") or
                     SYSTEM_CALL.search(source.text[n - 1]) for n in stretch):
                of_calls += len(stretch)
            else:
                open_.append((source, stretch))
    return wrong, open_, of_calls, known


def main():
    directory = pathlib.Path(sys.argv[1])
    sources = read_lcov(directory / "lcov.info")
    rows = table(sources)
    (directory / "rooms.md").write_text(markdown(rows))
    print(markdown(rows), end="")
    wrong, open_, of_calls, known = compare(sources, read_known())
    with (directory / "unreached.txt").open("w") as out:
        for source, stretch in open_:
            for number in stretch:
                print(f"{source.path}:{number}: {source.text[number].strip()}", file=out)
    for line in wrong:
        print(f"tests/coverage/unreached: {line}")
    lines, of_lines, arms, _, without = rows["all"]
    reached = {"lines": percent(lines, of_lines), "branches": percent(arms, without)}
    print(f"coverage: unreached lines: {of_calls} of failing calls, {known} with their reason in tests/coverage/unreached, "
          f"{sum(len(stretch) for _, stretch in open_)} without, in {directory}/unreached.txt")
    for what, goal in GOALS.items():
        print(f"coverage: {what} {reached[what]:.2f} %, goal {goal:.0f} %: {'met' if reached[what] >= goal else 'MISSED'}")
    sys.exit(0 if not wrong and not open_ and all(reached[what] >= goal for what, goal in GOALS.items()) else 1)


main()
