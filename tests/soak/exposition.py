# SPDX-License-Identifier: MIT
"""The text format 0.0.4, read strictly: what a Prometheus would only half understand is an error here."""

import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (\S+)")
TYPES = ("counter", "gauge", "histogram")


class Malformed(Exception):
    """The text is no exposition."""


class Exposition:
    """`samples`: series -> value, `types`: family -> type."""

    def __init__(self, text):
        self.samples, self.types = {}, {}
        if not text.endswith("\n"):
            raise Malformed("the last line does not end")
        self.described, self.family = set(), None
        for number, line in enumerate(text[:-1].split("\n"), 1):
            try:
                self.take(line)
            except (ValueError, Malformed) as wrong:
                raise Malformed(f"line {number}, {line!r}: {wrong}") from wrong
        self.check_histograms()

    def take(self, line):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            if name in self.described:
                raise Malformed("the family is there twice")
            self.described.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in self.types or name not in self.described or kind not in TYPES:
                raise Malformed("a second TYPE, one without HELP, or an unknown type")
            self.types[name], self.family = kind, name
        else:
            self.take_sample(line)

    def take_sample(self, line):
        found = SAMPLE.fullmatch(line)
        if not found:
            raise Malformed("neither a comment nor a sample")
        name, labels, value = found[1], found[2] or "", float(found[3])
        if self.family_of(name) != self.family:
            raise Malformed(f"not of the family {self.family}")
        if name + labels in self.samples:
            raise Malformed("the series is there twice")
        if not math.isfinite(value):
            raise Malformed("the value is no number")
        if self.types[self.family] != "gauge" and value < 0:
            raise Malformed("a counter below 0")
        self.samples[name + labels] = value

    def family_of(self, name):
        base = re.sub("_(bucket|sum|count)$", "", name)
        return base if self.types.get(base) == "histogram" else name

    def check_histograms(self):
        for name in (name for name, kind in self.types.items() if kind == "histogram"):
            buckets = [value for series, value in self.samples.items() if series.startswith(f"{name}_bucket{{")]
            if buckets != sorted(buckets) or not buckets or buckets[-1] != self.samples.get(f"{name}_count"):
                raise Malformed(f"the buckets of {name} do not add up")

    def counters(self):
        """The series that may only rise."""
        return {series: value for series, value in self.samples.items()
                if self.types[self.family_of(series.partition("{")[0])] != "gauge"}
