# SPDX-License-Identifier: MIT
"""What was measured: figures with their runs, medians, ratios and targets, as a table, JSON and CSV."""

import csv
import json
import operator
import os
import pathlib
import platform
import statistics
import subprocess
import time

COMPARE = {"<=": operator.le, ">=": operator.ge}


def shown(value, unit):
    """A number as a person reads it."""
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
            if value * factor >= 1 or name == "ns":
                return f"{value * factor:.3g} {name}" if value * factor < 1000 else f"{value * factor:.0f} {name}"
    if unit == "B":
        return f"{value / 1e6:.2f} MB"
    if unit == "/s":
        return f"{value:,.0f}/s"
    return f"{value:.4g} {unit}".strip()


class Figures:
    """Collected by the measurements, in their order."""

    def __init__(self, quick, goals):
        """`goals`: name -> (target, words)."""
        self.goals = goals
        self.rows = []
        self.points = []
        self.measurement = ""  # whose figures come now
        self.machine = {"kernel": platform.release(), "cores": os.cpu_count(), "quick": quick,
                        "processor": processor(), "began_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                        "load_before": os.getloadavg()[0], "commit": commit()}

    def pair(self, name, peer, unit, runs, goal=None):
        """`runs`: (ours, the peer's) of runs one right after the other; the goal is of the ratio's median."""
        ratios = [ours / theirs for ours, theirs in runs]
        self._add(name, unit, peer=peer, ours=statistics.median(run[0] for run in runs),
                  theirs=statistics.median(run[1] for run in runs), ratio=statistics.median(ratios),
                  lowest=min(ratios), highest=max(ratios), runs=runs, goal=goal)

    def single(self, name, unit, values, goal=None):
        self._add(name, unit, ours=statistics.median(values), runs=values, goal=goal)

    def point(self, curve, size, series, value):
        """One point of a growth curve; seconds."""
        same = (curve, size, series)
        self.points = [point for point in self.points if point[:3] != same] + [same + (value,)]

    def keep_others(self, directory, measured):
        """What an earlier run left of other measurements."""
        try:
            earlier = json.loads((pathlib.Path(directory) / "bench.json").read_text())["figures"]
            with open(pathlib.Path(directory) / "bench.csv", newline="") as file:
                points = [(row["curve"], int(row["size"]), row["series"], float(row["seconds"]))
                          for row in csv.DictReader(file)]
        except FileNotFoundError:
            return
        self.rows = [row for row in earlier if row["measurement"] not in measured]
        self.points = points

    def outcomes(self):
        """Of each goal."""
        told = {row["goal"]: "held" if row["met"] else "MISSED" for row in self.rows if row.get("goal")}
        return {goal: told.get(goal, "not measured") for goal in self.goals}

    def _add(self, name, unit, goal, **row):
        row = {"measurement": self.measurement, "name": name, "unit": unit, "load": os.getloadavg()[0], "goal": goal,
               "target": self.goals[goal][0] if goal else None} | row
        if goal:
            sign, limit = row["target"].split()
            row["met"] = COMPARE[sign](row.get("ratio", row["ours"]), float(limit))
        self.rows.append(row)
        print(self.line(row), flush=True)

    @staticmethod
    def line(row):
        cells = [row["name"], shown(row["ours"], row["unit"])]
        if "peer" in row:
            cells += [row["peer"], shown(row["theirs"], row["unit"]),
                      f"{row['ratio']:.3g} ({row['lowest']:.3g}-{row['highest']:.3g})"]
        else:
            cells += ["", "", ""]
        if row["target"]:
            sign, limit = row["target"].split()
            wanted = f"{sign} {limit}" if "peer" in row else f"{sign} {shown(float(limit), row['unit'])}"
            cells.append(wanted + (", met" if row["met"] else ", MISSED"))
        else:
            cells.append("")
        return "| " + " | ".join(cells) + " |"

    def table(self):
        """For README: what has a peer or a target."""
        machine = self.machine
        rows = [row for row in self.rows if "peer" in row or row["target"]]
        runs = max((len(row["runs"]) for row in rows), default=0)
        loads = sorted(row["load"] for row in rows) or [0]
        return (f"Medians of up to {runs} runs on {machine['cores']} cores ({machine['processor']}), "
                f"Linux {machine['kernel']}, {machine['began_at'][:10]}, load average {loads[0]:.0f} to {loads[-1]:.0f} meanwhile:\n\n"
                "| what | this responder | peer | peer's | ratio (range) | target |\n|---|---|---|---|---|---|\n"
                + "\n".join(map(self.line, rows)) + "\n")

    def write(self, directory):
        directory = pathlib.Path(directory)
        self.machine["load_after"] = os.getloadavg()[0]
        (directory / "bench.json").write_text(json.dumps({"machine": self.machine, "goals": self.outcomes(), "figures": self.rows}, indent=1) + "\n")
        (directory / "bench.md").write_text(self.table())
        with open(directory / "bench.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("curve", "size", "series", "seconds"))
            writer.writerows((curve, size, series, f"{value:.9f}") for curve, size, series, value in self.points)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()
