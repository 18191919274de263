# SPDX-License-Identifier: MIT
"""Descriptors, memory, threads and processor time of each role, a row a minute; and the verdict over the whole run."""

import csv
import pathlib
import statistics
import time

FIELDS = ("descriptors", "bytes", "own bytes", "threads", "processes", "processor", "age")  # age: of the youngest, s
MEMORY_GROWTH = 1.05
PROCESSOR_FACTOR = 1.5  # others use the machine, too
GROWN_UP = 600  # s: how old a process is until it has made what it keeps
SHORTEST = 3600  # s: below it the program is still warming up, and growth means nothing
FEWEST = 6  # looks, for a median
ROLES = ("supervisor", "gatherer", "log reader", "workers")


def processor_seconds(pid):
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)
    except OSError:
        return 0.0


def memory(pid, kind):
    """`kind`: Pss; or Pss_Anon, which does not depend on which other processes map the libraries and the segment."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    return 0


def entries(directory):
    return len(list(pathlib.Path(directory).iterdir()))


class Figures:
    def __init__(self, host):
        self.host, self.rows, self.began = host, [], time.monotonic()
        self.lives = {}  # pid -> (role, [(when, bytes without files)])
        self.seconds_of = {}  # pid -> (role, processor seconds when last looked at)

    def look_at_processor(self):
        """Also before a process ends, whose seconds would be lost."""
        for role, pids in self.host.by_role().items():
            for pid in pids:
                self.seconds_of[pid] = role, max(processor_seconds(pid), self.seconds_of.get(pid, (role, 0))[1])

    def take(self):
        self.look_at_processor()
        row = {"at": round(time.monotonic() - self.began, 1),
               "segment bytes": (self.host.directory / "run/segment").stat().st_size}
        try:
            for role, pids in self.host.by_role().items():
                for pid in pids:
                    self.lives.setdefault(pid, (role, []))[1].append((time.monotonic(), memory(pid, "Pss_Anon")))
                values = (sum(entries(f"/proc/{pid}/fd") for pid in pids), sum(memory(pid, "Pss") for pid in pids),
                          sum(self.lives[pid][1][-1][1] for pid in pids), sum(entries(f"/proc/{pid}/task") for pid in pids),
                          len(pids), sum(seconds for of, seconds in self.seconds_of.values() if of == role),
                          round(min(time.monotonic() - self.lives[pid][1][0][0] for pid in pids)))
                row |= {f"{role} {field}": value for field, value in zip(FIELDS, values)}
        except (OSError, ValueError):
            return  # one ended meanwhile: no row at this minute
        if all(f"{role} processes" in row for role in ROLES):
            self.rows.append(row)

    # --- the table ---

    def parts(self, seconds):
        """(name of a part, its rows at the beginning, its rows at the end)"""
        length, name = (3600, "hour") if seconds >= 7200 else (seconds / 4, "quarter")
        return (name, [row for row in self.rows if (GROWN_UP if seconds >= SHORTEST else 0) <= row["at"] <= length],
                [row for row in self.rows if row["at"] >= seconds - length])

    def table(self, seconds):
        """(lines of Markdown, what is wrong)"""
        name, first, last = self.parts(seconds)
        if len(first) < 2 or len(last) < 2:
            return ["There are too few rows for a comparison."], []
        judged = seconds >= SHORTEST
        lines = [f"| | first {name} | last {name} | wanted | |", "|---|---|---|---|---|"]
        wrong = []
        for what, early, late, wanted, good in (*self.comparisons(first, last), *self.longest_lives()):
            verdict = ("held" if good else "BROKEN") if judged and good is not None else ""
            lines.append(f"| {what} | {early} | {late} | {wanted if judged and good is not None else ''} | {verdict} |")
            if verdict == "BROKEN":
                wrong.append(f"{what}: {early}, then {late}; wanted is {wanted}")
        if not judged:
            lines.append(f"\nNo verdicts on these: below {SHORTEST // 60} minutes the program is still warming up.")
        return lines, wrong

    def longest_lives(self):
        """A leak shows in a process that is not killed: grown up beside at its end."""
        for role in ROLES:
            life = max((points for of, points in self.lives.values() if of == role), key=lambda points: points[-1][0] - points[0][0])
            old = [size for when, size in life if when >= life[0][0] + GROWN_UP]
            if len(old) >= FEWEST:
                early, late = (statistics.median(part) for part in (old[:len(old) // 3], old[-(len(old) // 3):]))
                minutes = (life[-1][0] - life[0][0]) / 60
                yield (f"{role}: the longest life, {minutes:.0f} minutes, from the 10th on: kB", f"{early / 1000:.0f}",
                       f"{late / 1000:.0f}", "<= 5 % more", late <= MEMORY_GROWTH * early)

    @staticmethod
    def comparisons(first, last):
        for role in ROLES:
            def of(rows, field):
                return statistics.median(row[f"{role} {field}"] for row in rows)

            def per_minute(rows):
                spent = rows[-1][f"{role} processor"] - rows[0][f"{role} processor"]
                return spent * 60 / (rows[-1]["at"] - rows[0]["at"])

            for field in ("descriptors", "threads", "processes"):
                early, late = of(first, field), of(last, field)
                yield f"{role}: {field}", f"{early:g}", f"{late:g}", "equal", early == late
            early, late = of(first, "bytes"), of(last, "bytes")
            yield f"{role}: memory (PSS), kB", f"{early / 1000:.0f}", f"{late / 1000:.0f}", "", None
            # A process that was killed and begins anew has little yet: an hour with more kills would seem to be the leaner.
            old = [[row for row in rows if row[f"{role} age"] >= GROWN_UP] for rows in (first, last)]
            if all(len(rows) >= FEWEST for rows in old):
                early, late = (of(rows, "own bytes") for rows in old)
                yield (f"{role}: memory (PSS without files) from 10 minutes of age on, kB", f"{early / 1000:.0f}",
                       f"{late / 1000:.0f}", "<= 5 % more", late <= MEMORY_GROWTH * early)
            early, late = per_minute(first), per_minute(last)
            yield (f"{role}: processor, s a minute", f"{early:.4f}", f"{late:.4f}", f"<= {PROCESSOR_FACTOR} times + 0.01",
                   late <= PROCESSOR_FACTOR * early + 0.01)
        early, late = (statistics.median(sum(row[f"{role} bytes"] for role in ROLES) for row in rows) for rows in (first, last))
        yield ("all: memory (PSS), kB", f"{early / 1000:.0f}", f"{late / 1000:.0f}", "<= 5 % more", late <= MEMORY_GROWTH * early)
        early, late = (statistics.median(row["segment bytes"] for row in rows) for rows in (first, last))
        yield "segment, bytes", f"{early:g}", f"{late:g}", "equal", early == late

    def write_csv(self, path):
        if self.rows:
            with open(path, "w", newline="") as file:
                writer = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.rows)
